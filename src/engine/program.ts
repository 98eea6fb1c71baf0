import type { Position, Reject, Ruleset, Statement, VerdictMap, Window } from '../ruleset/model.js'

/**
 * The instructions of a program. Each is its number followed by its operands, a word each:
 *
 * - a tree's inner nodes pick the next instruction by the value of a column; its leaves are the rules that
 *   are left, in order: what remains to be tested of each, then its statements;
 * - `fail` is where a test that does not hold goes on: the next rule of the leaf.
 */
export const Op = {
  /** column, target if the packet lacks it, target of values from `size` on, size, a target for each value */
  table: 0,
  /** column, target if the packet lacks it, shift of the first nibble, root entry of the trie of targets */
  trie: 1,
  /** column, fail, shift of the first nibble, root entry of a trie whose targets are 1 for members and 0 for others */
  member: 2,
  /** column, fail, value */
  equals: 3,
  /** column, fail, n, n pairs of lowest and highest value, as `ordered` has them */
  ranges: 4,
  /** base (0 network, 1 transport), offset, length, fail, n, n pairs as above */
  load: 5,
  /** counter */
  count: 6,
  /** window, fail */
  window: 7,
  /** rule */
  accept: 8,
  /** rule */
  drop: 9,
  /** chain's first instruction */
  jump: 10,
  /** chain's first instruction */
  goto: 11,
  /** the end of a chain, or `return` */
  end: 12,
  /** column, fail, place in `lookups`, 1 if it must be in the set and 0 if it must not, rule */
  lookup: 13,
  /** place in `steps`, fail */
  run: 14,
  /** place in `choices`, fail, a target for each verdict of the map */
  choose: 15,
  /** rule, place in `rejects` */
  reject: 16,
  /** target */
  go: 17,
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
  /** Offset of the chain's first instruction. */
  readonly entry: number
  readonly accepts: boolean
  /** The chain's index in `Program.bases`, see `policyNumber`. */
  readonly chain: number
  readonly priority: number
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

export interface Figures {
  readonly rules: number
  readonly nodes: number
  readonly leaves: number
  /** Inner nodes on the longest way to a leaf. */
  readonly depth: number
  readonly bytes: number
  /** Rules in the longest leaf. */
  readonly longestLeaf: number
}
