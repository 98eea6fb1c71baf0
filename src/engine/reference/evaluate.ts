/**
 * The reference evaluator: says what the kernel says, slowly, by walking the Ruleset as it is written. It
 * shares with the engine the view of packets, the Ruleset with what is known of it, and nothing else.
 */
import { Hook, type Packet } from '../../packet/packet.js'
import { RulesetError } from '../../ruleset/check.js'
import type { Chain, ObjectKind, Rule, Ruleset, Table } from '../../ruleset/model.js'
import { familiesOf } from '../../ruleset/selectors.js'
import type { RecentMatch } from '../../ruleset/xtables.js'
import type { Environment, Supply } from '../environment.js'
import { evaluable } from '../evaluable.js'
import { runChain } from './chains.js'
import type { Entry, State } from './context.js'
import { Memory } from './memory.js'
import { NOBODY, type Observer } from './observer.js'
import type { ReferenceSet } from './sets.js'
import { CounterState } from './stateful.js'
import { ReferenceTable } from './tables.js'
import type { ReferenceWindow } from './window.js'
import { ReferenceXtables } from './xtables/matches.js'

export interface ReferenceVerdict {
  /** Kinds of reject: `tcp-reset`, or `icmp-3/3` and `icmpv6-1/4` with type and code of what is sent. */
  readonly verdict: 'accept' | 'drop' | `reject:${string}`
  /** Who decided: a rule, a chain by its policy, or nobody as no chain is at the hook. */
  readonly rule?: Rule
  readonly chain?: Chain
  /** The rules that logged the packet. */
  readonly logged: readonly Rule[]
}

interface Base {
  readonly table: ReferenceTable
  readonly chain: Chain & { readonly base: NonNullable<Chain['base']> }
}

export class ReferenceEngine {
  /** In the order in which they run: of the same priority the one that is written last goes first. */
  readonly #bases: readonly Base[]
  readonly #tables: readonly ReferenceTable[]
  readonly #environment: Environment
  readonly #memory = new Memory()
  readonly #xtables: ReferenceXtables
  /** Names of interfaces by their indexes, to be told before the first packet. */
  readonly interfaces = new Map<number, string>()
  /** Nanoseconds: time never goes back. */
  #now: bigint
  #hasStarted = false

  /**
   * Supplies: what the source of packets tells, all of it if that is not said. Throws RulesetError, which names everything in
   * the ruleset that cannot be decided from that.
   */
  constructor(ruleset: Ruleset, environment: Environment, supplies?: ReadonlySet<Supply>) {
    const problems = evaluable(ruleset, supplies)
    if (problems.length > 0) throw new RulesetError(problems)
    this.#environment = environment
    this.#xtables = new ReferenceXtables(environment)
    declareXtables(ruleset, this.#xtables)
    this.#now = BigInt(Math.trunc(environment.start ?? 0))
    this.#tables = ruleset.tables.filter(({ dormant }) => !dormant).map((table) => new ReferenceTable(table))
    this.#bases = this.#tables
      .flatMap((table) => table.table.chains.filter(isBase).map((chain) => ({ table, chain })))
      .reverse()
      .sort((a, b) => a.chain.base.priority - b.chain.base.priority)
  }

  /** The verdict of all base chains at the packet's hook. */
  judge(packet: Packet, observer?: Observer): ReferenceVerdict {
    return this.run(packet, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, observer)
  }

  /**
   * The verdict of the base chains at the packet's hook with priorities from `from` on and below `before`; accept if there are
   * none. So a caller can defragment and track connections in between, as the kernel does at -400 and -200.
   */
  run(packet: Packet, from: number, before: number, observer: Observer = NOBODY): ReferenceVerdict {
    this.#advance(packet)
    if (packet.present === 0) return { verdict: 'drop', logged: [] }
    const logged: Rule[] = []
    let last: ReferenceVerdict = { verdict: 'accept', logged }
    for (const { table, chain } of this.#bases) {
      const { hook, priority, policy } = chain.base
      if (Hook[hook] !== packet.hook || priority < from || priority >= before) continue
      if (!familiesOf(table.table.family).includes(packet.family)) continue
      const decision = runChain(chain, {
        packet,
        environment: this.#environment,
        interfaces: this.interfaces,
        table,
        memory: this.#memory,
        xtables: this.#xtables,
        now: this.#now,
        observer,
        logged,
      })
      if (decision === undefined) observer.verdict(policy, chain, undefined)
      last = decision === undefined ? { verdict: policy, chain, logged } : { ...decision, logged }
      if (last.verdict !== 'accept') return last
    }
    return last
  }

  /** The counters of a rule, in their order; those that no packet has reached yet are missing. */
  countersOf(rule: Rule): readonly { readonly packets: bigint; readonly bytes: bigint }[] {
    return this.#memory.all(rule).filter((state) => state instanceof CounterState)
  }

  /** The state of a named object of a table. */
  object(table: Table, kind: ObjectKind, name: string): State | undefined {
    return this.#tables.find((one) => one.table === table)?.object(kind, name)
  }

  /** The state of the statement at a place in a rule; undefined if it has none, or has not run yet. */
  stateOf(rule: Rule, index: number): State | undefined {
    return this.#memory.peek(rule, index) as State | undefined
  }

  /** How often a packet's address was seen in a list of xtables' `recent`, within the match's time. */
  recentHits(match: RecentMatch, packet: Packet): number {
    return this.#xtables.recent(match.list).hits(match, packet)
  }

  /** A window of a table. */
  window(table: Table, name: string): ReferenceWindow | undefined {
    return this.#tables.find((one) => one.table === table)?.windows.get(name)
  }

  /** The named set or map of a table; none before the first packet. */
  set(table: Table, name: string): ReferenceSet | undefined {
    return this.#tables.find((one) => one.table === table)?.set(name)
  }

  /** The elements of a named set or map that are there, with their states; none before the first packet. */
  elements(table: Table, set: string): readonly Entry[] {
    return this.set(table, set)?.entries(this.#now) ?? []
  }

  #advance(packet: Packet): void {
    if (!this.#hasStarted) for (const table of this.#tables) table.start(this.interfaces, this.#now)
    this.#hasStarted = true
    const time = BigInt(Math.trunc(packet.time[0]!))
    if (time > this.#now) this.#now = time
  }
}

function isBase(chain: Chain): chain is Base['chain'] {
  return chain.base !== undefined
}

/** Lists and tables that rules share are made by the first rule that names them. */
function declareXtables({ tables }: Ruleset, xtables: ReferenceXtables): void {
  for (const { chains, family } of tables) {
    for (const { statements } of chains.flatMap(({ rules }) => rules))
      for (const statement of statements) if (statement.kind === 'xtables') xtables.declare(statement, family)
  }
}
