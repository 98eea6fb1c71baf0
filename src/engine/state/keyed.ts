import type { Seeds } from './sources.js'

/** Words of a record before its key: the next record of its bucket (or of the free ones), the older and the newer one. */
const CHAIN = 0
const OLDER = 1
const NEWER = 2
const KEY = 3
const NONE = -1

/**
 * A bounded table of keys of some words, in one typed array, that knows their order of use. What is kept of a key is its
 * owner's, by the key's slot: 0 to capacity - 1. Nothing is allocated after construction; every operation takes constant
 * time (a chained hash of expected length under one).
 */
export class KeyedTable {
  readonly capacity: number
  /** The key that `find` looks for and `add` adds: the caller fills it in. */
  readonly key: Int32Array
  /** The slot whose last `add` or `touch` is longest ago, or -1. */
  oldest = NONE
  size = 0
  readonly #words: number
  readonly #stride: number
  readonly #records: Int32Array
  readonly #buckets: Int32Array
  readonly #mask: number
  readonly #seed0: number
  readonly #seed1: number
  #newest = NONE
  /** The first of the slots that were removed, and how many have ever been used. */
  #free = NONE
  #used = 0

  constructor(capacity: number, words: number, seeds: Seeds) {
    this.capacity = capacity
    this.key = new Int32Array(words)
    this.#words = words
    this.#stride = KEY + words
    this.#records = new Int32Array(capacity * this.#stride)
    const buckets = 2 ** Math.ceil(Math.log2(capacity * 2))
    this.#buckets = new Int32Array(buckets).fill(NONE)
    this.#mask = buckets - 1
    this.#seed0 = seeds[0] | 0
    this.#seed1 = seeds[1] | 0
  }

  /** The key's slot, or -1. */
  find(): number {
    const records = this.#records
    let slot = this.#buckets[this.#bucket(this.key, 0)]!
    while (slot !== NONE) {
      const at = slot * this.#stride
      if (this.#holds(at + KEY)) return slot
      slot = records[at + CHAIN]!
    }
    return NONE
  }

  /** Adds a key that is not there, as the newest; -1 if the table is full. */
  add(): number {
    let slot = this.#free
    if (slot !== NONE) this.#free = this.#records[slot * this.#stride + CHAIN]!
    else if (this.#used < this.capacity) slot = this.#used++
    else return NONE
    const at = slot * this.#stride
    this.#records.set(this.key, at + KEY)
    const bucket = this.#bucket(this.key, 0)
    this.#records[at + CHAIN] = this.#buckets[bucket]!
    this.#buckets[bucket] = slot
    this.size++
    this.#append(slot)
    return slot
  }

  remove(slot: number): void {
    const records = this.#records
    const at = slot * this.#stride
    const bucket = this.#bucket(records, at + KEY)
    const following = records[at + CHAIN]!
    let previous = this.#buckets[bucket]!
    if (previous === slot) this.#buckets[bucket] = following
    else {
      while (records[previous * this.#stride + CHAIN] !== slot)
        previous = records[previous * this.#stride + CHAIN]!
      records[previous * this.#stride + CHAIN] = following
    }
    this.#unlink(slot)
    records[at + CHAIN] = this.#free
    this.#free = slot
    this.size--
  }

  /** Makes a slot the newest. */
  touch(slot: number): void {
    if (slot === this.#newest) return
    this.#unlink(slot)
    this.#append(slot)
  }

  clear(): void {
    this.#buckets.fill(NONE)
    this.oldest = this.#newest = this.#free = NONE
    this.size = this.#used = 0
  }

  #holds(at: number): boolean {
    const { key } = this
    const records = this.#records
    for (let i = 0; i < this.#words; i++) if (records[at + i] !== key[i]) return false
    return true
  }

  #append(slot: number): void {
    const at = slot * this.#stride
    this.#records[at + OLDER] = this.#newest
    this.#records[at + NEWER] = NONE
    if (this.#newest === NONE) this.oldest = slot
    else this.#records[this.#newest * this.#stride + NEWER] = slot
    this.#newest = slot
  }

  #unlink(slot: number): void {
    const records = this.#records
    const at = slot * this.#stride
    const older = records[at + OLDER]!
    const newer = records[at + NEWER]!
    if (older === NONE) this.oldest = newer
    else records[older * this.#stride + NEWER] = newer
    if (newer === NONE) this.#newest = older
    else records[newer * this.#stride + OLDER] = older
  }

  /** A seeded mix of a key's words, finished as MurmurHash3 is. */
  #bucket(words: Int32Array, at: number): number {
    let h = this.#seed0
    for (let i = 0; i < this.#words; i++) {
      h = Math.imul(h ^ words[at + i]!, 0x9e3779b1)
      h = (h ^ (h >>> 15)) + this.#seed1
    }
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    return (h ^ (h >>> 16)) & this.#mask
  }
}
