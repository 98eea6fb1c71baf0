/** What the kernel writes into the options of an IPv4 header that it has received (ip_options_compile). */
import { Column, type Packet } from '../../packet/packet.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const DADDR4 = Column.daddr4

const DESTINATION = 16
const HEADER = 20
/** From the destination on to the longest header's end. */
const LONGEST = 44
const END = 0
const NOOP = 1
const RECORD_ROUTE = 7
const TIMESTAMP = 68
const WITH_ADDRESSES = 1
const OVERFLOW = 0x10

/** Records the route and counts time stamps in sound options, until it takes that back. The times themselves are not written. */
export class Recorder {
  /** Whether the last header was changed; its checksum is then left wrong, as by the kernel. */
  changed = false
  /** Whether it has another destination for now, along a source route. */
  redirected = false
  readonly #saved = new Uint8Array(LONGEST)
  #length = 0

  /** Address: ours, as the packet's source knows it. Hop: the destination by a source route, or 0. */
  record(packet: Packet, address: number, hop: number): void {
    const { view, network } = packet
    const end = network + ((view.getUint8(network) & 15) << 2)
    this.#length = end - network - DESTINATION
    for (let at = 0; at < this.#length; at++) this.#saved[at] = view.getUint8(network + DESTINATION + at)
    this.changed = this.redirected = false
    this.#write(view, network + HEADER, end, address)
    if (hop === 0 || view.getInt32(network + DESTINATION) === hop) return
    view.setInt32(network + DESTINATION, hop)
    packet.fields[DADDR4] = hop
    this.changed = this.redirected = true
  }

  /** The header as it was. */
  restore({ view, network, fields }: Packet): void {
    if (!this.changed) return
    this.changed = this.redirected = false
    for (let at = 0; at < this.#length; at++) view.setUint8(network + DESTINATION + at, this.#saved[at]!)
    fields[DADDR4] = view.getInt32(network + DESTINATION)
  }

  #write(view: DataView, start: number, end: number, address: number): void {
    for (let at = start; at < end; ) {
      const type = view.getUint8(at)
      if (type === END) {
        this.#clear(view, at, end)
        return
      }
      if (type === RECORD_ROUTE) this.#route(view, at, address)
      else if (type === TIMESTAMP) this.#stamp(view, at, address)
      at += type === NOOP ? 1 : view.getUint8(at + 1)
    }
  }

  #route(view: DataView, at: number, address: number): void {
    const pointer = view.getUint8(at + 2)
    if (pointer > view.getUint8(at + 1)) return
    view.setInt32(at + pointer - 1, address)
    view.setUint8(at + 2, pointer + 4)
    this.changed = true
  }

  #stamp(view: DataView, at: number, address: number): void {
    const pointer = view.getUint8(at + 2)
    const flags = view.getUint8(at + 3)
    const kind = flags & 15
    if (pointer > view.getUint8(at + 1)) {
      if (kind > WITH_ADDRESSES) return
      view.setUint8(at + 3, flags + OVERFLOW)
    } else {
      if (kind === WITH_ADDRESSES) view.setInt32(at + pointer - 1, address)
      if (kind > WITH_ADDRESSES) return
      view.setUint8(at + 2, pointer + (kind === WITH_ADDRESSES ? 8 : 4))
    }
    this.changed = true
  }

  #clear(view: DataView, from: number, end: number): void {
    for (let at = from + 1; at < end; at++) {
      if (view.getUint8(at) !== END) this.changed = true
      view.setUint8(at, END)
    }
  }
}
