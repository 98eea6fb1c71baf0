import { sumHolds } from '../../../packet/checksum.js'
import type { Packet } from '../../../packet/packet.js'
import { HZ, Outcome, Protocol, Status, Word } from './layout.js'
import type { FlowTable } from './table.js'
import type { Timeouts } from './timeouts.js'
import type { Tuple } from './tuple.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const { udp: UDP, udplite: UDPLITE } = Protocol
const { invalid: INVALID, accepted: ACCEPTED } = Outcome
const { seenReply: SEEN_REPLY, assured: ASSURED, confirmed: CONFIRMED } = Status
const { status: STATUS, own: STREAM_FROM } = Word
const HEADER = 8
/** A flow that goes both ways for longer than this is a stream. */
const STREAM_AFTER = 2 * HZ

/** UDP and UDP-Lite (net/netfilter/nf_conntrack_proto_udp.c, 6.18). */
export class UdpTracker {
  readonly #table: FlowTable
  readonly #timeouts: Timeouts

  constructor(table: FlowTable, timeouts: Timeouts) {
    this.#table = table
    this.#timeouts = timeouts
  }

  /** verify: the checksum is to be looked at. */
  track(packet: Packet, { transport, protocol }: Tuple, at: number, verify: boolean): number {
    if (transport + HEADER > packet.end) return INVALID
    const lite = protocol === UDPLITE
    if (lite ? liteIsBad(packet, transport, verify) : isBad(packet, transport, verify)) return INVALID
    const records = this.#table.records
    const { udp, udpStream } = this.#timeouts
    const now = this.#table.now
    const status = records[at + STATUS]!
    if ((status & CONFIRMED) === 0) records[at + STREAM_FROM] = (now + STREAM_AFTER) | 0
    const stream = (status & SEEN_REPLY) !== 0 && (lite || ((now - records[at + STREAM_FROM]!) | 0) > 0)
    this.#table.refresh(at, stream ? udpStream : udp)
    if (stream) records[at + STATUS] = status | ASSURED
    return ACCEPTED
  }
}

function isBad(packet: Packet, transport: number, verify: boolean): boolean {
  const { view } = packet
  const size = packet.network + packet.length
  const length = view.getUint16(transport + 4)
  if (length < HEADER || length > size - transport) return true
  return verify && view.getUint16(transport + 6) !== 0 && !sumHolds(packet, transport, size, UDP)
}

function liteIsBad(packet: Packet, transport: number, verify: boolean): boolean {
  const { view } = packet
  const size = packet.network + packet.length
  const coverage = view.getUint16(transport + 4)
  if ((coverage > 0 && coverage < HEADER) || coverage > size - transport) return true
  if (view.getUint16(transport + 6) === 0) return true
  const end = coverage === 0 ? size : transport + coverage
  // The kernel sums with UDP's number, not with UDP-Lite's: so a right checksum is wrong, and we say so too.
  return verify && !sumHolds(packet, transport, end, UDP)
}
