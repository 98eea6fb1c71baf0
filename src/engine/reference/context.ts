/** What a rule is run in. */
import type { Packet } from '../../packet/packet.js'
import type { Rule } from '../../ruleset/model.js'
import type { Environment } from '../environment.js'
import type { Interfaces } from './intervals.js'
import type { Memory } from './memory.js'
import type { Asked } from './protocols.js'
import type { ReferenceTable } from './tables.js'

/** One value for each part of a concatenation, as unsigned numbers in the order in which a person reads them. */
export type Value = readonly bigint[]

export interface Context {
  readonly packet: Packet
  readonly environment: Environment
  readonly interfaces: Interfaces
  readonly table: ReferenceTable
  readonly rule: Rule
  /** What statements and generators remember. */
  readonly memory: Memory
  /** What the rule has asked of the protocols so far. */
  readonly asked: Asked
  /** Nanoseconds, never less than they were. */
  readonly now: bigint
}
