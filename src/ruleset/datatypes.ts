/** nft's datatypes: the size of their values, how they are ordered, and the names of their numbers. */
import * as host from './symbols/host.js'
import * as messages from './symbols/messages.js'
import * as protocols from './symbols/protocols.js'
import { SERVICES } from './symbols/services.js'
import type { Symbols } from './symbols/symbols.js'

export interface TypeInfo {
  /** What a user calls a value of it, with its article. */
  readonly noun: string
  readonly bits: number
  /** How values are written where they have no name. */
  readonly form:
    | 'decimal'
    | 'hex'
    | 'ipv4'
    | 'ipv6'
    | 'ethernet'
    | 'text'
    | 'handle'
    | 'seconds'
    | 'date'
    | 'hour'
    | 'flags'
    | 'bit'
  readonly symbols?: Symbols
  /** Hexadecimal numbers are written without leading zeros. */
  readonly unpadded?: boolean
  /** Names are read, but numbers are printed. */
  readonly numeric?: boolean
  /** Names stand in quotes, as they are the host's. */
  readonly quoted?: boolean
  /** The kernel keeps the value in the machine's byte order, and sorts by it in concatenations. */
  readonly hostOrder?: boolean
  /** Intervals that are prefixes are printed as such. */
  readonly prefix?: boolean
}

const type = (
  noun: string,
  bits: number,
  form: TypeInfo['form'],
  more: Partial<TypeInfo> = {},
): TypeInfo => ({
  noun,
  bits,
  form,
  ...more,
})
const hostOrder = { hostOrder: true }

/** By their names, which are those of `type` in sets (nft describe). */
export const DATATYPES = {
  integer: type('a number', 32, 'decimal'),
  boolean: type('exists or missing', 1, 'decimal', { symbols: host.BOOLEANS }),
  string: type('a name', 128, 'text', hostOrder),
  ipv4_addr: type('an IPv4 address', 32, 'ipv4', { prefix: true }),
  ipv6_addr: type('an IPv6 address', 128, 'ipv6', { prefix: true }),
  ether_addr: type('an Ethernet address', 48, 'ethernet'),
  ether_type: type('a protocol such as ip or arp', 16, 'hex', { symbols: protocols.ETHER_TYPES }),
  inet_service: type('a port', 16, 'decimal', { symbols: SERVICES, numeric: true }),
  inet_proto: type('a protocol', 8, 'decimal', { symbols: protocols.PROTOCOLS }),
  nf_proto: type('ipv4 or ipv6', 8, 'decimal', { symbols: host.FAMILIES, ...hostOrder }),
  icmp_type: type('an ICMP type', 8, 'decimal', { symbols: messages.ICMP_TYPES }),
  icmp_code: type('an ICMP code', 8, 'decimal', { symbols: messages.ICMP_CODES }),
  icmpv6_type: type('an ICMPv6 type', 8, 'decimal', { symbols: messages.ICMPV6_TYPES }),
  icmpv6_code: type('an ICMPv6 code', 8, 'decimal', { symbols: messages.ICMPV6_CODES }),
  icmpx_code: type('an icmpx code', 8, 'decimal', { symbols: messages.ICMPX_CODES }),
  igmp_type: type('an IGMP type', 8, 'decimal', { symbols: messages.IGMP_TYPES }),
  mh_type: type('a mobility header type', 8, 'decimal', { symbols: messages.MOBILITY_TYPES }),
  dccp_pkttype: type('a DCCP packet type', 4, 'hex', { symbols: messages.DCCP_TYPES }),
  tcp_flag: type('TCP flags', 8, 'flags', { symbols: messages.TCP_FLAGS }),
  dscp: type('a DSCP class', 6, 'hex', { symbols: messages.DSCPS }),
  ecn: type('an ECN code', 2, 'hex', { symbols: messages.ECNS }),
  mark: type('a mark', 32, 'hex', { ...hostOrder, prefix: true }),
  ifname: type('an interface name', 128, 'text', hostOrder),
  iface_index: type('an interface', 32, 'decimal', { quoted: true, ...hostOrder }),
  iface_type: type('a hardware type', 16, 'decimal', { symbols: protocols.HARDWARE_TYPES, ...hostOrder }),
  ifkind: type('a kind of interface', 128, 'text', hostOrder),
  uid: type('a user', 32, 'decimal', { symbols: host.USERS, numeric: true, ...hostOrder }),
  gid: type('a group', 32, 'decimal', { symbols: host.GROUPS, numeric: true, ...hostOrder }),
  realm: type('a routing realm', 32, 'decimal', { symbols: host.REALMS, quoted: true, ...hostOrder }),
  classid: type('a class such as 1:10', 32, 'handle', hostOrder),
  devgroup: type('a device group', 32, 'decimal', {
    symbols: host.DEVICE_GROUPS,
    quoted: true,
    ...hostOrder,
  }),
  cgroup: type('a control group', 32, 'decimal', hostOrder),
  cgroupsv2: type('a path of a control group', 64, 'text', hostOrder),
  pkt_type: type('a packet type', 8, 'decimal', { symbols: host.PACKET_TYPES, ...hostOrder }),
  ct_state: type('connection states', 32, 'flags', { symbols: host.CT_STATES, ...hostOrder }),
  ct_dir: type('original or reply', 8, 'decimal', { symbols: host.CT_DIRECTIONS, ...hostOrder }),
  ct_status: type('connection status bits', 32, 'flags', { symbols: host.CT_STATUSES, ...hostOrder }),
  ct_event: type('connection events', 32, 'flags', { symbols: host.CT_EVENTS, ...hostOrder }),
  ct_label: type('a connection label', 128, 'bit', hostOrder),
  fib_addrtype: type('an address type', 32, 'decimal', { symbols: host.ADDRESS_TYPES, ...hostOrder }),
  /** Milliseconds that something lasts. */
  time: type('a time such as 30s', 32, 'seconds', hostOrder),
  /** Nanoseconds since 1970 in UTC. */
  date: type('a date such as "2026-01-31 17:00:00"', 64, 'date', hostOrder),
  day: type('a day of the week', 8, 'decimal', { symbols: host.DAYS, quoted: true, ...hostOrder }),
  /** Seconds since midnight in UTC. */
  hour: type('a time of day such as "17:00"', 32, 'hour', hostOrder),
  /** Our own names for numbers without a datatype: those that are written in hexadecimal, and those in host order. */
  raw_integer: type('a number', 32, 'hex', { unpadded: true }),
  host_integer: type('a number', 32, 'decimal', hostOrder),
} as const satisfies Record<string, TypeInfo>

/** nft's names of datatypes; `nft describe` has their sizes. */
export type DataType = keyof typeof DATATYPES

export function isDataType(name: string): name is DataType {
  return Object.hasOwn(DATATYPES, name)
}

export function typeInfo(type: DataType): TypeInfo {
  return DATATYPES[type]
}

/** Whether values of a type are sets of bits that `in` tests for a common one. */
export function isBitmask(type: DataType): boolean {
  return typeInfo(type).form === 'flags'
}
