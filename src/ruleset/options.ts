/** Fields of options, extension headers and chunks (nft(8), EXTENSION HEADER EXPRESSIONS). Offsets and sizes are bits. */
import type { DataType } from './datatypes.js'

export interface OptionField {
  readonly type: DataType
  readonly offset: number
  readonly bits: number
}

export interface OptionInfo {
  /** The number of the option, header or chunk. */
  readonly number: number
  readonly fields: Readonly<Record<string, OptionField>>
}

type Row = readonly [name: string, offset: number, bits: number, type?: DataType]

function option(number: number, ...rows: readonly Row[]): OptionInfo {
  return {
    number,
    fields: Object.fromEntries(
      rows.map(([name, offset, bits, type = 'integer']) => [name, { type, offset, bits }]),
    ),
  }
}

const NEXT: readonly Row[] = [
  ['nexthdr', 0, 8, 'inet_proto'],
  ['hdrlength', 8, 8],
]

export const EXTENSION_HEADERS: Readonly<Record<string, OptionInfo>> = {
  hbh: option(0, ...NEXT),
  rt: option(43, ...NEXT, ['type', 16, 8], ['seg-left', 24, 8]),
  rt0: option(43, ['addr', 64, 128, 'ipv6_addr']),
  rt2: option(43, ['addr', 64, 128, 'ipv6_addr']),
  srh: option(43, ['last-entry', 32, 8], ['flags', 40, 8], ['tag', 48, 16], ['sid', 64, 128, 'ipv6_addr']),
  frag: option(
    44,
    ['nexthdr', 0, 8, 'inet_proto'],
    ['reserved', 8, 8],
    ['frag-off', 16, 13],
    ['reserved2', 29, 2],
    ['more-fragments', 31, 1],
    ['id', 32, 32],
  ),
  dst: option(60, ...NEXT),
  mh: option(135, ...NEXT, ['type', 16, 8, 'mh_type'], ['reserved', 24, 8], ['checksum', 32, 16]),
}

const KIND: Row = ['kind', 0, 8]
const LENGTH: Row = ['length', 8, 8]
const sack = (block: number) =>
  option(5, KIND, LENGTH, ['left', 16 + block * 64, 32], ['right', 48 + block * 64, 32])

export const TCP_OPTIONS: Readonly<Record<string, OptionInfo>> = {
  eol: option(0, KIND),
  nop: option(1, KIND),
  maxseg: option(2, KIND, LENGTH, ['size', 16, 16]),
  window: option(3, KIND, LENGTH, ['count', 16, 8]),
  'sack-perm': option(4, KIND, LENGTH),
  sack: sack(0),
  sack1: sack(1),
  sack2: sack(2),
  sack3: sack(3),
  timestamp: option(8, KIND, LENGTH, ['tsval', 16, 32], ['tsecr', 48, 32]),
  md5sig: option(19, KIND, LENGTH),
  mptcp: option(30, KIND, LENGTH, ['subtype', 16, 4]),
  fastopen: option(34, KIND, LENGTH),
}

/** Other names that are read for an option. */
export const TCP_OPTION_ALIASES: Readonly<Record<string, string>> = {
  noop: 'nop',
  mss: 'maxseg',
  sack0: 'sack',
  'sack-permitted': 'sack-perm',
}

const IP_OPTION: readonly Row[] = [
  ['type', 0, 8],
  ['length', 8, 8],
]

export const IP_OPTIONS: Readonly<Record<string, OptionInfo>> = {
  lsrr: option(131, ...IP_OPTION, ['ptr', 16, 8], ['addr', 24, 32, 'ipv4_addr']),
  ra: option(148, ...IP_OPTION, ['value', 16, 16]),
  rr: option(7, ...IP_OPTION, ['ptr', 16, 8], ['addr', 24, 32, 'ipv4_addr']),
  ssrr: option(137, ...IP_OPTION, ['ptr', 16, 8], ['addr', 24, 32, 'ipv4_addr']),
}

const CHUNK: readonly Row[] = [
  ['type', 0, 8],
  ['flags', 8, 8],
  ['length', 16, 16],
]
const INIT: readonly Row[] = [
  ['init-tag', 32, 32],
  ['a-rwnd', 64, 32],
  ['num-outbound-streams', 96, 16],
  ['num-inbound-streams', 112, 16],
  ['initial-tsn', 128, 32],
]

/** RFC 9260 §3.3 and its extensions. */
export const SCTP_CHUNKS: Readonly<Record<string, OptionInfo>> = {
  data: option(0, ...CHUNK, ['tsn', 32, 32], ['stream', 64, 16], ['ssn', 80, 16], ['ppid', 96, 32]),
  init: option(1, ...CHUNK, ...INIT),
  'init-ack': option(2, ...CHUNK, ...INIT),
  sack: option(
    3,
    ...CHUNK,
    ['cum-tsn-ack', 32, 32],
    ['a-rwnd', 64, 32],
    ['num-gap-ack-blocks', 96, 16],
    ['num-dup-tsns', 112, 16],
  ),
  heartbeat: option(4, ...CHUNK),
  'heartbeat-ack': option(5, ...CHUNK),
  abort: option(6, ...CHUNK),
  shutdown: option(7, ...CHUNK, ['cum-tsn-ack', 32, 32]),
  'shutdown-ack': option(8, ...CHUNK),
  error: option(9, ...CHUNK),
  'cookie-echo': option(10, ...CHUNK),
  'cookie-ack': option(11, ...CHUNK),
  ecne: option(12, ...CHUNK, ['lowest-tsn', 32, 32]),
  cwr: option(13, ...CHUNK, ['lowest-tsn', 32, 32]),
  'shutdown-complete': option(14, ...CHUNK),
  'asconf-ack': option(128, ...CHUNK, ['seqno', 32, 32]),
  'forward-tsn': option(192, ...CHUNK, ['new-cum-tsn', 32, 32]),
  asconf: option(193, ...CHUNK, ['seqno', 32, 32]),
}
