/** Keys of meta, ct, rt and socket expressions (nft(8)): what the kernel knows of a packet beside its bytes. */
import { type ColumnName, Family } from '../packet/packet.js'
import type { DataType } from './datatypes.js'
import type { Implied } from './fields.js'

export interface Key {
  readonly type: DataType
  readonly bits?: number
  readonly column?: ColumnName
  readonly implies?: readonly Implied[]
  /** A rule may set it. */
  readonly writable?: boolean
}

const writable = { writable: true }

export const META_KEYS: Readonly<Record<string, Key>> = {
  length: { type: 'host_integer' },
  protocol: { type: 'ether_type' },
  nfproto: { type: 'nf_proto', column: 'nfproto' },
  l4proto: { type: 'inet_proto', column: 'l4proto' },
  priority: { type: 'classid', ...writable },
  mark: { type: 'mark', column: 'mark', ...writable },
  iif: { type: 'iface_index' },
  iifname: { type: 'ifname', column: 'iifname' },
  iiftype: { type: 'iface_type' },
  iifkind: { type: 'ifkind' },
  iifgroup: { type: 'devgroup' },
  oif: { type: 'iface_index' },
  oifname: { type: 'ifname', column: 'oifname' },
  oiftype: { type: 'iface_type' },
  oifkind: { type: 'ifkind' },
  oifgroup: { type: 'devgroup' },
  sdif: { type: 'iface_index' },
  sdifname: { type: 'ifname' },
  skuid: { type: 'uid' },
  skgid: { type: 'gid' },
  nftrace: { type: 'integer', bits: 1, ...writable },
  rtclassid: { type: 'realm' },
  pkttype: { type: 'pkt_type', ...writable },
  cpu: { type: 'host_integer' },
  cgroup: { type: 'cgroup' },
  random: { type: 'integer' },
  ipsec: { type: 'boolean' },
  time: { type: 'date' },
  day: { type: 'day' },
  hour: { type: 'hour' },
}

/** Other names that are read for a meta key. */
export const META_ALIASES: Readonly<Record<string, string>> = {
  secpath: 'ipsec',
}

/** Keys that may stand without the word meta. */
export const BARE_META_KEYS: readonly string[] = [
  'mark',
  'iif',
  'iifname',
  'iiftype',
  'iifgroup',
  'oif',
  'oifname',
  'oiftype',
  'oifgroup',
  'skuid',
  'skgid',
  'nftrace',
  'rtclassid',
  'pkttype',
  'cpu',
  'cgroup',
  'ipsec',
  'time',
  'day',
  'hour',
]

/** Of those, the ones that nft prints without it. */
export const PRINTED_BARE: readonly string[] = ['iif', 'iifname', 'iifgroup', 'oif', 'oifname', 'oifgroup']

export interface CtKey extends Key {
  /** Whether it must, may or must not be asked of one direction. */
  readonly direction: 'needed' | 'possible' | 'none'
}

const none = { direction: 'none' } as const
const ip: readonly Implied[] = [{ column: 'nfproto', value: Family.ipv4 }]
const ip6: readonly Implied[] = [{ column: 'nfproto', value: Family.ipv6 }]

export const CT_KEYS: Readonly<Record<string, CtKey>> = {
  state: { type: 'ct_state', column: 'ctState', ...none },
  direction: { type: 'ct_dir', ...none },
  status: { type: 'ct_status', ...none },
  mark: { type: 'mark', ...writable, ...none },
  expiration: { type: 'time', ...none },
  helper: { type: 'string', ...none },
  label: { type: 'ct_label', ...writable, ...none },
  event: { type: 'ct_event', ...writable, ...none },
  id: { type: 'integer', ...none },
  count: { type: 'host_integer', ...none },
  zone: { type: 'host_integer', bits: 16, ...writable, direction: 'possible' },
  l3proto: { type: 'nf_proto', direction: 'possible' },
  protocol: { type: 'inet_proto', direction: 'possible' },
  bytes: { type: 'host_integer', bits: 64, direction: 'possible' },
  packets: { type: 'host_integer', bits: 64, direction: 'possible' },
  avgpkt: { type: 'host_integer', bits: 64, direction: 'possible' },
  'proto-src': { type: 'inet_service', direction: 'needed' },
  'proto-dst': { type: 'inet_service', direction: 'needed' },
  saddr: { type: 'ipv4_addr', direction: 'needed' },
  daddr: { type: 'ipv4_addr', direction: 'needed' },
  'ip saddr': { type: 'ipv4_addr', implies: ip, direction: 'needed' },
  'ip daddr': { type: 'ipv4_addr', implies: ip, direction: 'needed' },
  'ip6 saddr': { type: 'ipv6_addr', implies: ip6, direction: 'needed' },
  'ip6 daddr': { type: 'ipv6_addr', implies: ip6, direction: 'needed' },
}

export const RT_KEYS: Readonly<Record<string, Key>> = {
  classid: { type: 'realm' },
  nexthop: { type: 'ipv4_addr' },
  mtu: { type: 'host_integer', bits: 16 },
  ipsec: { type: 'boolean' },
}

export const SOCKET_KEYS: Readonly<Record<string, Key>> = {
  transparent: { type: 'host_integer', bits: 1 },
  wildcard: { type: 'host_integer', bits: 1 },
  mark: { type: 'mark' },
  cgroupv2: { type: 'cgroupsv2' },
}
