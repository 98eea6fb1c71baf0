import { Family, Hook } from '../../packet/packet.js'
import { checkRuleset, RulesetError } from '../../ruleset/check.js'
import type { Ruleset, Window } from '../../ruleset/model.js'
import { familiesOf, selectorInfo } from '../../ruleset/selectors.js'
import {
  type EvaluableChain,
  type EvaluableElement,
  type EvaluableMatch,
  type EvaluableRule,
  type EvaluableRuleset,
  type EvaluableTable,
  evaluable,
} from '../evaluable.js'
import type { BaseChainEntry, Program, RuleInfo } from '../program.js'
import { InterfaceClasses } from '../state/interfaces.js'
import { Emitter } from './emit.js'
import { Flattener } from './flatten.js'
import { buildTree } from './tree.js'

/**
 * Compiles a Ruleset to a decision tree a chain. Throws RulesetError if there is anything wrong with it, or
 * anything in it that cannot be evaluated.
 */
export function compile(source: Ruleset): Program {
  const problems = checkRuleset(source)
  if (problems.length > 0) throw new RulesetError(problems)
  const ruleset = evaluable(source)

  const interfaces = interfacesOf(ruleset)
  const classes = new InterfaceClasses(interfaces)
  const rules: RuleInfo[] = []
  const windows: Window[] = []
  const chains: { table: EvaluableTable; chain: EvaluableChain; entry: number }[] = []
  const emitter = new Emitter()
  for (const table of ruleset.tables) {
    const entries = new Map<string, number>()
    const flattener = new Flattener(table, classes)
    const numbers = new Map(table.windows.map((window) => [window.name, windows.push(window) - 1]))
    for (const chain of table.chains) {
      const flat = chain.rules.flatMap((rule) => {
        const number = rules.push({ table: table.name, chain: chain.name, ...infoOf(rule) }) - 1
        return flattener.flatten(rule, number) ?? []
      })
      const entry = emitter.emit(buildTree(flat), numbers)
      entries.set(chain.name, entry)
      chains.push({ table, chain, entry })
    }
    emitter.link(entries)
  }
  const code = Int32Array.from(emitter.code)
  return {
    source,
    code,
    ...baseChains(chains),
    rules,
    windows,
    counters: emitter.counters,
    interfaces,
    figures: {
      rules: rules.length,
      nodes: emitter.nodes,
      leaves: emitter.leaves,
      depth: emitter.depth,
      bytes: code.byteLength,
      longestLeaf: emitter.longestLeaf,
    },
  }
}

function infoOf({ comment, position }: EvaluableRule): Pick<RuleInfo, 'comment' | 'position'> {
  return { ...(comment === undefined ? {} : { comment }), ...(position === undefined ? {} : { position }) }
}

/** The base chains, and which run at each hook for each family. */
function baseChains(
  chains: readonly { table: EvaluableTable; chain: EvaluableChain; entry: number }[],
): Pick<Program, 'bases' | 'hooks'> {
  const bases: BaseChainEntry[] = []
  const placed: { priority: number; hook: number; table: EvaluableTable; base: BaseChainEntry }[] = []
  for (const { table, chain, entry } of chains) {
    if (chain.base === undefined) continue
    const { hook, priority, policy } = chain.base
    const base = {
      entry,
      accepts: policy === 'accept',
      chain: bases.length,
      name: `${table.name} ${chain.name}`,
    }
    bases.push(base)
    placed.push({ priority, hook: Hook[hook], table, base })
  }
  // The kernel runs the later registered of two equal priorities first.
  placed.sort((a, b) => a.priority - b.priority || b.base.chain - a.base.chain)
  const hooks = Object.values(Hook).flatMap((hook) =>
    [Family.ipv4, Family.ipv6].map((family) =>
      placed
        .filter((chain) => chain.hook === hook && familiesOf(chain.table.family).includes(family))
        .map(({ base }) => base),
    ),
  )
  return { bases, hooks }
}

/** All interface names and patterns that a ruleset compares with. */
function interfacesOf(ruleset: EvaluableRuleset): string[] {
  const names = new Set<string>()
  for (const table of ruleset.tables) {
    for (const set of table.sets) {
      if (set.type === 'ifname') for (const element of set.elements) add(element)
    }
    for (const chain of table.chains) {
      for (const rule of chain.rules) {
        for (const statement of rule.statements) if (statement.kind === 'match') addMatch(statement)
      }
    }
  }
  return [...names]

  function addMatch({ left, right }: EvaluableMatch): void {
    if (selectorInfo(left)?.type !== 'ifname' || right.kind === 'reference') return
    if (right.kind === 'set') right.elements.forEach(add)
    else add(right)
  }

  function add(element: EvaluableElement | EvaluableMatch['right']): void {
    if (element.kind === 'value' && typeof element.value === 'string') names.add(element.value)
  }
}
