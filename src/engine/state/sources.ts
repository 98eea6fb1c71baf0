/** Seeds of the hash; random in production, so that nobody can choose addresses that collide. */
export type Seeds = readonly [number, number]

/** Where a source stands in its table. Each segment is a list in order of last use. */
export const Segment = { once: 0, returned: 1, pinned: 2 } as const
export type SegmentId = (typeof Segment)[keyof typeof Segment]

/** Of how many sources at least one is left to those seen once, so that new ones can come back. */
const ONCE_SHARE = 8

/** Words of a key: the family's bits and four words of address. */
const KEY = 5
const NONE = -1

/**
 * A bounded table of source addresses, in typed arrays: nothing is allocated after construction, and every
 * operation takes constant time (a chained hash of expected length one).
 *
 * Sources seen once are held apart from those that returned, and from those pinned: a flood of addresses seen
 * once only displaces its like. A pinned source is displaced only when `mayFree` says so.
 */
export class SourceTable {
  readonly capacity: number
  readonly #heads: Int32Array
  readonly #chain: Int32Array
  readonly #keys: Int32Array
  readonly #segment: Uint8Array
  /**
   * A circular list a segment, from its head to the newest slot and on to the oldest: the heads stand behind
   * the slots, at capacity + segment.
   */
  readonly #next: Int32Array
  readonly #previous: Int32Array
  readonly #counts = new Int32Array(3)
  readonly #mask: number
  readonly #seed0: number
  readonly #seed1: number
  readonly #mayFree: (slot: number) => boolean
  #used = 0

  constructor(capacity: number, seeds: Seeds, mayFree: (slot: number) => boolean) {
    this.capacity = capacity
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(2, capacity)))
    this.#heads = new Int32Array(buckets).fill(NONE)
    this.#mask = buckets - 1
    this.#chain = new Int32Array(capacity)
    this.#keys = new Int32Array(capacity * KEY)
    this.#segment = new Uint8Array(capacity)
    this.#next = new Int32Array(capacity + 3)
    this.#previous = new Int32Array(capacity + 3)
    for (let head = capacity; head < capacity + 3; head++) this.#next[head] = this.#previous[head] = head
    this.#seed0 = seeds[0] | 0
    this.#seed1 = seeds[1] | 0
    this.#mayFree = mayFree
  }

  /** Sources held. */
  get size(): number {
    return this.#used
  }

  /** Sources held in a segment. */
  count(segment: SegmentId): number {
    return this.#counts[segment]!
  }

  /** The slot of a source, or -1. Key: bits of the family and the address's words, most significant first. */
  find(bits: number, w0: number, w1: number, w2: number, w3: number): number {
    const keys = this.#keys
    let slot = this.#heads[this.#bucket(bits, w0, w1, w2, w3)]!
    while (slot !== NONE) {
      const at = slot * KEY
      if (
        keys[at + 1] === w0 &&
        keys[at + 2] === w1 &&
        keys[at + 3] === w2 &&
        keys[at + 4] === w3 &&
        keys[at] === bits
      )
        return slot
      slot = this.#chain[slot]!
    }
    return NONE
  }

  /** Adds a source that is not there as seen once, displacing another if the table is full; -1 if none may go. */
  add(bits: number, w0: number, w1: number, w2: number, w3: number): number {
    let slot = this.#used
    if (slot < this.capacity) this.#used++
    else {
      slot = this.#victim()
      if (slot === NONE) return NONE
      this.#unlink(slot)
      this.#unhash(slot)
    }
    const at = slot * KEY
    const keys = this.#keys
    keys[at] = bits
    keys[at + 1] = w0
    keys[at + 2] = w1
    keys[at + 3] = w2
    keys[at + 4] = w3
    const bucket = this.#bucket(bits, w0, w1, w2, w3)
    this.#chain[slot] = this.#heads[bucket]!
    this.#heads[bucket] = slot
    this.#link(slot, Segment.once)
    return slot
  }

  /** Moves a source to the newest end of a segment. */
  touch(slot: number, segment: SegmentId): void {
    this.#unlink(slot)
    this.#link(slot, segment)
  }

  /** The slot to give away: from the sources seen once unless they are few, else the oldest that may go. */
  #victim(): number {
    const once = this.#counts[Segment.once]!
    if (once * ONCE_SHARE > this.capacity) return this.#oldest(Segment.once)
    const pinned = this.#oldest(Segment.pinned)
    if (this.#counts[Segment.pinned]! > 0 && this.#mayFree(pinned)) return pinned
    if (this.#counts[Segment.returned]! > 0) return this.#oldest(Segment.returned)
    return once > 0 ? this.#oldest(Segment.once) : NONE
  }

  #oldest(segment: SegmentId): number {
    return this.#previous[this.capacity + segment]!
  }

  #link(slot: number, segment: SegmentId): void {
    const head = this.capacity + segment
    const newest = this.#next[head]!
    this.#segment[slot] = segment
    this.#counts[segment]!++
    this.#next[head] = slot
    this.#previous[newest] = slot
    this.#next[slot] = newest
    this.#previous[slot] = head
  }

  #unlink(slot: number): void {
    const next = this.#next[slot]!
    const previous = this.#previous[slot]!
    this.#previous[next] = previous
    this.#next[previous] = next
    this.#counts[this.#segment[slot]!]!--
  }

  #unhash(slot: number): void {
    const keys = this.#keys
    const at = slot * KEY
    const bucket = this.#bucket(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!, keys[at + 4]!)
    let previous = this.#heads[bucket]!
    if (previous === slot) {
      this.#heads[bucket] = this.#chain[slot]!
      return
    }
    while (this.#chain[previous] !== slot) previous = this.#chain[previous]!
    this.#chain[previous] = this.#chain[slot]!
  }

  /** A seeded mix of the key's words, after MurmurHash3's finalizer. */
  #bucket(bits: number, w0: number, w1: number, w2: number, w3: number): number {
    let h = this.#seed0 ^ bits
    h = Math.imul(h ^ w0, 0x9e3779b1)
    h = Math.imul((h ^ (h >>> 15)) + w1, 0x85ebca6b)
    h = Math.imul((h ^ (h >>> 13)) + w2, 0xc2b2ae35)
    h = Math.imul((h ^ (h >>> 16)) + w3, 0x27d4eb2f) + this.#seed1
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    return (h ^ (h >>> 16)) & this.#mask
  }
}
