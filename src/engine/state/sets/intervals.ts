import {
  after,
  firstId,
  lastPart,
  MOST_AFTER,
  MOST_IDS,
  misfit,
  NOTHING,
  NodePool,
  partOf,
  prefixOf,
  REMADE,
  runOf,
  runWord,
  startOf,
} from './nodes.js'
import { sortedOrder } from './sort.js'
import { commonBits, compareWords, copyWords, widthOf, writeWords } from './words.js'

/** What `add` returns instead of an id. */
export const OVERLAP = -1
export const FULL = -2
const NONE = -1

/** Nodes lie within each other at most this deep: each looks at a bit at least. */
const DEPTHS = 130
/** Units that one change may take: remaking a node whose elements touch each other at odd places. */
const UNITS_A_CHANGE = 100_000
/** Units that an element takes in most sets whose elements came one by one. */
const UNITS_AN_ELEMENT = 1.25
/** Elements to a part of a new node: so many make a run, if their ids follow each other. */
const IN_A_RUN = 5
/** Turns an unsigned word into a signed one that sorts the same way. */
const SIGN = 1 << 31

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
  /** Of each element of a run the word of its first value that tells it apart, as `ordered` has it. */
  readonly #keys: Int32Array
  readonly #present: Uint8Array
  readonly #nodes: NodePool
  /** By depth: the first and last value of a part of a node, and those of the elements that are put there. */
  readonly #blocks: Int32Array
  readonly #clips: Int32Array
  readonly #given: Int32Array
  readonly #ids = new Int32Array(REMADE + MOST_AFTER)
  #gathered = 0
  /** Ids given out so far, the last one that came back, and those in the set. */
  #used = 0
  #free = NONE
  #size = 0
  #root = NOTHING

  /** bits: of a value, 1 to 128. capacity: how many elements there may be, up to 2^24. */
  constructor(bits: number, capacity: number) {
    const width = widthOf(bits)
    if (capacity > MOST_IDS) throw new RangeError(`a set holds up to ${MOST_IDS} elements`)
    this.bits = bits
    this.capacity = capacity
    this.#width = width
    this.#bounds = new Int32Array(capacity * 2 * width)
    this.#keys = new Int32Array(capacity)
    this.#present = new Uint8Array(capacity)
    this.#nodes = new NodePool(bits, Math.ceil(capacity * UNITS_AN_ELEMENT) + 64)
    this.#blocks = new Int32Array(DEPTHS * 2 * width).fill(-1, width, 2 * width)
    this.#clips = new Int32Array(DEPTHS * 2 * width)
    this.#given = new Int32Array(2 * width)
  }

  /** Elements in the set. */
  get size(): number {
    return this.#size
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.#used * (this.#width * 8 + 5) + this.#nodes.bytes
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
    while (entry > 0) entry = pool[startOf(entry) + partOf(entry, words, at)]!
    if (entry === NOTHING) return NONE
    const bounds = this.#bounds
    const width = this.#width
    const first = firstId(entry)
    const last = after(entry)
    const word = runWord(entry)
    const value = words[at + word]! ^ SIGN
    const keys = this.#keys
    let place = 0
    if (last > 0) {
      // A binary search without branches, as nobody could predict them. Each step looks at an element of the run.
      let next = Math.min(8, last)
      place += next & -Number(keys[first + next]! <= value)
      next = Math.min(place + 4, last)
      place += (next - place) & -Number(keys[first + next]! <= value)
      next = Math.min(place + 2, last)
      place += (next - place) & -Number(keys[first + next]! <= value)
      next = Math.min(place + 1, last)
      place += (next - place) & -Number(keys[first + next]! <= value)
    }
    let id = first + place
    if (width === 1) {
      const low = bounds[id * 2]! ^ SIGN
      const high = bounds[id * 2 + 1]! ^ SIGN
      return id | -(Number(value < low) | Number(value > high))
    }
    // Where the word is the same, those behind it may show that it is one element earlier.
    if (place > 0 && compareWords(words, at, bounds, id * 2 * width, width) < 0) id--
    const own = id * 2 * width
    if (compareWords(words, at, bounds, own, width) < 0) return NONE
    return compareWords(words, at, bounds, own + width, width) > 0 ? NONE : id
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
    if (this.#overlaps(this.#root, id)) {
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
    this.#root = this.#take(this.#root, id, 0)
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
    const width = this.#width
    const stride = 2 * width
    const bounds = this.#bounds
    if (this.#used > 0) throw new RangeError('only a new set can be filled')
    const given = new Int32Array(bounds.length)
    let count = 0
    for (const [low, high] of intervals) {
      if (count === this.capacity) throw new RangeError(`there are more than ${this.capacity} elements`)
      writeWords(low, width, given, count * stride)
      writeWords(high, width, given, count * stride + width)
      count++
    }
    const places = sortedOrder(given, count, width, stride)
    for (let id = 0; id < count; id++) {
      copyWords(given, places[id]! * stride, bounds, id * stride, stride)
      if (id > 0 && compareWords(bounds, id * stride - width, bounds, id * stride, width) >= 0)
        throw new RangeError('elements overlap')
    }
    this.#used = this.#size = count
    this.#present.fill(1, 0, count)
    if (count === 0) return places
    this.#clip(0, count - 1, 0)
    this.#root = this.#build(
      Int32Array.from(places, (_, id) => id),
      0,
      count - 1,
      0,
    )
    return places
  }

  /** Whether an element below an entry has values of another. */
  #overlaps(entry: number, id: number): boolean {
    if (entry === NOTHING) return false
    const nodes = this.#nodes
    if (entry < 0) {
      for (let i = 0; i <= after(entry); i++) if (this.#meets(firstId(entry) + i, id)) return true
      return false
    }
    const low = id * 2 * this.#width
    const high = low + this.#width
    if (nodes.side(entry, this.#bounds, low) > 0 || nodes.side(entry, this.#bounds, high) < 0) return false
    const to = this.#lastPart(entry, high)
    for (let part = this.#firstPart(entry, low); part <= to; part++) {
      if (this.#overlaps(nodes.words[startOf(entry) + part]!, id)) return true
    }
    return false
  }

  #meets(one: number, other: number): boolean {
    const bounds = this.#bounds
    const width = this.#width
    const a = one * 2 * width
    const b = other * 2 * width
    return (
      compareWords(bounds, a, bounds, b + width, width) <= 0 &&
      compareWords(bounds, b, bounds, a + width, width) <= 0
    )
  }

  /** The first part of a node that has values from the one at `low` in `#bounds` on, and the last up to `high`. */
  #firstPart(node: number, low: number): number {
    return this.#nodes.side(node, this.#bounds, low) < 0 ? 0 : partOf(node, this.#bounds, low)
  }

  #lastPart(node: number, high: number): number {
    return this.#nodes.side(node, this.#bounds, high) > 0 ? lastPart(node) : partOf(node, this.#bounds, high)
  }

  /** Adds an element, of which `#clips` of this depth is what concerns an entry, and returns the new entry. */
  #insert(entry: number, id: number, depth: number): number {
    if (entry === NOTHING) return runOf(id, 0, 0)
    const nodes = this.#nodes
    const width = this.#width
    const clips = this.#clips
    const clip = depth * 2 * width
    if (entry < 0) return this.#remake(entry, id, NONE, depth)
    const node = this.#widened(entry, clip)
    const count = nodes.count(node, 1)
    if (misfit(node, count)) return this.#remake(node, id, NONE, depth)
    const to = partOf(node, clips, clip + width)
    for (let part = partOf(node, clips, clip); part <= to; part++) {
      const old = nodes.words[startOf(node) + part]!
      if (old !== NOTHING) {
        nodes.part(node, part, this.#blocks, clip + 2 * width)
        this.#clip(id, id, depth + 1)
      }
      const changed = this.#insert(old, id, depth + 1)
      nodes.words[startOf(node) + part] = changed
    }
    return node
  }

  /** The node, or a new one above it whose range has the values of a clip too. */
  #widened(node: number, clip: number): number {
    const nodes = this.#nodes
    const width = this.#width
    const value = nodes.valueAt(node)
    const common = Math.min(
      commonBits(this.#clips, clip, nodes.words, value, width),
      commonBits(this.#clips, clip + width, nodes.words, value, width),
    )
    const bits = prefixOf(node) - common
    if (bits <= 0) return node
    const above = nodes.create(nodes.count(node, 0), 1, common, nodes.words, value, Math.min(2, bits))
    nodes.words[startOf(above) + partOf(above, nodes.words, value)] = node
    return above
  }

  /** Takes an element out below an entry whose block is that of this depth, and returns the new entry. */
  #take(entry: number, id: number, depth: number): number {
    const nodes = this.#nodes
    if (entry < 0) return after(entry) === 0 ? NOTHING : this.#remake(entry, NONE, id, depth)
    const start = startOf(entry)
    const low = id * 2 * this.#width
    const to = this.#lastPart(entry, low + this.#width)
    for (let part = this.#firstPart(entry, low); part <= to; part++) {
      const old = nodes.words[start + part]!
      if (old < 0 && after(old) > 0) nodes.part(entry, part, this.#blocks, (depth + 1) * 2 * this.#width)
      const changed = this.#take(old, id, depth + 1)
      nodes.words[start + part] = changed
    }
    const count = nodes.count(entry, -1)
    if (count > 1 && !misfit(entry, count)) return entry
    nodes.range(entry, this.#blocks, (depth + 1) * 2 * this.#width)
    return this.#remake(entry, NONE, NONE, depth + 1)
  }

  /** Makes an entry anew, whose block is that of this depth, with one element more, or without one, if not NONE. */
  #remake(entry: number, more: number, less: number, depth: number): number {
    const ids = this.#ids
    this.#gathered = 0
    this.#gather(entry, less)
    if (more !== NONE) {
      let place = this.#gathered++
      for (; place > 0 && this.#isBefore(more, ids[place - 1]!); place--) ids[place] = ids[place - 1]!
      ids[place] = more
    }
    this.#clip(ids[0]!, ids[this.#gathered - 1]!, depth)
    return this.#build(ids, 0, this.#gathered - 1, depth)
  }

  #isBefore(id: number, other: number): boolean {
    const bounds = this.#bounds
    return compareWords(bounds, id * 2 * this.#width, bounds, other * 2 * this.#width, this.#width) < 0
  }

  /** Collects the elements below an entry in their order, all but one, and frees its nodes. */
  #gather(entry: number, less: number): void {
    if (entry > 0) {
      for (let part = 0; part <= lastPart(entry); part++)
        this.#gather(this.#nodes.words[startOf(entry) + part]!, less)
      this.#nodes.free(entry)
    } else if (entry < 0) {
      for (let i = 0; i <= after(entry); i++) {
        const id = firstId(entry) + i
        const known = this.#gathered > 0 && this.#ids[this.#gathered - 1] === id
        if (!known && id !== less) this.#ids[this.#gathered++] = id
      }
    }
  }

  /** Writes what the block of this depth has of the values from the first of one element to the last of another. */
  #clip(first: number, last: number, depth: number): void {
    const width = this.#width
    const clips = this.#clips
    const low = depth * 2 * width
    const high = low + width
    copyWords(this.#bounds, first * 2 * width, clips, low, width)
    copyWords(this.#bounds, last * 2 * width + width, clips, high, width)
    if (compareWords(clips, low, this.#blocks, low, width) < 0)
      copyWords(this.#blocks, low, clips, low, width)
    if (compareWords(clips, high, this.#blocks, high, width) > 0)
      copyWords(this.#blocks, high, clips, high, width)
  }

  /** The entry for the elements ids[first…last], in their order, whose values are clipped at this depth. */
  #build(ids: Int32Array, first: number, last: number, depth: number): number {
    const run = this.#run(ids, first, last, depth)
    if (run !== NOTHING) return run
    const nodes = this.#nodes
    const bounds = this.#bounds
    const clips = this.#clips
    const width = this.#width
    const low = depth * 2 * width
    const high = low + width
    const count = last - first + 1
    const share = ids[last]! - ids[first]! < count ? IN_A_RUN : 1
    const node = nodes.create(count, share, commonBits(clips, low, clips, high, width), clips, low)
    const end = partOf(node, clips, high)
    let part = partOf(node, clips, low)
    for (let from = first; from <= last; part++) {
      // Of the elements of a part, only the first may have begun before it, and only the last may go on behind it.
      if (from > first) part = Math.max(part, partOf(node, bounds, ids[from]! * 2 * width))
      let to = from
      while (to < last && partOf(node, bounds, ids[to + 1]! * 2 * width) === part) to++
      if (from < to) {
        nodes.part(node, part, this.#blocks, low + 2 * width)
        this.#clip(ids[from]!, ids[to]!, depth + 1)
      }
      const entry = this.#build(ids, from, to, depth + 1)
      nodes.words[startOf(node) + part] = entry
      const ends = to === last ? end : partOf(node, bounds, ids[to]! * 2 * width + width)
      from = ends > part ? to : to + 1
    }
    return node
  }

  /** The run of a few elements; NOTHING if their ids do not follow each other or no word tells them apart. */
  #run(ids: Int32Array, first: number, last: number, depth: number): number {
    const more = last - first
    if (more === 0) return runOf(ids[first]!, 0, 0)
    if (more > MOST_AFTER) return NOTHING
    const width = this.#width
    const clip = depth * 2 * width
    // The first in which their values differ at all, for what comes before it is not looked at.
    const word = commonBits(this.#clips, clip, this.#clips, clip + width, width) >> 5
    let key = this.#clips[clip + word]! ^ SIGN
    for (let i = first + 1; i <= last; i++) {
      const next = this.#bounds[ids[i]! * 2 * width + word]! ^ SIGN
      if (ids[i] !== ids[i - 1]! + 1 || next === key) return NOTHING
      this.#keys[ids[i]!] = key = next
    }
    return runOf(ids[first]!, more, word)
  }
}
