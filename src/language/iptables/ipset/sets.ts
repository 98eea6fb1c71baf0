/** ipset's sets, with their elements: ipset(8). */
import type { Position } from '../../../ruleset/model.js'

type IpFamily = 'ip' | 'ip6'

/** What a part of an element is: an address, a network, a port with its protocol, or a port of TCP and UDP alike. */
export type Part = 'ip' | 'net' | 'port' | 'bare port'

/** The types of sets that are read, with the parts of their elements. */
export const TYPES: Readonly<Record<string, readonly Part[]>> = {
  'hash:ip': ['ip'],
  'hash:net': ['net'],
  'hash:ip,port': ['ip', 'port'],
  'hash:net,port': ['net', 'port'],
  'hash:net,net': ['net', 'net'],
  'hash:ip,port,ip': ['ip', 'port', 'ip'],
  'hash:ip,port,net': ['ip', 'port', 'net'],
  'hash:net,port,net': ['net', 'port', 'net'],
  'bitmap:ip': ['ip'],
  'bitmap:port': ['bare port'],
  'list:set': [],
}

/** Numbers from `from` to `to`. */
export interface Span {
  readonly from: bigint
  readonly to: bigint
}

export interface IpsetElement {
  /** A span for each part; two for a port, of which the first is its protocol. */
  readonly spans: readonly Span[]
  /** It is an exception from networks around it. */
  readonly nomatch: boolean
  /** Milliseconds; undefined: it stays. */
  readonly timeout?: number
}

export class Ipset {
  readonly type: string
  readonly parts: readonly Part[]
  /** Undefined where there are no addresses in it, or in list:set. */
  readonly family: IpFamily | undefined
  readonly position: Position
  /** By the element's text. */
  readonly elements = new Map<string, IpsetElement>()
  /** Of list:set, the names of others, in any order. */
  readonly members = new Set<string>()
  /** Bits that all addresses are cut to. */
  readonly netmask: number | undefined
  /** Milliseconds that elements live unless they say otherwise; undefined: they stay, and have no times of their own. */
  readonly timeout: number | undefined

  constructor(
    type: string,
    family: IpFamily | undefined,
    position: Position,
    more: { netmask?: number | undefined; timeout?: number | undefined } = {},
  ) {
    this.type = type
    this.parts = TYPES[type]!
    this.family = family
    this.position = position
    this.netmask = more.netmask
    this.timeout = more.timeout
  }
}

/** Sets by their names. */
export type Ipsets = Map<string, Ipset>
