import {
  entryAt,
  lastPart,
  NOTHING,
  NodePool,
  offsetOf,
  outgrown,
  partOf,
  prefixOf,
  REMADE,
} from './nodes.js'
import { commonBits, compareWords, copyWords, widthOf, writeWords } from './words.js'

/** What `add` returns instead of an id. */
export const OVERLAP = -1
export const FULL = -2
const NONE = -1

/** The parts of a node lie within each other at most this deep: each looks at a bit at least. */
const DEPTHS = 130
/** Units that one change may take: remaking a node whose elements touch each other at odd places. */
const UNITS_A_CHANGE = 16_384
/** Units that an element takes in most sets. */
const UNITS_AN_ELEMENT = 1.25

/**
 * A bounded set of disjoint closed intervals of unsigned integers of 1 to 128 bits, in typed arrays: what a named
 * set is whose elements come and go. An element's id is the same as long as it is in the set and from 0 to below
 * `capacity`, so that data, timeouts and counters can stand in arrays beside the set.
 *
 * It is a path-compressed trie: a node stands for an aligned range that two elements or more have a part in, and
 * is cut into 2, 4, 16, 256 or 65,536 parts. A look-up takes one load for each node and one for the element's
 * bounds, which tell whether it was the right way; a change touches only the nodes at the interval's two ends.
 *
 * Memory: 9 bytes an element of up to 32 bits, 33 of 128 (reserved; pages not yet used take none), and 12 to 20
 * for nodes. Sets in which intervals touch each other at odd places take more; `add` refuses what would take the
 * nodes over 32 MiB.
 */
export class IntervalSet {
  readonly bits: number
  readonly capacity: number
  readonly #width: number
  /** Of each element its first value and its last; of a free id, the free one after it in the first word. */
  readonly #bounds: Int32Array
  readonly #present: Uint8Array
  readonly #nodes: NodePool
  /** By depth: the first and last value of a part of a node, and those of the element that is added in it. */
  readonly #blocks: Int32Array
  readonly #clips: Int32Array
  readonly #ids = new Int32Array(REMADE + 1)
  #gathered = 0
  /** Ids given out so far, the last one that came back, and those in the set. */
  #used = 0
  #free = NONE
  #size = 0
  #root = NOTHING
  readonly #given: Int32Array

  /** bits: of a value, 1 to 128. capacity: how many elements there may be. */
  constructor(bits: number, capacity: number) {
    this.bits = bits
    this.capacity = capacity
    this.#width = widthOf(bits)
    this.#bounds = new Int32Array(capacity * 2 * this.#width)
    this.#present = new Uint8Array(capacity)
    this.#nodes = new NodePool(bits, capacity * UNITS_AN_ELEMENT + 64)
    this.#blocks = new Int32Array(DEPTHS * 2 * this.#width)
    this.#blocks.fill(-1, this.#width, 2 * this.#width)
    this.#clips = new Int32Array(DEPTHS * 2 * this.#width)
    this.#given = new Int32Array(2 * this.#width)
  }

  /** Elements in the set. */
  get size(): number {
    return this.#size
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.#used * (this.#width * 8 + 1) + this.#nodes.bytes
  }

  has(id: number): boolean {
    return this.#present[id] === 1
  }

  /**
   * The id of the element whose interval holds a value, or -1. The value's words stand at `at`, most significant
   * first: one up to 32 bits, ⌈bits / 32⌉ for more. For the hot path.
   */
  find(words: Int32Array, at: number): number {
    const pool = this.#nodes.words
    let entry = this.#root
    // As entryAt has it, which V8 would have to be trusted to inline.
    while (entry > 0) {
      const part = words[at + ((entry >>> 26) & 3)]! >>> (entry >>> 21)
      entry = pool[((entry & 0x1fffff) << 2) + (part & ((1 << (1 << (entry >>> 28))) - 1))]!
    }
    if (entry === NOTHING) return NONE
    const bounds = this.#bounds
    const width = this.#width
    const own = ~entry * 2 * width
    if (width === 1) {
      const value = words[at]! >>> 0
      return bounds[own]! >>> 0 <= value && value <= bounds[own + 1]! >>> 0 ? ~entry : NONE
    }
    if (compareWords(bounds, own, words, at, width) > 0) return NONE
    return compareWords(words, at, bounds, own + width, width) > 0 ? NONE : ~entry
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
    if (id === this.capacity || !this.#nodes.hasRoom(UNITS_A_CHANGE)) return FULL
    const bounds = this.#bounds
    const width = this.#width
    const own = id * 2 * width
    const following = bounds[own]!
    copyWords(low, lowAt, bounds, own, width)
    copyWords(high, highAt, bounds, own + width, width)
    if (this.#overlaps(this.#root, own)) {
      bounds[own] = following
      return OVERLAP
    }
    if (this.#free === NONE) this.#used++
    else this.#free = following
    this.#present[id] = 1
    this.#size++
    copyWords(bounds, own, this.#clips, 0, 2 * width)
    this.#root = this.#insert(this.#root, id, 0)
    return id
  }

  /** Takes an element out; false if there is none of that id. */
  remove(id: number): boolean {
    if (!this.has(id)) return false
    this.#root = this.#take(this.#root, id * 2 * this.#width)
    this.#bounds[id * 2 * this.#width] = this.#free
    this.#free = id
    this.#present[id] = 0
    this.#size--
    return true
  }

  /**
   * Fills a new set with disjoint intervals, sorted by their values; their ids are their places from 0 on.
   * Much faster than `add`. Throws RangeError if that cannot be.
   */
  fill(intervals: Iterable<readonly [low: bigint, high: bigint]>): void {
    const width = this.#width
    const bounds = this.#bounds
    if (this.#used > 0) throw new RangeError('only a new set can be filled')
    for (const [low, high] of intervals) {
      if (this.#used === this.capacity) throw new RangeError(`there are more than ${this.capacity} elements`)
      const own = this.#used++ * 2 * width
      writeWords(low, width, bounds, own)
      writeWords(high, width, bounds, own + width)
      if (own > 0 && compareWords(bounds, own - width, bounds, own, width) >= 0)
        throw new RangeError('the elements overlap or are not sorted')
    }
    this.#size = this.#used
    this.#present.fill(1, 0, this.#used)
    if (this.#used === 0) return
    copyWords(bounds, 0, this.#clips, 0, width)
    copyWords(bounds, (2 * this.#used - 1) * width, this.#clips, width, width)
    const ids = Int32Array.from({ length: this.#used }, (_, id) => id)
    this.#root = this.#build(ids, 0, this.#used - 1, 0)
  }

  /** Whether an element below an entry has a value of the interval at `own` in `#bounds`. */
  #overlaps(entry: number, own: number): boolean {
    if (entry === NOTHING) return false
    const bounds = this.#bounds
    const width = this.#width
    if (entry < 0) {
      const other = ~entry * 2 * width
      if (compareWords(bounds, other, bounds, own + width, width) > 0) return false
      return compareWords(bounds, own, bounds, other + width, width) <= 0
    }
    const nodes = this.#nodes
    const lowSide = nodes.side(entry, bounds, own)
    const highSide = nodes.side(entry, bounds, own + width)
    if (lowSide > 0 || highSide < 0) return false
    const from = lowSide < 0 ? 0 : partOf(entry, bounds, own)
    const to = highSide > 0 ? lastPart(entry) : partOf(entry, bounds, own + width)
    for (let part = from; part <= to; part++) {
      if (this.#overlaps(nodes.words[offsetOf(entry) + part]!, own)) return true
    }
    return false
  }

  /** Adds an element below an entry whose block and the element's share in it are of this depth; returns the new entry. */
  #insert(entry: number, id: number, depth: number): number {
    if (entry === NOTHING) return ~id
    const nodes = this.#nodes
    const width = this.#width
    const clips = this.#clips
    const clip = depth * 2 * width
    if (entry < 0) {
      const ids = this.#ids
      const first = this.#before(id, ~entry)
      ids[0] = first ? id : ~entry
      ids[1] = first ? ~entry : id
      return this.#rebuild(2, depth)
    }
    const value = nodes.valueAt(entry)
    const common = Math.min(
      commonBits(clips, clip, nodes.words, value, width),
      commonBits(clips, clip + width, nodes.words, value, width),
    )
    let node = entry
    const prefix = prefixOf(entry)
    if (common < prefix) {
      node = nodes.create(nodes.count(entry, 0), common, nodes.words, value, Math.min(2, prefix - common))
      nodes.words[entryAt(node, nodes.words, value)] = entry
    }
    const count = nodes.count(node, 1)
    if (outgrown(node, count)) {
      this.#gathered = 0
      this.#gather(node)
      let place = this.#gathered
      while (place > 0 && this.#before(id, this.#ids[place - 1]!)) place--
      this.#ids.copyWithin(place + 1, place, this.#gathered)
      this.#ids[place] = id
      return this.#rebuild(count, depth)
    }
    const from = partOf(node, clips, clip)
    const to = partOf(node, clips, clip + width)
    const at = offsetOf(node)
    for (let part = from; part <= to; part++) {
      const old = nodes.words[at + part]!
      if (old !== NOTHING) {
        nodes.part(node, part, this.#blocks, clip + 2 * width)
        this.#clip(id, id, depth + 1)
      }
      const changed = this.#insert(old, id, depth + 1)
      nodes.words[at + part] = changed
    }
    return node
  }

  /** Takes an element out below an entry, and returns the new entry. A node of one element is the element. */
  #take(entry: number, own: number): number {
    if (entry < 0) return NOTHING
    const nodes = this.#nodes
    const bounds = this.#bounds
    const at = offsetOf(entry)
    const from = nodes.side(entry, bounds, own) < 0 ? 0 : partOf(entry, bounds, own)
    const high = own + this.#width
    const to = nodes.side(entry, bounds, high) > 0 ? lastPart(entry) : partOf(entry, bounds, high)
    for (let part = from; part <= to; part++) {
      const left = nodes.words[at + part]!
      if (left !== NOTHING) nodes.words[at + part] = this.#take(left, own)
    }
    if (nodes.count(entry, -1) > 1) return entry
    let part = 0
    while (nodes.words[at + part] === NOTHING) part++
    const only = nodes.words[at + part]!
    nodes.free(entry)
    return only
  }

  #before(id: number, other: number): boolean {
    return (
      compareWords(this.#bounds, id * 2 * this.#width, this.#bounds, other * 2 * this.#width, this.#width) < 0
    )
  }

  /** Writes what the block of this depth has of the values from the first of one element to the last of another. */
  #clip(first: number, last: number, depth: number): void {
    const width = this.#width
    const block = depth * 2 * width
    const low = first * 2 * width
    const high = last * 2 * width + width
    const bounds = this.#bounds
    const blocks = this.#blocks
    if (compareWords(bounds, low, blocks, block, width) > 0) copyWords(bounds, low, this.#clips, block, width)
    else copyWords(blocks, block, this.#clips, block, width)
    if (compareWords(bounds, high, blocks, block + width, width) < 0)
      copyWords(bounds, high, this.#clips, block + width, width)
    else copyWords(blocks, block + width, this.#clips, block + width, width)
  }

  /** Makes the first `count` of `#ids`, which share the block of this depth, a node. */
  #rebuild(count: number, depth: number): number {
    this.#clip(this.#ids[0]!, this.#ids[count - 1]!, depth)
    return this.#build(this.#ids, 0, count - 1, depth)
  }

  /** Collects the elements below an entry in their order, and frees its nodes. */
  #gather(entry: number): void {
    if (entry === NOTHING) return
    if (entry < 0) {
      if (this.#gathered === 0 || this.#ids[this.#gathered - 1] !== ~entry)
        this.#ids[this.#gathered++] = ~entry
      return
    }
    const at = offsetOf(entry)
    for (let part = 0; part <= lastPart(entry); part++) this.#gather(this.#nodes.words[at + part]!)
    this.#nodes.free(entry)
  }

  /** The entry for the elements ids[first…last], in their order, whose values in a block are `#clips` of its depth. */
  #build(ids: Int32Array, first: number, last: number, depth: number): number {
    if (first === last) return ~ids[first]!
    const nodes = this.#nodes
    const bounds = this.#bounds
    const clips = this.#clips
    const width = this.#width
    const clip = depth * 2 * width
    const prefix = commonBits(clips, clip, clips, clip + width, width)
    const node = nodes.create(last - first + 1, prefix, clips, clip)
    const end = partOf(node, clips, clip + width)
    let part = partOf(node, clips, clip)
    for (let from = first; from <= last; part++) {
      // Elements of which only the first may have begun before this part, and only the last may go on behind it.
      let to = from
      while (to < last && partOf(node, bounds, ids[to + 1]! * 2 * width) === part) to++
      const begins = from === first ? partOf(node, clips, clip) : partOf(node, bounds, ids[from]! * 2 * width)
      if (begins > part) {
        part = begins - 1
        continue
      }
      if (from < to) {
        nodes.part(node, part, this.#blocks, clip + 2 * width)
        this.#clip(ids[from]!, ids[to]!, depth + 1)
      }
      const entry = this.#build(ids, from, to, depth + 1)
      nodes.words[offsetOf(node) + part] = entry
      const ends = to === last ? end : partOf(node, bounds, ids[to]! * 2 * width + width)
      from = ends > part ? to : to + 1
    }
    return node
  }
}
