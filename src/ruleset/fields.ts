/** Header fields that rules can look at (nft(8), PAYLOAD EXPRESSION), by protocol and name. */
import { type ColumnName, Family } from '../packet/packet.js'
import type { DataType } from './datatypes.js'

/** A condition on other columns without which a selector does not exist in a packet. */
export interface Implied {
  readonly column: 'nfproto' | 'l4proto'
  readonly value: number
}

export interface Field {
  readonly type: DataType
  /** Where the field is: bits from the start of the header on, most significant first. */
  readonly base: 'll' | 'nh' | 'th'
  readonly offset: number
  readonly bits: number
  readonly implies: readonly Implied[]
  /** The column of Packet.fields that holds it, where there is one. */
  readonly column?: ColumnName
  /** ICMP types that have the field: a rule that uses it must match one of them first. */
  readonly types?: readonly string[]
}

type Header = Readonly<Record<string, Field>>
type Row = readonly [
  name: string,
  offset: number,
  bits: number,
  type?: DataType,
  column?: ColumnName | undefined,
  types?: readonly string[],
]

const ipv4: readonly Implied[] = [{ column: 'nfproto', value: Family.ipv4 }]
const ipv6: readonly Implied[] = [{ column: 'nfproto', value: Family.ipv6 }]
const l4 = (value: number): readonly Implied[] => [{ column: 'l4proto', value }]

function header(base: Field['base'], implies: readonly Implied[], rows: readonly Row[]): Header {
  return Object.fromEntries(
    rows.map(([name, offset, bits, type = 'integer', column, types]) => [
      name,
      {
        type,
        base,
        offset,
        bits,
        implies,
        ...(column === undefined ? {} : { column }),
        ...(types === undefined ? {} : { types }),
      },
    ]),
  )
}

const SPORT: Row = ['sport', 0, 16, 'inet_service', 'sport']
const DPORT: Row = ['dport', 16, 16, 'inet_service', 'dport']
const ECHO = ['echo-reply', 'echo-request']
const ECHO6 = ['echo-request', 'echo-reply']

export const PROTOCOL_FIELDS: Readonly<Record<string, Header>> = {
  ether: header(
    'll',
    [],
    [
      ['daddr', 0, 48, 'ether_addr'],
      ['saddr', 48, 48, 'ether_addr'],
      ['type', 96, 16, 'ether_type'],
    ],
  ),
  vlan: header(
    'll',
    [],
    [
      ['pcp', 112, 3],
      ['dei', 115, 1],
      ['cfi', 115, 1],
      ['id', 116, 12],
      ['type', 128, 16, 'ether_type'],
    ],
  ),
  ip: header('nh', ipv4, [
    ['version', 0, 4],
    ['hdrlength', 4, 4],
    ['dscp', 8, 6, 'dscp'],
    ['ecn', 14, 2, 'ecn'],
    ['length', 16, 16],
    ['id', 32, 16],
    ['frag-off', 48, 16],
    ['ttl', 64, 8],
    ['protocol', 72, 8, 'inet_proto'],
    ['checksum', 80, 16],
    ['saddr', 96, 32, 'ipv4_addr', 'saddr4'],
    ['daddr', 128, 32, 'ipv4_addr', 'daddr4'],
  ]),
  ip6: header('nh', ipv6, [
    ['version', 0, 4],
    ['dscp', 4, 6, 'dscp'],
    ['ecn', 10, 2, 'ecn'],
    ['flowlabel', 12, 20],
    ['length', 32, 16],
    ['nexthdr', 48, 8, 'inet_proto'],
    ['hoplimit', 56, 8],
    ['saddr', 64, 128, 'ipv6_addr', 'saddr6'],
    ['daddr', 192, 128, 'ipv6_addr', 'daddr6'],
  ]),
  tcp: header('th', l4(6), [
    SPORT,
    DPORT,
    ['sequence', 32, 32],
    ['ackseq', 64, 32],
    ['doff', 96, 4],
    ['reserved', 100, 4],
    ['flags', 104, 8, 'tcp_flag'],
    ['window', 112, 16],
    ['checksum', 128, 16],
    ['urgptr', 144, 16],
  ]),
  udp: header('th', l4(17), [SPORT, DPORT, ['length', 32, 16], ['checksum', 48, 16]]),
  udplite: header('th', l4(136), [SPORT, DPORT, ['csumcov', 32, 16], ['checksum', 48, 16]]),
  sctp: header('th', l4(132), [SPORT, DPORT, ['vtag', 32, 32], ['checksum', 64, 32]]),
  dccp: header('th', l4(33), [SPORT, DPORT, ['type', 67, 4, 'dccp_pkttype']]),
  th: header('th', [], [SPORT, DPORT]),
  icmp: header(
    'th',
    [...ipv4, ...l4(1)],
    [
      ['type', 0, 8, 'icmp_type', 'type'],
      ['code', 8, 8, 'icmp_code', 'code'],
      ['checksum', 16, 16],
      ['id', 32, 16, 'integer', undefined, ECHO],
      ['sequence', 48, 16, 'integer', undefined, ECHO],
      ['gateway', 32, 32, 'integer', undefined, ['redirect']],
      ['mtu', 48, 16, 'integer', undefined, ['destination-unreachable']],
    ],
  ),
  icmpv6: header(
    'th',
    [...ipv6, ...l4(58)],
    [
      ['type', 0, 8, 'icmpv6_type', 'type'],
      ['code', 8, 8, 'icmpv6_code', 'code'],
      ['checksum', 16, 16],
      ['parameter-problem', 32, 32, 'integer', undefined, ['parameter-problem']],
      ['mtu', 32, 32, 'integer', undefined, ['packet-too-big']],
      ['id', 32, 16, 'integer', undefined, ECHO6],
      ['sequence', 48, 16, 'integer', undefined, ECHO6],
      ['max-delay', 32, 16, 'integer', undefined, ['mld-listener-query']],
      [
        'taddr',
        64,
        128,
        'ipv6_addr',
        undefined,
        ['nd-neighbor-solicit', 'nd-neighbor-advert', 'nd-redirect'],
      ],
      ['daddr', 192, 128, 'ipv6_addr', undefined, ['nd-redirect']],
    ],
  ),
  igmp: header(
    'th',
    [...ipv4, ...l4(2)],
    [
      ['type', 0, 8, 'igmp_type', 'type'],
      ['mrt', 8, 8],
      ['checksum', 16, 16],
      ['group', 32, 32, 'ipv4_addr'],
    ],
  ),
  ah: header('th', l4(51), [
    ['nexthdr', 0, 8, 'inet_proto'],
    ['hdrlength', 8, 8],
    ['reserved', 16, 16],
    ['spi', 32, 32],
    ['sequence', 64, 32],
  ]),
  esp: header('th', l4(50), [
    ['spi', 0, 32],
    ['sequence', 32, 32],
  ]),
  comp: header('th', l4(108), [
    ['nexthdr', 0, 8, 'inet_proto'],
    ['flags', 8, 8, 'raw_integer'],
    ['cpi', 16, 16],
  ]),
}
