import type { Seeds } from '../sources.js'
import { FULL } from './intervals.js'

const NONE = -1
const LEAST = 16

/**
 * A bounded set of keys of so many words, in typed arrays that grow by doubling: a chained hash, seeded, so that nobody
 * can choose keys that collide. A key's id is the same as long as it is in the set.
 */
export class HashSet {
  readonly #width: number
  readonly #capacity: number
  readonly #seed0: number
  readonly #seed1: number
  #keys: Int32Array
  /** By id: the next of the same bucket, or of the free ids. */
  #next: Int32Array
  #buckets: Int32Array
  #used = 0
  #free = NONE
  size = 0

  constructor(width: number, capacity: number, seeds: Seeds) {
    this.#width = width
    this.#capacity = capacity
    this.#seed0 = seeds[0] | 0
    this.#seed1 = seeds[1] | 0
    this.#keys = new Int32Array(LEAST * width)
    this.#next = new Int32Array(LEAST)
    this.#buckets = new Int32Array(LEAST * 2).fill(NONE)
  }

  /** How many ids there is room for at present. */
  get room(): number {
    return this.#next.length
  }

  find(key: Int32Array, at: number): number {
    let id = this.#buckets[this.#bucket(key, at)]!
    while (id !== NONE && !this.#holds(id, key, at)) id = this.#next[id]!
    return id
  }

  /** The id of another element with this key, which is found before older ones; or FULL. */
  add(key: Int32Array, at: number): number {
    if (this.size >= this.#capacity) return FULL
    let id = this.#free
    if (id !== NONE) this.#free = this.#next[id]!
    else {
      id = this.#used++
      if (id >= this.#next.length) this.#grow()
    }
    for (let word = 0; word < this.#width; word++) this.#keys[id * this.#width + word] = key[at + word]!
    this.#link(id)
    this.size++
    return id
  }

  remove(id: number): void {
    const bucket = this.#bucket(this.#keys, id * this.#width)
    let before = this.#buckets[bucket]!
    if (before === id) this.#buckets[bucket] = this.#next[id]!
    else {
      while (this.#next[before] !== id) before = this.#next[before]!
      this.#next[before] = this.#next[id]!
    }
    this.#next[id] = this.#free
    this.#free = id
    this.size--
  }

  /** Takes out all of which the test says so. */
  removeWhere(test: (id: number) => boolean): void {
    for (let bucket = 0; bucket < this.#buckets.length; bucket++) {
      for (let id = this.#buckets[bucket]!; id !== NONE; ) {
        const next = this.#next[id]!
        if (test(id)) this.remove(id)
        id = next
      }
    }
  }

  #holds(id: number, key: Int32Array, at: number): boolean {
    const own = id * this.#width
    for (let word = 0; word < this.#width; word++) {
      if (this.#keys[own + word] !== key[at + word]) return false
    }
    return true
  }

  #link(id: number): void {
    const bucket = this.#bucket(this.#keys, id * this.#width)
    this.#next[id] = this.#buckets[bucket]!
    this.#buckets[bucket] = id
  }

  #grow(): void {
    const room = Math.min(this.#next.length * 2, this.#capacity)
    const keys = new Int32Array(room * this.#width)
    keys.set(this.#keys)
    this.#keys = keys
    const old = this.#next.length
    this.#next = new Int32Array(room)
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(room * 2))).fill(NONE)
    // It grows only when no id is free: all of them are in use.
    for (let id = 0; id < old; id++) this.#link(id)
  }

  #bucket(key: Int32Array, at: number): number {
    let h = this.#seed0
    for (let word = 0; word < this.#width; word++) {
      h = Math.imul(h ^ key[at + word]!, 0x9e3779b1)
      h = (h ^ (h >>> 15)) + this.#seed1
    }
    h = Math.imul(h ^ (h >>> 13), 0x85ebca6b)
    return (h ^ (h >>> 16)) & (this.#buckets.length - 1)
  }
}
