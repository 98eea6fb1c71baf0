import { sumHolds } from '../../../packet/checksum.js'
import type { Packet } from '../../../packet/packet.js'
import { Protocol } from './layout.js'
import { KINDS, Kind } from './tcp-states.js'

/** What is known of a side of a connection. */
export const SideFlag = {
  windowScale: 1,
  sackPermitted: 2,
  closeBegun: 4,
  liberal: 8,
  unacknowledged: 16,
  ackedSet: 32,
} as const

// Bound here as V8 folds a module's own constants into the code, but not imported or exported ones.
const TCP = Protocol.tcp
const NO_KIND = Kind.none
const { windowScale: SCALED, sackPermitted: SACK_PERMITTED } = SideFlag

const HEADER = 20
const FIN = 1
const SYN = 2
const HIGHEST_SCALE = 14
/** Kinds of options (RFC 9293 §3.2, RFC 7323, RFC 2018). */
const END_OF_LIST = 0
const NO_OPERATION = 1
const WINDOW_SCALE = 3
const SACK_PERMISSION = 4
const SACK = 5

/**
 * Whether one sequence number comes before another. Of two that are 2^31 apart each comes before the other, as in the
 * kernel.
 */
export function before(one: number, other: number): boolean {
  return ((one - other) | 0) < 0
}

/** A segment's fields as the tracker needs them; one object for all. */
export class TcpSegment {
  flags = 0
  /** A number of Kind. */
  kind = 0
  sequence = 0
  ack = 0
  /** The sequence number behind it: with its payload, its SYN and its FIN. */
  end = 0
  /** As in the header. */
  window = 0
  #view: DataView = new DataView(new ArrayBuffer(0))
  /** Where its options begin and end. */
  #options = 0
  #optionsEnd = 0

  /** Reads the segment whose header is at `transport`; false if it is none. verify: the checksum is to be looked at. */
  read(packet: Packet, transport: number, verify: boolean): boolean {
    const { view, end } = packet
    if (transport + HEADER > end) return false
    const size = packet.network + packet.length
    const behind = transport + ((view.getUint8(transport + 12) >> 4) << 2)
    if (behind < transport + HEADER || behind > size) return false
    if (verify && !sumHolds(packet, transport, size, TCP)) return false
    const flags = view.getUint8(transport + 13)
    this.kind = KINDS[flags]!
    if (this.kind === NO_KIND) return false
    this.flags = flags
    this.sequence = view.getInt32(transport + 4)
    this.ack = view.getInt32(transport + 8)
    this.end = (this.sequence + size - behind + ((flags & SYN) >> 1) + (flags & FIN)) | 0
    this.window = view.getUint16(transport + 14)
    this.#view = view
    this.#options = transport + HEADER
    this.#optionsEnd = behind < end ? behind : end
    return true
  }

  /** The flags (of SideFlag) that its options set, and << 8 the window scale; -1 if it has no options. */
  readOptions(): number {
    if (this.#options === this.#optionsEnd) return -1
    const view = this.#view
    let found = 0
    for (let at = this.#options; at < this.#optionsEnd; ) {
      const length = this.#optionLength(at)
      if (length === 0) break
      const kind = view.getUint8(at)
      if (kind === SACK_PERMISSION && length === 2) found |= SACK_PERMITTED
      else if (kind === WINDOW_SCALE && length === 3) {
        found = (found & 0xff) | SCALED | (Math.min(view.getUint8(at + 2), HIGHEST_SCALE) << 8)
      }
      at += length
    }
    return found
  }

  /** The highest number that it acknowledges, selectively or not. */
  highestAck(): number {
    const view = this.#view
    let highest = this.ack
    for (let at = this.#options; at < this.#optionsEnd; ) {
      const length = this.#optionLength(at)
      if (length === 0) break
      if (view.getUint8(at) === SACK && length >= 10 && (length - 2) % 8 === 0) {
        for (let edge = at + 6; edge < at + length; edge += 8) {
          const right = view.getInt32(edge)
          if (before(highest, right)) highest = right
        }
        break
      }
      at += length
    }
    return highest
  }

  /** The length of an option; 0 if there it ends, or makes no sense. */
  #optionLength(at: number): number {
    const kind = this.#view.getUint8(at)
    if (kind === END_OF_LIST) return 0
    if (kind === NO_OPERATION) return 1
    if (at + 2 > this.#optionsEnd) return 0
    const length = this.#view.getUint8(at + 1)
    return length < 2 || at + length > this.#optionsEnd ? 0 : length
  }
}
