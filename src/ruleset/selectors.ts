/** What a packet can be asked for: each selector's size, datatype, place, and the matches that it implies. */
import * as icmp from '../packet/icmp.js'
import * as icmpv6 from '../packet/icmpv6.js'
import { type ColumnName, Family } from '../packet/packet.js'
import * as tcp from '../packet/tcp.js'
import * as udp from '../packet/udp.js'
import type { DataType, Selector, TableFamily } from './model.js'

/** Bytes of a header: where the transport header is none or the bytes are not there, the field is missing. */
export interface Place {
  readonly base: 'network' | 'transport'
  /** Bytes from the header's start. */
  readonly offset: number
  /** Bytes: 1, 2, 4 or 16. */
  readonly length: number
}

export interface SelectorInfo {
  readonly type: DataType
  readonly bits: number
  /** The column of Packet.fields that holds it, where there is one. */
  readonly column?: ColumnName
  /** The bytes of the packet that hold it, where it is a payload field. */
  readonly place?: Place
  /** Values that other columns must have for this selector to exist in a packet. */
  readonly implies: readonly Implied[]
}

export interface Implied {
  readonly column: 'nfproto' | 'l4proto'
  readonly value: number
}

const ipv4: readonly Implied[] = [{ column: 'nfproto', value: Family.ipv4 }]
const ipv6: readonly Implied[] = [{ column: 'nfproto', value: Family.ipv6 }]
const l4 = (value: number): readonly Implied[] => [{ column: 'l4proto', value }]

function field(
  base: Place['base'],
  offset: number,
  length: number,
  type: DataType,
  implies: readonly Implied[],
  column?: ColumnName,
): SelectorInfo {
  const place: Place = { base, offset, length }
  return { type, bits: length * 8, place, implies, ...(column === undefined ? {} : { column }) }
}

const port = (offset: number, column: ColumnName, implies: readonly Implied[]) =>
  field('transport', offset, 2, 'inet_service', implies, column)

/** Header fields by protocol and name, as nft(8) lists them under PAYLOAD EXPRESSIONS. */
const PAYLOADS: Readonly<Record<string, Readonly<Record<string, SelectorInfo>>>> = {
  ip: {
    length: field('network', 2, 2, 'integer', ipv4),
    id: field('network', 4, 2, 'integer', ipv4),
    ttl: field('network', 8, 1, 'integer', ipv4),
    protocol: field('network', 9, 1, 'inet_proto', ipv4),
    saddr: field('network', 12, 4, 'ipv4_addr', ipv4, 'saddr4'),
    daddr: field('network', 16, 4, 'ipv4_addr', ipv4, 'daddr4'),
  },
  ip6: {
    length: field('network', 4, 2, 'integer', ipv6),
    nexthdr: field('network', 6, 1, 'inet_proto', ipv6),
    hoplimit: field('network', 7, 1, 'integer', ipv6),
    saddr: field('network', 8, 16, 'ipv6_addr', ipv6, 'saddr6'),
    daddr: field('network', 24, 16, 'ipv6_addr', ipv6, 'daddr6'),
  },
  tcp: {
    sport: port(0, 'sport', l4(tcp.PROTOCOL)),
    dport: port(2, 'dport', l4(tcp.PROTOCOL)),
    sequence: field('transport', 4, 4, 'integer', l4(tcp.PROTOCOL)),
    ackseq: field('transport', 8, 4, 'integer', l4(tcp.PROTOCOL)),
    window: field('transport', 14, 2, 'integer', l4(tcp.PROTOCOL)),
  },
  udp: {
    sport: port(0, 'sport', l4(udp.PROTOCOL)),
    dport: port(2, 'dport', l4(udp.PROTOCOL)),
    length: field('transport', 4, 2, 'integer', l4(udp.PROTOCOL)),
  },
  th: { sport: port(0, 'sport', []), dport: port(2, 'dport', []) },
  icmp: {
    type: field('transport', icmp.TYPE, 1, 'icmp_type', [...ipv4, ...l4(icmp.PROTOCOL)], 'type'),
    code: field('transport', icmp.CODE, 1, 'integer', [...ipv4, ...l4(icmp.PROTOCOL)], 'code'),
  },
  icmpv6: {
    type: field('transport', icmpv6.TYPE, 1, 'icmpv6_type', [...ipv6, ...l4(icmpv6.PROTOCOL)], 'type'),
    code: field('transport', icmpv6.CODE, 1, 'integer', [...ipv6, ...l4(icmpv6.PROTOCOL)], 'code'),
  },
}

const METAS: Readonly<Record<string, SelectorInfo>> = {
  nfproto: { type: 'nf_proto', bits: 8, column: 'nfproto', implies: [] },
  l4proto: { type: 'inet_proto', bits: 8, column: 'l4proto', implies: [] },
  mark: { type: 'mark', bits: 32, column: 'mark', implies: [] },
  iifname: { type: 'ifname', bits: 128, column: 'iifname', implies: [] },
  oifname: { type: 'ifname', bits: 128, column: 'oifname', implies: [] },
}

const CTS: Readonly<Record<string, SelectorInfo>> = {
  state: { type: 'ct_state', bits: 32, column: 'ctState', implies: [] },
}

/** What is known of a selector; undefined if there is no such field or key. */
export function selectorInfo(selector: Selector): SelectorInfo | undefined {
  switch (selector.kind) {
    case 'payload': {
      const fields = own(PAYLOADS, selector.protocol)
      return fields && own(fields, selector.field)
    }
    case 'meta':
      return own(METAS, selector.key)
    case 'ct':
      return own(CTS, selector.key)
  }
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

/** The families of packets that the chains of a table see. */
export function familiesOf(family: TableFamily): readonly number[] {
  if (family === 'ip') return [Family.ipv4]
  return family === 'ip6' ? [Family.ipv6] : [Family.ipv4, Family.ipv6]
}

/** A selector as nft writes it. */
export function selectorText(selector: Selector): string {
  if (selector.kind === 'payload') return `${selector.protocol} ${selector.field}`
  // nft writes these keys without the word meta
  const bare = selector.kind === 'meta' && ['iifname', 'oifname'].includes(selector.key)
  return bare ? selector.key : `${selector.kind} ${selector.key}`
}
