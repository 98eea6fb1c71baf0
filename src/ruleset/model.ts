/**
 * The Ruleset: what every language becomes and everything else starts from, in nftables' terms and shaped
 * after libnftables-json(5). Plain data: it can be cloned, sent to a thread and compared.
 *
 * Numbers (addresses, ports, protocols, types, marks, states) are unsigned bigints in the order in which a
 * person reads them, whatever their size; interface names are text.
 */
import type { HookName } from '../packet/packet.js'

/** Where something was written. Lines and columns count from 1; a column counts UTF-16 units. */
export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

export interface Ruleset {
  readonly tables: readonly Table[]
}

export type TableFamily = 'ip' | 'ip6' | 'inet'

export interface Table {
  readonly family: TableFamily
  readonly name: string
  readonly sets: readonly NamedSet[]
  readonly windows: readonly Window[]
  readonly chains: readonly Chain[]
}

export interface Chain {
  readonly name: string
  /** Present on a base chain, which the kernel calls at its hook; other chains are only jumped to. */
  readonly base?: BaseChain
  readonly rules: readonly Rule[]
}

export interface BaseChain {
  readonly type: 'filter'
  readonly hook: HookName
  /** Chains of one hook run in the order of their priorities, lowest first. */
  readonly priority: number
  readonly policy: 'accept' | 'drop'
}

export interface Rule {
  readonly statements: readonly Statement[]
  readonly comment?: string
  readonly position?: Position
}

export interface NamedSet {
  readonly name: string
  readonly type: DataType
  readonly elements: readonly Element[]
  readonly position?: Position
}

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

export type Statement = Match | Counter | WindowReference | Verdict

export interface Match {
  readonly kind: 'match'
  readonly operator: Operator
  readonly left: Selector
  readonly right: Right
}

/**
 * `in` is nft's implied operator: equality with a value, membership in a range, prefix or set, and for
 * bit masks (ct state) any common bit with one value or a list of them.
 */
export type Operator = 'in' | '==' | '!='

/** Counts packets and bytes that reach it. */
export interface Counter {
  readonly kind: 'counter'
}

/** Breaks the rule, as a match that fails, if the named window of the table is full for the packet's source. */
export interface WindowReference {
  readonly kind: 'window'
  readonly name: string
}

export type Verdict =
  | { readonly kind: 'accept' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'continue' }
  | { readonly kind: 'return' }
  | { readonly kind: 'jump'; readonly target: string }
  | { readonly kind: 'goto'; readonly target: string }

/** What of a packet is looked at. */
export type Selector = Payload | Meta | Ct

export interface Payload {
  readonly kind: 'payload'
  readonly protocol: string
  readonly field: string
}

export interface Meta {
  readonly kind: 'meta'
  readonly key: string
}

export interface Ct {
  readonly kind: 'ct'
  readonly key: string
}

/** What a selector is compared with. */
export type Right = Element | AnonymousSet | SetReference | Flags

export type Element = Value | Range | PrefixElement

export interface Value {
  readonly kind: 'value'
  readonly value: bigint | string
}

export interface Range {
  readonly kind: 'range'
  readonly from: bigint
  readonly to: bigint
}

export interface PrefixElement {
  readonly kind: 'prefix'
  readonly base: bigint
  readonly length: number
}

export interface AnonymousSet {
  readonly kind: 'set'
  readonly elements: readonly Element[]
}

export interface SetReference {
  readonly kind: 'reference'
  readonly name: string
}

/** Bits of a bit-mask type, as in `ct state established,related`. */
export interface Flags {
  readonly kind: 'flags'
  readonly bits: bigint
}

/** nft's names of datatypes; `nft describe` has their sizes. */
export type DataType =
  | 'ipv4_addr'
  | 'ipv6_addr'
  | 'inet_service'
  | 'inet_proto'
  | 'nf_proto'
  | 'icmp_type'
  | 'icmpv6_type'
  | 'ct_state'
  | 'mark'
  | 'ifname'
  | 'integer'
