/**
 * The Ruleset: what every language becomes and everything else starts from, in nftables' terms and shaped
 * after libnftables-json(5). Plain data: it can be cloned, sent to a thread and compared.
 *
 * Numbers (addresses, ports, protocols, types, marks, states) are unsigned bigints in the order in which a
 * person reads them, whatever their size; interface names are text. What a number means, its datatype, comes
 * from where it stands: the selector that it is compared with, or the type of its set.
 */
import type { HookName } from '../packet/packet.js'
import type { DataType } from './datatypes.js'
import type { AnonymousMap, Element, Expression, Right, Selector, SetReference } from './expressions.js'

import type { Connlimit, Counter, Limit, LimitSpec, Quota, QuotaSpec, Stateful, Verdict } from './stateful.js'
import type { XtablesMatch } from './xtables.js'
import type { XtablesTarget } from './xtables-targets.js'

export type { DataType } from './datatypes.js'
export type * from './expressions.js'
export type * from './stateful.js'
export type { XtablesTarget } from './xtables-targets.js'

/** Where something was written. Lines and columns count from 1; a column counts UTF-16 units. */
export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

export interface Ruleset {
  readonly tables: readonly Table[]
  /** What of it the kernel shall decide by itself while the engine is away. */
  readonly floor?: FloorMode
}

export const FLOOR_MODES = ['same', 'management', 'closed'] as const
export type FloorMode = (typeof FLOOR_MODES)[number]

export type TableFamily = 'ip' | 'ip6' | 'inet'

export interface Table {
  readonly family: TableFamily
  readonly name: string
  /** The kernel keeps the table but calls none of its chains. */
  readonly dormant?: boolean
  readonly comment?: string
  /** Sets and maps: they share their names. */
  readonly sets: readonly NamedSet[]
  readonly windows: readonly Window[]
  readonly objects?: readonly NamedObject[]
  readonly chains: readonly Chain[]
  readonly position?: Position
}

export interface Chain {
  readonly name: string
  /** Present on a base chain, which the kernel calls at its hook; other chains are only jumped to. */
  readonly base?: BaseChain
  readonly comment?: string
  readonly rules: readonly Rule[]
  readonly position?: Position
}

export interface BaseChain {
  readonly type: 'filter' | 'route'
  readonly hook: HookName
  /** Chains of one hook run in the order of their priorities, lowest first. */
  readonly priority: number
  readonly policy: 'accept' | 'drop'
}

export interface Rule {
  readonly statements: readonly Statement[]
  readonly comment?: string
  /** The kernel's number for the rule, where the source had it. */
  readonly handle?: number
  readonly position?: Position
}

export type SetFlag = 'constant' | 'interval' | 'timeout' | 'dynamic'

export interface NamedSet {
  readonly name: string
  /** A list for concatenations, one datatype for each part. */
  readonly type: DataType | readonly DataType[]
  /** The expression that the set was typed by, where it was written so. */
  readonly typeof?: Expression
  /** Present on a map: what its elements lead to. */
  readonly map?: MapData
  readonly typeofMap?: Expression
  readonly elements: readonly Element[]
  readonly flags?: readonly SetFlag[]
  readonly autoMerge?: boolean
  readonly policy?: 'performance' | 'memory'
  /** How many elements there may be. */
  readonly size?: number
  /** Milliseconds that elements live unless they say otherwise. */
  readonly timeout?: number
  /** Milliseconds. */
  readonly gcInterval?: number
  /** Statements that each element carries, such as a counter. */
  readonly statements?: readonly Stateful[]
  readonly comment?: string
  readonly position?: Position
}

export type MapData = DataType | readonly DataType[] | 'verdict' | ObjectKind

/**
 * A sliding window, Portcullis' own addition: lets through at most `rate` packets of one source in any span
 * of `per` milliseconds. A source is the first `prefix4` or `prefix6` bits of a source address.
 */
export interface Window {
  readonly name: string
  readonly rate: number
  /** Milliseconds. */
  readonly per: number
  /** Packets that were refused count as well, as `recent --update` counts them. */
  readonly strict: boolean
  /** How many sources are remembered at most. */
  readonly size: number
  readonly prefix4: number
  readonly prefix6: number
}

export type ObjectKind = 'counter' | 'quota' | 'limit' | 'ct helper' | 'ct timeout' | 'ct expectation'

/** An object that rules use by its name and that keeps its state between them. */
export type NamedObject = (
  | { readonly kind: 'counter'; readonly packets: bigint; readonly bytes: bigint }
  | ({ readonly kind: 'quota' } & QuotaSpec)
  | ({ readonly kind: 'limit' } & LimitSpec)
  | {
      readonly kind: 'ct helper'
      readonly type: string
      readonly protocol: 'tcp' | 'udp'
      readonly l3proto?: 'ip' | 'ip6'
    }
  | {
      readonly kind: 'ct timeout'
      readonly protocol: 'tcp' | 'udp'
      readonly l3proto?: 'ip' | 'ip6'
      /** Seconds by connection state. */
      readonly policy: Readonly<Record<string, number>>
    }
  | {
      readonly kind: 'ct expectation'
      readonly protocol: 'tcp' | 'udp'
      readonly dport: number
      /** Milliseconds. */
      readonly timeout: number
      readonly size: number
      readonly l3proto?: 'ip' | 'ip6'
    }
) & { readonly name: string; readonly comment?: string; readonly position?: Position }

export type Statement =
  | Match
  | Counter
  | Limit
  | Quota
  | Connlimit
  | Log
  | Reject
  | Queue
  | Notrack
  | Mangle
  | SetUpdate
  | Meter
  | VerdictMap
  | ObjectReference
  | WindowReference
  | XtablesMatch
  | XtablesTarget
  | Verdict

export interface Match {
  readonly kind: 'match'
  readonly operator: Operator
  readonly left: Expression
  readonly right: Right
}

/**
 * `in` is nft's implied operator: equality with a value, membership in a range, prefix or set, and for
 * bit masks (ct state, tcp flags) any common bit with one value or a list of them. `!` asks for no common bit.
 */
export type Operator = 'in' | '==' | '!=' | '<' | '<=' | '>' | '>=' | '!'

export interface Log {
  readonly kind: 'log'
  readonly prefix?: string
  readonly level?: string
  readonly group?: number
  readonly snaplen?: number
  readonly queueThreshold?: number
  readonly flags?: readonly LogFlag[]
}

export type LogFlag = 'tcp sequence' | 'tcp options' | 'ip options' | 'skuid' | 'ether' | 'all'

export interface Reject {
  readonly kind: 'reject'
  /** A tcp reset implies that the packet is TCP, whether a match before it says so or not. */
  readonly type: 'icmp' | 'icmpv6' | 'icmpx' | 'tcp reset'
  /** The ICMP code; none for a tcp reset. */
  readonly code?: number
}

/** Hands the packet to another queue: the rule ends there. */
export interface Queue {
  readonly kind: 'queue'
  /** Queue numbers, or what yields one. */
  readonly target?: Expression
  readonly flags: readonly ('bypass' | 'fanout')[]
}

export interface Notrack {
  readonly kind: 'notrack'
}

/** Sets a field of the packet's metadata or of its connection. */
export interface Mangle {
  readonly kind: 'mangle'
  readonly key: Selector
  readonly value: Expression
}

export interface SetUpdate {
  readonly kind: 'set'
  readonly operation: 'add' | 'update' | 'delete'
  readonly set: string
  readonly element: Expression
  /** Milliseconds. */
  readonly timeout?: number
  readonly statements?: readonly Stateful[]
  /** What a map's element leads to. */
  readonly data?: Expression
}

export interface Meter {
  readonly kind: 'meter'
  readonly name: string
  readonly size?: number
  readonly key: Expression
  /** Milliseconds. */
  readonly timeout?: number
  readonly statement: Stateful
}

/** Looks up a verdict; without one for the key the rule goes on. */
export interface VerdictMap {
  readonly kind: 'vmap'
  readonly key: Expression
  readonly map: AnonymousMap | SetReference
}

/** Uses a named object: by its name, or by a map that yields its name. */
export interface ObjectReference {
  readonly kind: 'object'
  readonly object: ObjectKind
  readonly name: string | Expression
}

/** Breaks the rule, as a match that fails, if the named window of the table is full for the packet's source. */
export interface WindowReference {
  readonly kind: 'window'
  readonly name: string
}
