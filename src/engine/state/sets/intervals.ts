import { MOST_IDS } from './nodes.js'
import { sortedOrder } from './sort.js'
import { IntervalTrie } from './trie.js'
import { compareWords, copyWords, widthOf, writeWords } from './words.js'

/** What `add` returns instead of an id. */
export const OVERLAP = -1
export const FULL = -2
const NONE = -1

/**
 * A bounded set of disjoint closed intervals of unsigned integers of 1 to 128 bits, in typed arrays: what a named
 * set is whose elements come and go. An element's id is the same as long as it is in the set and from 0 to below
 * `capacity`, so that data, timeouts and counters can stand in arrays beside the set.
 *
 * It is a path-compressed trie (see `nodes.ts`): a node stands for an aligned range of values and is cut into parts,
 * a few elements that stand together in memory are a run. An element's bounds tell in the end whether a look-up went
 * the right way; a change touches the nodes at the interval's two ends.
 *
 * Memory: 13 bytes an element of up to 32 bits, 37 of 128, and for nodes a byte or two in a set filled at once, about
 * 20 in one that grew. Sets made to hurt take more; `add` refuses what would take nodes over 32 MiB.
 */
export class IntervalSet {
  readonly bits: number
  readonly capacity: number
  readonly #width: number
  /** Of each element its first value and its last; of a free id, the free one after it in the first word. */
  readonly #bounds: Int32Array
  readonly #present: Uint8Array
  readonly #trie: IntervalTrie
  readonly #given: Int32Array
  /** Ids given out so far, the last one that came back, and those in the set. */
  #used = 0
  #free = NONE
  #size = 0

  /** bits: of a value, 1 to 128. capacity: how many elements there may be, up to 2^24. */
  constructor(bits: number, capacity: number) {
    const width = widthOf(bits)
    if (capacity > MOST_IDS) throw new RangeError(`a set holds up to ${MOST_IDS} elements`)
    this.bits = bits
    this.capacity = capacity
    this.#width = width
    this.#bounds = new Int32Array(capacity * 2 * width)
    this.#present = new Uint8Array(capacity)
    this.#trie = new IntervalTrie(bits, this.#bounds)
    this.#given = new Int32Array(2 * width)
  }

  /** Elements in the set. */
  get size(): number {
    return this.#size
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.#used * (this.#width * 8 + 5) + this.#trie.bytes
  }

  has(id: number): boolean {
    return this.#present[id] === 1
  }

  /**
   * The id of the element whose interval holds a value, or -1. The value's words stand at `at`, most significant
   * first: one up to 32 bits, ⌈bits / 32⌉ for more. For the hot path.
   */
  find(words: Int32Array, at: number): number {
    return this.#trie.find(words, at)
  }

  /** Adds the interval from `low` to `high` and returns its id; OVERLAP or FULL if that cannot be. */
  add(low: bigint, high: bigint): number {
    const width = this.#width
    writeWords(low, width, this.#given, 0)
    writeWords(high, width, this.#given, width)
    return this.addWords(this.#given, 0, this.#given, width)
  }

  /** The same, of words as `find` takes them. For the hot path. */
  addWords(low: Int32Array, lowAt: number, high: Int32Array, highAt: number): number {
    const id = this.#free === NONE ? this.#used : this.#free
    if (id === this.capacity || !this.#trie.hasRoom) return FULL
    const bounds = this.#bounds
    const width = this.#width
    const own = id * 2 * width
    const following = bounds[own]!
    copyWords(low, lowAt, bounds, own, width)
    copyWords(high, highAt, bounds, own + width, width)
    if (this.#trie.overlaps(id)) {
      bounds[own] = following
      return OVERLAP
    }
    if (this.#free === NONE) this.#used++
    else this.#free = following
    this.#present[id] = 1
    this.#size++
    this.#trie.insert(id)
    return id
  }

  /** Takes an element out; false if there is none of that id. */
  remove(id: number): boolean {
    if (!this.has(id)) return false
    this.#trie.remove(id)
    this.#bounds[id * 2 * this.#width] = this.#free
    this.#free = id
    this.#present[id] = 0
    this.#size--
    return true
  }

  /**
   * Fills a new set with disjoint intervals, in any order: much faster than `add`, and faster to look up. Ids go in
   * the order of values; returns for each id the place of its interval among those given. Throws RangeError if
   * they are too many or overlap.
   */
  fill(intervals: Iterable<readonly [low: bigint, high: bigint]>): Int32Array {
    const { words, count } = this.#read(intervals)
    const places = sortedOrder(words, count, this.#width, 2 * this.#width)
    if (this.#take(words, places) < count) throw new RangeError('elements overlap')
    return places
  }

  /** Fills a new set with intervals of which those that overlap become one. Throws RangeError if they are too many. */
  fillUnion(intervals: Iterable<readonly [low: bigint, high: bigint]>): void {
    const { words, count } = this.#read(intervals)
    this.#take(words, sortedOrder(words, count, this.#width, 2 * this.#width))
  }

  #read(intervals: Iterable<readonly [low: bigint, high: bigint]>): { words: Int32Array; count: number } {
    const width = this.#width
    if (this.#used > 0) throw new RangeError('only a new set can be filled')
    const words = new Int32Array(this.#bounds.length)
    let count = 0
    for (const [low, high] of intervals) {
      if (count === this.capacity) throw new RangeError(`there are more than ${this.capacity} elements`)
      writeWords(low, width, words, count * 2 * width)
      writeWords(high, width, words, (count * 2 + 1) * width)
      count++
    }
    return { words, count }
  }

  /** Takes intervals in the order of their first values; returns how many they are when those that overlap are one. */
  #take(words: Int32Array, places: Int32Array): number {
    const width = this.#width
    const stride = 2 * width
    const bounds = this.#bounds
    let count = 0
    for (const place of places) {
      const from = place * stride
      const last = count * stride - width
      if (count > 0 && compareWords(bounds, last, words, from, width) >= 0) {
        if (compareWords(bounds, last, words, from + width, width) < 0)
          copyWords(words, from + width, bounds, last, width)
      } else copyWords(words, from, bounds, count++ * stride, stride)
    }
    this.#used = this.#size = count
    this.#present.fill(1, 0, count)
    this.#trie.fill(count)
    return count
  }
}
