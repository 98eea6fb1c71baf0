import type { Column, Packet } from '../../packet/packet.js'
import { readField } from './bits.js'
import type { Reader } from './reader.js'

/** A parsed field of the packet: a column of so many words. */
export class ColumnReader implements Reader {
  readonly bits: number
  readonly #column: number
  readonly #words: number

  constructor(column: (typeof Column)[keyof typeof Column], bits: number) {
    this.bits = bits
    this.#column = column
    this.#words = (bits + 31) >> 5
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    if ((packet.present & (1 << this.#column)) === 0) return false
    for (let word = 0; word < this.#words; word++) into[at + word] = packet.fields[this.#column + word]!
    return true
  }
}

/** Bits behind the start of the network header. */
export class NetworkReader implements Reader {
  readonly bits: number
  readonly #offset: number
  /** Bytes that must be there. */
  readonly #end: number

  /** Offset: bits. */
  constructor(offset: number, bits: number) {
    this.bits = bits
    this.#offset = offset
    this.#end = (offset + bits + 7) >> 3
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    if (packet.network + this.#end > packet.end) return false
    readField(packet.view, packet.network, this.#offset, this.bits, into, at)
    return true
  }
}

/** Bits behind the start of the transport header. */
export class TransportReader implements Reader {
  readonly bits: number
  readonly #offset: number
  readonly #end: number
  /** The kernel loads whole bytes; 1, 2 or 4 at a multiple of that it also loads from later fragments. */
  readonly #fast: boolean

  /** Offset: bits. */
  constructor(offset: number, bits: number) {
    this.bits = bits
    this.#offset = offset
    this.#end = (offset + bits + 7) >> 3
    const first = offset >> 3
    const length = this.#end - first
    this.#fast = (length === 1 || length === 2 || length === 4) && first % length === 0
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    const { transport } = packet
    if (transport < 0 || transport + this.#end > packet.end) return false
    if (packet.fragmentOffset !== 0 && !this.#fast) return false
    readField(packet.view, transport, this.#offset, this.bits, into, at)
    return true
  }
}

const TCP = 6
const TCP_HEADER = 20
const UDP = 17
const UDP_HEADER = 8
const IPIP = 4
const GRE = 47
const GRE_HEADER = 4
const GRE_VERSION = 7
const GRE_CHECKSUM = 0x8000
const GRE_KEY = 0x2000
const GRE_SEQUENCE = 0x1000

/** Bits behind the transport header (nft_payload_inner_offset in net/netfilter/nft_payload.c). */
export class InnerReader implements Reader {
  readonly bits: number
  readonly #offset: number
  readonly #end: number

  /** Offset: bits. */
  constructor(offset: number, bits: number) {
    this.bits = bits
    this.#offset = offset
    this.#end = (offset + bits + 7) >> 3
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    const start = innerOffset(packet)
    if (start < 0 || start + this.#end > packet.end) return false
    readField(packet.view, start, this.#offset, this.bits, into, at)
    return true
  }
}

function innerOffset({ view, transport, end, fragmentOffset, l4proto }: Packet): number {
  if (transport < 0 || fragmentOffset !== 0) return -1
  const there = end - transport
  switch (l4proto) {
    case UDP:
      return transport + UDP_HEADER
    case TCP:
      return there < TCP_HEADER ? -1 : transport + ((view.getUint8(transport + 12) >> 4) << 2)
    case IPIP:
      return transport
    case GRE: {
      if (there < GRE_HEADER) return -1
      const flags = view.getUint16(transport)
      if ((flags & GRE_VERSION) !== 0) return -1
      const optional =
        Number((flags & GRE_CHECKSUM) !== 0) +
        Number((flags & GRE_KEY) !== 0) +
        Number((flags & GRE_SEQUENCE) !== 0)
      return transport + GRE_HEADER + optional * 4
    }
    default:
      return -1
  }
}
