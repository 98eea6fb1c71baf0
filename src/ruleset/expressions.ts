/** Expressions: what of a packet is looked at, and what it is compared with. */
import type { Stateful, Verdict } from './stateful.js'

export type Expression =
  | Selector
  | Binary
  | Concatenation
  | MapLookup
  | Value
  | Range
  | PrefixElement
  | Flags
  | AnonymousSet
  | SetReference

/** What of a packet, or of its host, is looked at. */
export type Selector =
  | Payload
  | RawPayload
  | ExtensionHeader
  | TcpOption
  | IpOption
  | SctpChunk
  | DccpOption
  | Meta
  | Ct
  | Rt
  | Socket
  | Fib
  | Osf
  | Ipsec
  | NumberGenerator
  | Hash

export interface Payload {
  readonly kind: 'payload'
  readonly protocol: string
  readonly field: string
}

/** Bits of the packet, from a bit's place on. */
export interface RawPayload {
  readonly kind: 'raw'
  readonly base: 'll' | 'nh' | 'th' | 'ih'
  /** Bits. */
  readonly offset: number
  /** Bits. */
  readonly length: number
}

/** An IPv6 extension header: a field of it, or without one whether it is there. */
export interface ExtensionHeader {
  readonly kind: 'exthdr'
  readonly name: string
  readonly field?: string
  /** Which segment, of `srh sid`. */
  readonly index?: number
}

export interface TcpOption {
  readonly kind: 'tcp option'
  /** A name, or a number that has none. */
  readonly name: string
  readonly field?: string
  /** Bits of the option, where they were asked for by their place. */
  readonly raw?: { readonly offset: number; readonly length: number }
}

export interface IpOption {
  readonly kind: 'ip option'
  readonly name: string
  readonly field?: string
}

export interface SctpChunk {
  readonly kind: 'sctp chunk'
  readonly name: string
  readonly field?: string
}

export interface DccpOption {
  readonly kind: 'dccp option'
  readonly type: number
}

export interface Meta {
  readonly kind: 'meta'
  readonly key: string
}

export interface Ct {
  readonly kind: 'ct'
  readonly key: string
  readonly direction?: 'original' | 'reply'
}

export interface Rt {
  readonly kind: 'rt'
  readonly key: string
  readonly family?: 'ip' | 'ip6'
}

export interface Socket {
  readonly kind: 'socket'
  readonly key: string
  readonly level?: number
}

export interface Fib {
  readonly kind: 'fib'
  readonly flags: readonly string[]
  readonly result: 'oif' | 'oifname' | 'type'
  /** Asks only whether there is a route. */
  readonly exists?: true
}

export interface Osf {
  readonly kind: 'osf'
  readonly key: 'name' | 'version'
  readonly ttl?: 'loose' | 'skip'
}

export interface Ipsec {
  readonly kind: 'ipsec'
  readonly direction: 'in' | 'out'
  readonly spnum: number
  readonly key: 'reqid' | 'spi' | 'saddr' | 'daddr'
  readonly family?: 'ip' | 'ip6'
}

export interface NumberGenerator {
  readonly kind: 'numgen'
  readonly mode: 'inc' | 'random'
  readonly modulus: number
  readonly offset: number
}

export interface Hash {
  readonly kind: 'hash'
  /** What is hashed; the flow's own symmetric hash if there is none. */
  readonly of?: Expression
  readonly modulus: number
  readonly seed?: number
  readonly offset: number
}

export interface Binary {
  readonly kind: 'binary'
  readonly operator: '&' | '|' | '^' | '<<' | '>>'
  readonly left: Expression
  readonly right: Expression
}

export interface Concatenation {
  readonly kind: 'concat'
  readonly parts: readonly Expression[]
}

export interface MapLookup {
  readonly kind: 'map'
  readonly key: Expression
  readonly map: AnonymousMap | SetReference
}

/** What a selector is compared with. */
export type Right = Expression

/** An element of a set: plain, or with what it carries. The parts of a concatenation are plain. */
export type Element = PlainElement | ElementWithOptions | Pair

export type PlainElement = Value | Range | PrefixElement | Concatenation | Wildcard

export interface ElementWithOptions {
  readonly kind: 'element'
  readonly value: PlainElement
  /** Milliseconds that it lives from when it is added. */
  readonly timeout?: number
  /** Milliseconds that are left of it. */
  readonly expires?: number
  readonly comment?: string
  readonly statements?: readonly Stateful[]
}

/** An element of a map: what it is looked up by, and what it leads to. */
export interface Pair {
  readonly kind: 'pair'
  readonly key: PlainElement | ElementWithOptions
  readonly data: Expression | Verdict
}

/** The element that all values not named otherwise belong to. */
export interface Wildcard {
  readonly kind: 'wildcard'
}

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

export interface AnonymousMap {
  readonly kind: 'anonymous map'
  readonly elements: readonly Pair[]
}

/** A set or map of the table, by its name. */
export interface SetReference {
  readonly kind: 'reference'
  readonly name: string
}

/** Bits of a bit-mask type, as in `ct state established,related`. */
export interface Flags {
  readonly kind: 'flags'
  readonly bits: bigint
}
