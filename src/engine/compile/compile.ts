import { type ColumnName, Family, Hook } from '../../packet/packet.js'
import { checkRuleset, RulesetError } from '../../ruleset/check.js'
import { keyOf } from '../../ruleset/elements.js'
import type { Element, Expression, Rule, Ruleset, Statement, Table, Window } from '../../ruleset/model.js'
import { familiesOf, selectorInfo } from '../../ruleset/selectors.js'
import type { Supply } from '../environment.js'
import { evaluable } from '../evaluable.js'
import type { BaseChainEntry, BaseChainInfo, Program, RuleInfo } from '../program.js'
import { InterfaceClasses } from '../state/interfaces.js'
import { Emitter } from './emit.js'
import { figuresOf } from './figures.js'
import { changedBy, type FlatRule, Flattener, ofFamily } from './flatten.js'
import { buildTrees, type Tree } from './tree.js'

/** A chain as packets of one family run it. */
export interface CompiledChain {
  readonly table: Table
  readonly name: string
  /** A number of Family. */
  readonly family: number
  readonly rules: readonly FlatRule[]
  readonly trees: readonly Tree[]
  /** Where it starts in the program, see search.ts. */
  readonly start: number
}

/**
 * Compiles a Ruleset to decision trees. Supplies: what the source of packets can tell, all of it if that is not said.
 * Throws RulesetError if there is anything wrong with the ruleset, or anything in it that cannot be decided.
 */
export function compile(ruleset: Ruleset, supplies?: ReadonlySet<Supply>): Program {
  return compileChains(ruleset, supplies).program
}

/** The same, and what the chains became on the way. */
export function compileChains(
  ruleset: Ruleset,
  supplies?: ReadonlySet<Supply>,
): { readonly program: Program; readonly chains: readonly CompiledChain[] } {
  const problems = [...checkRuleset(ruleset), ...evaluable(ruleset, supplies)]
  if (problems.length > 0) throw new RulesetError(problems)
  const compilation = new Compilation(ruleset)
  return { program: compilation.program(), chains: compilation.chains }
}

interface PlacedChain {
  readonly hook: number
  readonly family: number
  readonly entry: BaseChainEntry
}

class Compilation {
  readonly #ruleset: Ruleset
  readonly #interfaces: readonly string[]
  readonly #rules: RuleInfo[] = []
  readonly #windows: Window[] = []
  readonly #bases: BaseChainInfo[] = []
  readonly #placed: PlacedChain[] = []
  readonly #emitter = new Emitter()
  readonly chains: CompiledChain[] = []

  constructor(ruleset: Ruleset) {
    this.#ruleset = ruleset
    this.#interfaces = interfacesOf(ruleset)
  }

  program(): Program {
    for (const [index, table] of this.#ruleset.tables.entries()) this.#table(table, index)
    const { counters, steps, choices, lookups, rejects } = this.#emitter
    const code = Int32Array.from(this.#emitter.code)
    return {
      source: this.#ruleset,
      code,
      bases: this.#bases,
      hooks: this.#hooks(),
      rules: this.#rules,
      windows: this.#windows,
      steps,
      choices,
      lookups,
      rejects,
      counters,
      interfaces: this.#interfaces,
      figures: {
        rules: this.#rules.length,
        bytes: code.byteLength,
        ...figuresOf(
          code,
          this.chains.map(({ start }) => start),
        ),
      },
    }
  }

  /** Compiles a table's chains, once for each family: most matches are about one, so both trees are small. */
  #table(table: Table, index: number): void {
    const flattener = new Flattener(table, new InterfaceClasses(this.#interfaces))
    const windows = new Map(table.windows.map((window) => [window.name, this.#windows.push(window) - 1]))
    const chains = table.chains.map((chain) => {
      const changing: ReadonlySet<ColumnName> = changedBy(chain.name, table)
      return {
        ...chain,
        number:
          chain.base === undefined ? -1 : this.#bases.push({ table: table.name, chain: chain.name }) - 1,
        flat: chain.rules.flatMap((rule) => {
          const number = this.#rules.push({ table: table.name, chain: chain.name, ...infoOf(rule) }) - 1
          return flattener.flatten(rule, number, changing) ?? []
        }),
      }
    })
    for (const family of familiesOf(table.family)) {
      const entries = new Map<string, number>()
      for (const { name, base, number, flat } of chains) {
        const rules = flat.flatMap((rule) => ofFamily(rule, family) ?? [])
        const trees = buildTrees(rules)
        const entry = this.#emitter.emit(rules, trees, { index, of: table }, windows)
        entries.set(name, entry)
        this.chains.push({ table, name, family, rules, trees, start: entry })
        if (base === undefined || table.dormant) continue
        const { hook, priority, policy } = base
        const placed = { entry, accepts: policy === 'accept', chain: number, priority }
        this.#placed.push({ hook: Hook[hook], family, entry: placed })
      }
      this.#emitter.link(entries)
    }
  }

  /** Which base chains run at each hook for each family, in their order. */
  #hooks(): Program['hooks'] {
    // The kernel runs the later registered of two equal priorities first.
    const sorted = this.#placed.toSorted(
      (a, b) => a.entry.priority - b.entry.priority || b.entry.chain - a.entry.chain,
    )
    return Object.values(Hook).flatMap((hook) =>
      [Family.ipv4, Family.ipv6].map((family) =>
        sorted.filter((placed) => placed.hook === hook && placed.family === family).map(({ entry }) => entry),
      ),
    )
  }
}

function infoOf({ comment, position }: Rule): Pick<RuleInfo, 'comment' | 'position'> {
  return { ...(comment === undefined ? {} : { comment }), ...(position === undefined ? {} : { position }) }
}

/** All interface names and patterns that rules compare with. */
function interfacesOf(ruleset: Ruleset): string[] {
  const names = new Set<string>()
  for (const table of ruleset.tables) {
    for (const chain of table.chains) for (const { statements } of chain.rules) statements.forEach(addAll)

    function addAll(statement: Statement): void {
      if (statement.kind !== 'match' || statement.left.kind !== 'meta') return
      if (selectorInfo(statement.left)?.type !== 'ifname') return
      const { right } = statement
      const set = right.kind === 'reference' ? table.sets.find(({ name }) => name === right.name) : right
      if (set !== undefined && 'elements' in set) set.elements.forEach(add)
      else if (set !== undefined) add(set as Expression)
    }
  }
  return [...names]

  function add(element: Element | Expression): void {
    const key = element.kind === 'element' ? keyOf(element) : element
    if (key.kind === 'value' && typeof key.value === 'string') names.add(key.value)
  }
}
