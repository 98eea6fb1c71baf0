/** Seeds of the hash; random in production, so that nobody can choose addresses that collide. */
export type Seeds = readonly [number, number]

/** What a source's place is worth when the table is full and another source wants it. */
export const Worth = { nothing: 0, little: 1, kept: 2 } as const
export type WorthNumber = (typeof Worth)[keyof typeof Worth]

const { nothing: NOTHING, little: LITTLE } = Worth

/** Words of a record that the table uses: the key, which is the family's bits and four words of address, … */
const BITS = 0
const W0 = 1
const W1 = 2
const W2 = 3
const W3 = 4
/** … and the next record of the same bucket, or -1. */
const CHAIN = 5
/** The first of the words that the owner of the table uses as it likes. */
export const OWN = 6
/** Words of a cache line: a record starts where one does, so that what stands together is fetched together. */
const LINE = 16
const NONE = -1
/** So many that most chains are of one record: each further one is a wait for memory. */
const BUCKETS_PER_SOURCE = 4

/**
 * How many places a newcomer looks at for one worth nothing before it takes one worth little. So, under a
 * flood of sources that are worth nothing, they come to hold one place in this many, and displace each other.
 */
const LOOK = 8
/** How many places it looks at for one worth little, before it is turned away. */
const LOOK_FURTHER = 64

/**
 * A bounded table of source addresses in one typed array: nothing is allocated after construction, and every
 * operation takes constant time (a chained hash of expected length one). What the owner knows of a source stands
 * in its record, as memory is what a look-up waits for. When it is full, newcomers take
 * places in turn, round and round, those that are worth least among the next few.
 */
export class SourceTable {
  readonly capacity: number
  /** Words of a record. */
  readonly stride: number
  /** The records; slot i's starts at i × stride. */
  readonly records: Int32Array
  readonly #buckets: Int32Array
  readonly #mask: number
  readonly #seed0: number
  readonly #seed1: number
  readonly #worth: (slot: number) => WorthNumber
  #used = 0
  /** Where the next newcomer looks. */
  #hand = 0

  /** own: words that the owner needs of a record, from OWN on. They are not cleared when a source is added. */
  constructor(capacity: number, own: number, seeds: Seeds, worth: (slot: number) => WorthNumber) {
    this.capacity = capacity
    this.stride = Math.ceil((OWN + own) / LINE) * LINE
    const buckets = 2 ** Math.ceil(Math.log2(capacity * BUCKETS_PER_SOURCE))
    this.#buckets = new Int32Array(buckets).fill(NONE)
    this.#mask = buckets - 1
    this.records = new Int32Array(capacity * this.stride)
    this.#seed0 = seeds[0] | 0
    this.#seed1 = seeds[1] | 0
    this.#worth = worth
  }

  /** Sources held. */
  get size(): number {
    return this.#used
  }

  /** The slot of a source, or -1. Key: bits of the family and the address's words, most significant first. */
  find(bits: number, w0: number, w1: number, w2: number, w3: number): number {
    const records = this.records
    let slot = this.#buckets[this.#bucket(bits, w0, w1, w2, w3)]!
    while (slot !== NONE) {
      const at = slot * this.stride
      if (
        records[at + W0] === w0 &&
        records[at + W1] === w1 &&
        records[at + W2] === w2 &&
        records[at + W3] === w3 &&
        records[at + BITS] === bits
      )
        return slot
      slot = records[at + CHAIN]!
    }
    return NONE
  }

  /** Adds a source that is not there, in another's place if the table is full; -1 if none is to be had. */
  add(bits: number, w0: number, w1: number, w2: number, w3: number): number {
    let slot = this.#used
    if (slot < this.capacity) this.#used++
    else {
      slot = this.#place()
      if (slot === NONE) return NONE
      this.#unhash(slot)
    }
    const records = this.records
    const at = slot * this.stride
    const bucket = this.#bucket(bits, w0, w1, w2, w3)
    records[at + BITS] = bits
    records[at + W0] = w0
    records[at + W1] = w1
    records[at + W2] = w2
    records[at + W3] = w3
    records[at + CHAIN] = this.#buckets[bucket]!
    this.#buckets[bucket] = slot
    return slot
  }

  /** The slot that a newcomer may have, or -1. */
  #place(): number {
    let fair = NONE
    let slot = this.#hand
    for (let looked = 0; looked < LOOK_FURTHER; looked++) {
      if (looked >= LOOK && fair !== NONE) break
      const worth = this.#worth(slot)
      const next = slot + 1 === this.capacity ? 0 : slot + 1
      if (worth === NOTHING) {
        this.#hand = next
        return slot
      }
      if (worth === LITTLE && fair === NONE) fair = slot
      slot = next
    }
    this.#hand = slot
    return fair
  }

  #unhash(slot: number): void {
    const records = this.records
    const at = slot * this.stride
    const bucket = this.#bucket(
      records[at + BITS]!,
      records[at + W0]!,
      records[at + W1]!,
      records[at + W2]!,
      records[at + W3]!,
    )
    const following = records[at + CHAIN]!
    let previous = this.#buckets[bucket]!
    if (previous === slot) {
      this.#buckets[bucket] = following
      return
    }
    while (records[previous * this.stride + CHAIN] !== slot)
      previous = records[previous * this.stride + CHAIN]!
    records[previous * this.stride + CHAIN] = following
  }

  /** A seeded mix of the key's words, after MurmurHash3's finalizer. */
  #bucket(bits: number, w0: number, w1: number, w2: number, w3: number): number {
    let h = Math.imul(this.#seed0 ^ bits ^ w0, 0x9e3779b1)
    h = Math.imul((h ^ (h >>> 15)) + w1, 0x85ebca6b)
    h = Math.imul((h ^ (h >>> 13)) + w2, 0xc2b2ae35)
    h = Math.imul((h ^ (h >>> 16)) + w3, 0x27d4eb2f) + this.#seed1
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    return (h ^ (h >>> 16)) & this.#mask
  }
}
