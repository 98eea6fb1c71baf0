import type { Position, Reject, Ruleset, Statement, VerdictMap, Window } from '../ruleset/model.js'
import type { TreeFigures } from './compile/figures.js'

/**
 * The instructions of a program. Each is its number followed by its operands, a word each. A rule's instructions are
 * what is left of it when the search for it is over (see search.ts): `fail` is where a test that does not hold goes
 * on, which is `next`.
 */
export const Op = {
  /** the rule is over: the next one of the chain that holds */
  next: 0,
  /** column, fail, an entry (see search.ts) from which members come to 1 and others to 0 */
  member: 1,
  /** column, fail, value */
  equals: 2,
  /** column, fail, n, n pairs of lowest and highest value, as `ordered` has them */
  ranges: 3,
  /** base (0 network, 1 transport), offset, length, fail, n, n pairs as above */
  load: 4,
  /** counter */
  count: 5,
  /** window, fail */
  window: 6,
  /** rule */
  accept: 7,
  /** rule */
  drop: 8,
  /** chain */
  jump: 9,
  /** chain */
  goto: 10,
  /** the end of a chain, or `return` */
  end: 11,
  /** column, fail, place in `lookups`, 1 if it must be in the set and 0 if it must not, rule */
  lookup: 12,
  /** place in `steps`, fail */
  run: 13,
  /** place in `choices`, fail, a target for each verdict of the map */
  choose: 14,
  /** rule, place in `rejects` */
  reject: 15,
  /** target */
  go: 16,
} as const

/** An unsigned 32-bit value as a signed word that sorts the same way. */
export function ordered(value: number): number {
  return value ^ 0x80000000
}

/** Statements that objects run, which the engine makes. */
export type RunStatement = Extract<
  Statement,
  {
    kind:
      | 'match'
      | 'limit'
      | 'quota'
      | 'ct count'
      | 'mangle'
      | 'notrack'
      | 'set'
      | 'meter'
      | 'object'
      | 'log'
      | 'xtables'
  }
>

/** Something of a table that an instruction refers to by its place; `table` is the table's index in the source. */
export interface InTable<T> {
  readonly table: number
  readonly what: T
}

/** A rule of the source, as counters and events speak of it. */
export interface RuleInfo {
  readonly table: string
  readonly chain: string
  readonly comment?: string
  readonly position?: Position
}

/** A base chain as packets of one family run it. */
export interface BaseChainEntry {
  /** Where the chain starts, see search.ts. */
  readonly entry: number
  readonly accepts: boolean
  /** The chain's index in `Program.bases`, see `policyNumber`. */
  readonly chain: number
  readonly priority: number
}

/**
 * The parts of a hook's base chains, by priority, between which the kernel does work of its own: it puts fragments
 * together at -400 and tracks connections at -200 (NF_IP_PRI_CONNTRACK_DEFRAG, NF_IP_PRI_CONNTRACK).
 */
export const Stage = { beforeFragments: 0, beforeTracking: 1, tracked: 2, all: 3 } as const
export const STAGES = Object.values(Stage).length

const PRIORITIES = [
  [Number.NEGATIVE_INFINITY, -400],
  [-400, -200],
  [-200, Number.POSITIVE_INFINITY],
  [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
] as const

/** The priorities of a stage: from, and below which. */
export function prioritiesOf(stage: number): readonly [from: number, below: number] {
  return PRIORITIES[stage]!
}

/** The base chains of a hook by Stage. */
export function chainsByStage(chains: readonly BaseChainEntry[]): BaseChainEntry[][] {
  return Array.from({ length: STAGES }, (_, stage) => {
    const [from, below] = prioritiesOf(stage)
    return chains.filter(({ priority }) => priority >= from && priority < below)
  })
}

/** A base chain of the source, in the order of the source. */
export interface BaseChainInfo {
  readonly table: string
  readonly chain: string
}

/** A Ruleset made ready to judge packets. Immutable; what changes from packet to packet is the engine's state. */
export interface Program {
  readonly source: Ruleset
  readonly code: Int32Array
  /** Base chains in the order in which they run, by hook × 2 + (1 for IPv6). */
  readonly hooks: readonly (readonly BaseChainEntry[])[]
  readonly bases: readonly BaseChainInfo[]
  /** Where the chains start in `code`, see search.ts. */
  readonly chains: readonly number[]
  readonly rules: readonly RuleInfo[]
  readonly windows: readonly Window[]
  readonly steps: readonly InTable<{ readonly rule: number; readonly statement: RunStatement }>[]
  readonly choices: readonly InTable<VerdictMap>[]
  /** Names of sets. */
  readonly lookups: readonly InTable<string>[]
  readonly rejects: readonly Reject[]
  /** Which rule each counter is in. */
  readonly counters: readonly number[]
  /** Interface names and patterns of the program, in the order of their classes. */
  readonly interfaces: readonly string[]
  readonly figures: Figures
}

export interface Figures extends TreeFigures {
  readonly rules: number
  readonly bytes: number
}
