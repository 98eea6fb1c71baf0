import type { Prefix } from '../../packet/address.js'
import type { Position } from '../../ruleset/model.js'
import type { Closed } from './actions.js'
import type { FilterSource } from './filter.js'

/** Logs that a jail reads. */
export interface LogSource {
  /** A path, or a pattern of paths as in the shell. */
  readonly pattern: string
  /** What stands in it already is passed over. */
  readonly tail: boolean
  readonly position: Position
}

/** Later bans of an address are longer. */
export interface Increment {
  /** The n-th ban (from 0) is bantime × multipliers[n], the last for all further ones; none: bantime × factor × 2ⁿ. */
  readonly multipliers: readonly number[]
  readonly factor: number
  /** Milliseconds at most. */
  readonly most: number
  /** Milliseconds of a random addition, at most. */
  readonly random: number
  /** Bans of other jails count too. */
  readonly allJails: boolean
}

/** Whom a jail never bans. */
export interface Ignored {
  readonly prefixes: readonly Prefix[]
  /** Names to be resolved. */
  readonly names: readonly string[]
  /** The machine's own addresses. */
  readonly self: boolean
}

export interface Jail {
  readonly name: string
  readonly position: Position
  readonly filter: FilterSource
  readonly logs: readonly LogSource[]
  /** Where it reads: files, or systemd's journal by these matches (journalctl's, those of a list go together). */
  readonly journal: readonly (readonly string[])[] | undefined
  /** Failures that ban. */
  readonly maxRetry: number
  /** Milliseconds in which they have to happen. */
  readonly findTime: number
  /** Milliseconds; Infinity is for good. */
  readonly banTime: number
  readonly increment: Increment | undefined
  readonly ignored: Ignored
  /** `no`: only addresses count; `yes`: names are resolved. */
  readonly useDns: 'yes' | 'no'
  /** A label of TextDecoder. */
  readonly encoding: string
  /** Minutes east of UTC of dates that say no zone; undefined: the machine's zone. */
  readonly zone: number | undefined
  readonly closed: Closed
  readonly counting: 'exact' | 'fail2ban'
  /** Bits of an IPv6 address that count as one source, and are banned. */
  readonly ipv6: number
  /** Logs, and bans nobody. */
  readonly dryRun: boolean
}
