import { Column, Family, type Packet } from '../../packet/packet.js'
import type { Window as WindowSpec } from '../../ruleset/model.js'
import { type Seeds, Segment, SourceTable } from './sources.js'

const NANOSECONDS_PER_MILLISECOND = 1e6

/**
 * A sliding window: admits at most `rate` packets of one source in any span of `per` milliseconds, to the
 * nanosecond of `Packet.time`. Exact as long as no more than `size` sources are active within the span; past
 * that, a source at its limit is never forgotten before its time, one seen once is forgotten first, and where
 * all are at their limits a new one is refused.
 *
 * Memory: size × (rate × 8 + 45) bytes, of which the pages not yet used are only reserved.
 */
export class Window {
  readonly rate: number
  /** Nanoseconds. */
  readonly #per: number
  readonly #strict: boolean
  readonly #mask4: number
  readonly #mask6: Int32Array
  readonly #sources: SourceTable
  /** A ring a slot: the times (ns) of the last `rate` packets that count. */
  readonly #stamps: Float64Array
  readonly #counts: Int32Array
  /** Index in its ring of a slot's oldest stamp, which is also where the next one goes once the ring is full. */
  readonly #oldest: Int32Array
  readonly #now = new Float64Array(1)
  /** Packets let through, refused at the limit, and refused because the table was full of sources at theirs. */
  admitted = 0
  refused = 0
  crowded = 0

  constructor(spec: WindowSpec, seeds: Seeds) {
    this.rate = spec.rate
    this.#per = spec.per * NANOSECONDS_PER_MILLISECOND
    this.#strict = spec.strict
    this.#mask4 = maskWord(spec.prefix4)
    this.#mask6 = Int32Array.from([0, 32, 64, 96], (from) => maskWord(spec.prefix6 - from))
    this.#stamps = new Float64Array(spec.size * spec.rate)
    this.#counts = new Int32Array(spec.size)
    this.#oldest = new Int32Array(spec.size)
    this.#sources = new SourceTable(spec.size, seeds, (slot) => !this.#atLimit(slot))
  }

  /** Sources remembered. */
  get sources(): number {
    return this.#sources.size
  }

  /** Whether the packet's source has room for it; counts the packet if so. */
  admit(packet: Packet): boolean {
    // A clock that steps back does not free anybody: time stands still until it is caught up.
    if (packet.time[0]! > this.#now[0]!) this.#now[0] = packet.time[0]!
    const slot = this.#slotOf(packet)
    if (slot < 0) {
      this.crowded++
      return false
    }
    if (this.#atLimit(slot)) {
      this.refused++
      if (this.#strict) this.#stamp(slot)
      this.#sources.touch(slot, Segment.pinned)
      return false
    }
    this.#stamp(slot)
    if (this.#counts[slot]! > 1) {
      this.#sources.touch(slot, this.#atLimit(slot) ? Segment.pinned : Segment.returned)
    }
    this.admitted++
    return true
  }

  #slotOf(packet: Packet): number {
    const fields = packet.fields
    let bits = 32
    let w0 = fields[Column.saddr4]! & this.#mask4
    let w1 = 0
    let w2 = 0
    let w3 = 0
    if (fields[Column.nfproto] === Family.ipv6) {
      const mask = this.#mask6
      bits = 128
      w0 = fields[Column.saddr6]! & mask[0]!
      w1 = fields[Column.saddr6 + 1]! & mask[1]!
      w2 = fields[Column.saddr6 + 2]! & mask[2]!
      w3 = fields[Column.saddr6 + 3]! & mask[3]!
    }
    const known = this.#sources.find(bits, w0, w1, w2, w3)
    if (known >= 0) return known
    const slot = this.#sources.add(bits, w0, w1, w2, w3)
    if (slot >= 0) this.#counts[slot] = this.#oldest[slot] = 0
    return slot
  }

  /** Whether the oldest of `rate` stamps is still within the span. */
  #atLimit(slot: number): boolean {
    if (this.#counts[slot]! < this.rate) return false
    return this.#now[0]! - this.#stamps[slot * this.rate + this.#oldest[slot]!]! < this.#per
  }

  #stamp(slot: number): void {
    const count = this.#counts[slot]!
    const ring = slot * this.rate
    if (count < this.rate) {
      this.#stamps[ring + count] = this.#now[0]!
      this.#counts[slot] = count + 1
      return
    }
    const oldest = this.#oldest[slot]!
    this.#stamps[ring + oldest] = this.#now[0]!
    this.#oldest[slot] = oldest + 1 === this.rate ? 0 : oldest + 1
  }
}

/** The first `length` bits of a 32-bit word; a length under 0 is none of them, over 32 all. */
function maskWord(length: number): number {
  if (length <= 0) return 0
  return length >= 32 ? -1 : -1 << (32 - length)
}
