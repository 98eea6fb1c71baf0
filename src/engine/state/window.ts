import { Column, Family, type Packet } from '../../packet/packet.js'
import type { Window as WindowSpec } from '../../ruleset/model.js'
import { OWN, type Seeds, SourceTable, Worth, type WorthNumber } from './sources.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const { nfproto: NFPROTO, saddr4: SADDR4, saddr6: SADDR6 } = Column
const IPV6 = Family.ipv6

/** What the window keeps in a source's record: how many stamps its ring holds, and the index of the oldest. */
const COUNT = OWN
const OLDEST = OWN + 1
/** 1 if the source came back after its first packet. */
const RETURNED = OWN + 2
/** Which span, counted from the clock's origin, its newest stamp is in. */
const SPAN = OWN + 3
/** Its ring, two words a stamp: the times (ns) of the last `rate` packets that count. */
const RING = OWN + 4
const STAMP = 2

const NANOSECONDS_PER_MILLISECOND = 1e6

/**
 * A sliding window: admits at most `rate` packets of one source in any span of `per` milliseconds, to the
 * nanosecond of `Packet.time`. Exact as long as no more than `size` sources are active within the span; past
 * that, a source at its limit is never forgotten before its time, one that never came back is forgotten first,
 * and where all that could give way are at their limits a new one is refused.
 *
 * Memory: rate × 8 + 44 bytes a source, rounded up to 64, and 16 to 32 to find it; pages not yet used are only reserved.
 */
export class Window {
  readonly rate: number
  /** Nanoseconds. */
  readonly #per: number
  readonly #strict: boolean
  readonly #mask4: number
  readonly #mask6: Int32Array
  readonly #sources: SourceTable
  readonly #records: Int32Array
  /** The records' memory as doubles, for the stamps in them. */
  readonly #stamps: Float64Array
  readonly #stride: number
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
    this.#sources = new SourceTable(spec.size, RING - OWN + spec.rate * STAMP, seeds, (slot) =>
      this.#worth(slot),
    )
    this.#records = this.#sources.records
    this.#stamps = new Float64Array(this.#records.buffer)
    this.#stride = this.#sources.stride
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
    const at = slot * this.#stride
    if (this.#records[at + COUNT]! > 0) this.#records[at + RETURNED] = 1
    if (this.#atLimit(slot)) {
      this.refused++
      if (this.#strict) this.#stamp(slot)
      return false
    }
    this.#stamp(slot)
    this.admitted++
    return true
  }

  #slotOf(packet: Packet): number {
    const fields = packet.fields
    let bits = 32
    let w0 = fields[SADDR4]! & this.#mask4
    let w1 = 0
    let w2 = 0
    let w3 = 0
    if (fields[NFPROTO] === IPV6) {
      const mask = this.#mask6
      bits = 128
      w0 = fields[SADDR6]! & mask[0]!
      w1 = fields[SADDR6 + 1]! & mask[1]!
      w2 = fields[SADDR6 + 2]! & mask[2]!
      w3 = fields[SADDR6 + 3]! & mask[3]!
    }
    const known = this.#sources.find(bits, w0, w1, w2, w3)
    if (known >= 0) return known
    const slot = this.#sources.add(bits, w0, w1, w2, w3)
    if (slot < 0) return slot
    const at = slot * this.#stride
    this.#records[at + COUNT] = this.#records[at + OLDEST] = this.#records[at + RETURNED] = 0
    return slot
  }

  /** Hot only while the table is full. */
  #worth(slot: number): WorthNumber {
    const at = slot * this.#stride
    if (this.#records[at + RETURNED] === 0) return Worth.nothing
    if (this.#span() - this.#records[at + SPAN]! > 1) return Worth.nothing
    return this.#atLimit(slot) ? Worth.kept : Worth.little
  }

  #span(): number {
    return Math.floor(this.#now[0]! / this.#per) | 0
  }

  /** Whether the oldest of `rate` stamps is still within the span. */
  #atLimit(slot: number): boolean {
    const at = slot * this.#stride
    if (this.#records[at + COUNT]! < this.rate) return false
    return this.#now[0]! - this.#stamps[((at + RING) >> 1) + this.#records[at + OLDEST]!]! < this.#per
  }

  #stamp(slot: number): void {
    const at = slot * this.#stride
    const records = this.#records
    const count = records[at + COUNT]!
    const ring = (at + RING) >> 1
    records[at + SPAN] = this.#span()
    if (count < this.rate) {
      this.#stamps[ring + count] = this.#now[0]!
      records[at + COUNT] = count + 1
      return
    }
    const oldest = records[at + OLDEST]!
    this.#stamps[ring + oldest] = this.#now[0]!
    records[at + OLDEST] = oldest + 1 === this.rate ? 0 : oldest + 1
  }
}

/** The first `length` bits of a 32-bit word; a length under 0 is none of them, over 32 all. */
function maskWord(length: number): number {
  if (length <= 0) return 0
  return length >= 32 ? -1 : -1 << (32 - length)
}
