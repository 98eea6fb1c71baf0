/** What a rule is run in, and what the parts of the evaluator say to each other. */
import type { Packet } from '../../packet/packet.js'
import type {
  AnonymousMap,
  AnonymousSet,
  Chain,
  Expression,
  Meter,
  NamedSet,
  ObjectKind,
  Rule,
  SetReference,
  Stateful,
  Table,
  Verdict,
} from '../../ruleset/model.js'
import type { PartType } from '../../ruleset/types.js'
import type { Environment } from '../environment.js'
import type { Memory } from './memory.js'
import type { Asked } from './protocols.js'
import type { ReferenceXtables } from './xtables/matches.js'

/** One value for each part of a concatenation, as unsigned numbers in the order in which a person reads them. */
export type Value = readonly bigint[]

export type Interval = readonly [from: bigint, to: bigint]

/** Names of interfaces by their indexes. */
export type Interfaces = ReadonlyMap<number, string>

/** What a statement says to a packet: go on in the rule, leave the rule, or drop. */
export type Step = 'continue' | 'break' | 'drop'

/** A statement that keeps a state. */
export interface State {
  run(context: Context): Step
}

/** What an element leads to: a value, a verdict, or the name of an object. */
export type Data = Value | Verdict | string

/** An element of a set. */
export interface Entry {
  /** None for the catch-all. */
  readonly box: readonly Interval[] | undefined
  readonly data: Data | undefined
  readonly states: readonly State[]
}

/** A set, map or meter. */
export interface Elements {
  /** The element that a key belongs to: the catch-all if it belongs to no other. */
  find(key: Value, context: Context): Entry | undefined
  /** Adds an element, or finds the one that is there, and runs its statements. A full set ends the rule. */
  add(
    key: Value,
    refresh: boolean,
    timeout: number | undefined,
    statements: readonly Stateful[] | undefined,
    data: Value | undefined,
    context: Context,
  ): Step
  delete(key: Value, context: Context): void
}

/** A table with what its rules look up. */
export interface Tables {
  readonly table: Table
  /** The sets as they are written. */
  readonly sets: readonly NamedSet[]
  readonly windows: ReadonlyMap<string, { admit(packet: Packet): boolean }>
  chain(name: string): Chain
  object(kind: ObjectKind, name: string): State | undefined
  /** A named set or map, once a packet has come. */
  set(name: string): Elements | undefined
  /** What a key is looked up in. `data`: the types of what an anonymous map leads to. */
  setOf(
    set: AnonymousSet | AnonymousMap | SetReference,
    key: Expression,
    context: Context,
    data?: readonly PartType[],
  ): Elements
  meter(meter: Meter, context: Context): Elements
}

export interface Context {
  readonly packet: Packet
  readonly environment: Environment
  readonly interfaces: Interfaces
  readonly table: Tables
  readonly rule: Rule
  /** What statements and generators remember. */
  readonly memory: Memory
  readonly xtables: ReferenceXtables
  /** What the rule has asked of the protocols so far. */
  readonly asked: Asked
  /** Nanoseconds, never less than they were. */
  readonly now: bigint
}
