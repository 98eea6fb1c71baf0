import { sumHolds } from '../../../packet/checksum.js'
import { Family, type Packet } from '../../../packet/packet.js'
import { Outcome, Protocol, Status, Word } from './layout.js'
import type { FlowTable } from './table.js'
import type { Timeouts } from './timeouts.js'
import type { Tuple } from './tuple.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const IPV4 = Family.ipv4
const { icmp: ICMP, icmp6: ICMP6 } = Protocol
const { invalid: INVALID, accepted: ACCEPTED } = Outcome
const CONFIRMED = Status.confirmed
const STATUS = Word.status

const HEADER = 8
/** Above it there is no type of ICMP (NR_ICMP_TYPES). */
const LAST_TYPE = 18
const REDIRECT6 = 137
/** A redirect's header, and the option that quotes what it is about. */
const REDIRECT_HEADER = 40
const REDIRECTED_HEADER = 4

/** The types of ICMP that are errors; those that begin a flow; of ICMPv6, from 128 on, those that do. */
const ERRORS = bitsOf(0, 3, 4, 5, 11, 12)
const BEGIN = bitsOf(0, 8, 13, 15, 17)
const BEGIN6 = bitsOf(128, 128, 139)
/** From 130 on: multicast listeners, router and neighbour discovery, multicast routers. */
const UNTRACKED6 = bitsOf(130, 130, 131, 132, 133, 134, 135, 136, 143, 151, 152)

/** What `classify` says of a message, besides where what it quotes begins. */
export const Message = { plain: -1, invalid: -2, untracked: -3 } as const
const { plain: PLAIN, invalid: INVALID_MESSAGE, untracked: UNTRACKED } = Message

/** Whether the packet, with this tuple, is a message of its own IP version. */
export function isMessage(packet: Packet, { protocol }: Tuple): boolean {
  return protocol === (packet.family === IPV4 ? ICMP : ICMP6)
}

/**
 * What kind of message it is: a number of Message, or the offset of the packet that it, an error, quotes
 * (nf_conntrack_icmpv4_error, nf_conntrack_icmpv6_error in 6.18). Its header is whole, as its tuple was read. verify: the
 * checksum is to be looked at.
 */
export function classify(packet: Packet, { transport }: Tuple, verify: boolean): number {
  const { view, network, length } = packet
  const type = view.getUint8(transport)
  const ipv4 = packet.family === IPV4
  if (verify && !sumHolds(packet, transport, network + length, ipv4 ? -1 : ICMP6)) return INVALID_MESSAGE
  if (ipv4) {
    if (type > LAST_TYPE) return INVALID_MESSAGE
    return (ERRORS >> type) & 1 ? transport + HEADER : PLAIN
  }
  if (type === REDIRECT6) return redirected(packet, transport)
  if (type >= 130 && type - 130 < 32 && (UNTRACKED6 >> (type - 130)) & 1) return UNTRACKED
  return type < 128 ? transport + HEADER : PLAIN
}

function redirected({ view, network, end }: Packet, transport: number): number {
  if (transport + REDIRECT_HEADER > end) return INVALID_MESSAGE
  if (view.getUint8(transport + 1) !== 0) return PLAIN
  const fromNeighbour =
    view.getUint8(network + 7) === 255 && (view.getUint16(network + 8) & 0xffc0) === 0xfe80
  const option = transport + REDIRECT_HEADER
  if (!fromNeighbour || option + 2 > end || view.getUint8(option + 1) === 0) return INVALID_MESSAGE
  return view.getUint8(option) === REDIRECTED_HEADER ? option + 8 : PLAIN
}

/** ICMP's questions and answers (nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c, 6.18). */
export class IcmpTracker {
  readonly #table: FlowTable
  readonly #timeouts: Timeouts

  constructor(table: FlowTable, timeouts: Timeouts) {
    this.#table = table
    this.#timeouts = timeouts
  }

  track(packet: Packet, tuple: Tuple, at: number): number {
    if (!isMessage(packet, tuple)) return INVALID
    const ipv4 = tuple.protocol === ICMP
    if ((this.#table.records[at + STATUS]! & CONFIRMED) === 0) {
      const type = packet.view.getUint8(tuple.transport)
      const begins = ipv4 ? type < 32 && (BEGIN >> type) & 1 : type < 160 && (BEGIN6 >> (type - 128)) & 1
      if (!begins) return INVALID
    }
    this.#table.refresh(at, ipv4 ? this.#timeouts.icmp : this.#timeouts.icmp6)
    return ACCEPTED
  }
}

function bitsOf(first: number, ...types: number[]): number {
  return types.reduce((bits, type) => bits | (1 << (type - first)), 0)
}
