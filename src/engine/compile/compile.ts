import { Family, Hook } from '../../packet/packet.js'
import { checkRuleset, RulesetError } from '../../ruleset/check.js'
import type { Ruleset, Window } from '../../ruleset/model.js'
import { familiesOf, selectorInfo } from '../../ruleset/selectors.js'
import {
  type EvaluableElement,
  type EvaluableMatch,
  type EvaluableRule,
  type EvaluableRuleset,
  type EvaluableTable,
  evaluable,
} from '../evaluable.js'
import type { BaseChainEntry, BaseChainInfo, Program, RuleInfo } from '../program.js'
import { InterfaceClasses } from '../state/interfaces.js'
import { Emitter } from './emit.js'
import { Flattener, ofFamily } from './flatten.js'
import { buildTree } from './tree.js'

/**
 * Compiles a Ruleset to decision trees. Throws RulesetError if there is anything wrong with it, or anything in
 * it that cannot be evaluated.
 */
export function compile(ruleset: Ruleset): Program {
  const problems = checkRuleset(ruleset)
  if (problems.length > 0) throw new RulesetError(problems)
  return new Compilation(ruleset).program()
}

interface PlacedChain {
  readonly hook: number
  readonly family: number
  readonly priority: number
  readonly entry: BaseChainEntry
}

class Compilation {
  readonly #source: Ruleset
  readonly #ruleset: EvaluableRuleset
  readonly #interfaces: readonly string[]
  readonly #rules: RuleInfo[] = []
  readonly #windows: Window[] = []
  readonly #bases: BaseChainInfo[] = []
  readonly #placed: PlacedChain[] = []
  readonly #emitter = new Emitter()

  constructor(source: Ruleset) {
    this.#source = source
    this.#ruleset = evaluable(source)
    this.#interfaces = interfacesOf(this.#ruleset)
  }

  program(): Program {
    for (const table of this.#ruleset.tables) this.#table(table)
    const { counters, nodes, leaves, depth, longestLeaf } = this.#emitter
    const code = Int32Array.from(this.#emitter.code)
    return {
      source: this.#source,
      code,
      bases: this.#bases,
      hooks: this.#hooks(),
      rules: this.#rules,
      windows: this.#windows,
      counters,
      interfaces: this.#interfaces,
      figures: { rules: this.#rules.length, nodes, leaves, depth, bytes: code.byteLength, longestLeaf },
    }
  }

  /** Compiles a table's chains, once for each family: most matches are about one, so both trees are small. */
  #table(table: EvaluableTable): void {
    const flattener = new Flattener(table, new InterfaceClasses(this.#interfaces))
    const windows = new Map(table.windows.map((window) => [window.name, this.#windows.push(window) - 1]))
    const chains = table.chains.map((chain) => ({
      ...chain,
      number: chain.base === undefined ? -1 : this.#bases.push({ table: table.name, chain: chain.name }) - 1,
      flat: chain.rules.flatMap((rule) => {
        const number = this.#rules.push({ table: table.name, chain: chain.name, ...infoOf(rule) }) - 1
        return flattener.flatten(rule, number) ?? []
      }),
    }))
    for (const family of familiesOf(table.family)) {
      const entries = new Map<string, number>()
      for (const { name, base, number, flat } of chains) {
        const rules = flat.flatMap((rule) => ofFamily(rule, family) ?? [])
        const entry = this.#emitter.emit(buildTree(rules), windows)
        entries.set(name, entry)
        if (base === undefined) continue
        const { hook, priority, policy } = base
        const placed = { entry, accepts: policy === 'accept', chain: number }
        this.#placed.push({ hook: Hook[hook], family, priority, entry: placed })
      }
      this.#emitter.link(entries)
    }
  }

  /** Which base chains run at each hook for each family, in their order. */
  #hooks(): Program['hooks'] {
    // The kernel runs the later registered of two equal priorities first.
    const sorted = this.#placed.toSorted((a, b) => a.priority - b.priority || b.entry.chain - a.entry.chain)
    return Object.values(Hook).flatMap((hook) =>
      [Family.ipv4, Family.ipv6].map((family) =>
        sorted.filter((placed) => placed.hook === hook && placed.family === family).map(({ entry }) => entry),
      ),
    )
  }
}

function infoOf({ comment, position }: EvaluableRule): Pick<RuleInfo, 'comment' | 'position'> {
  return { ...(comment === undefined ? {} : { comment }), ...(position === undefined ? {} : { position }) }
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
