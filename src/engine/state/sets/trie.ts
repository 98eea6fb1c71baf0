import {
  after,
  firstId,
  halfShift,
  isInRange,
  isNarrow,
  lastPart,
  MOST_AFTER,
  misfit,
  NOTHING,
  NodePool,
  narrowRunOf,
  partOf,
  prefixOf,
  REMADE,
  runOf,
  runWord,
  startOf,
} from './nodes.js'
import { upTo } from './sort.js'
import { commonBits, compareWords, copyWords, widthOf } from './words.js'

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
const HALF = 0xffff

/** The trie of an IntervalSet (see nodes.ts): finds the element of a value. Elements are known by their ids. */
export class IntervalTrie {
  readonly #width: number
  /** Of each element its first value and its last. */
  readonly #bounds: Int32Array
  /** The elements' keys, as `ordered` has them. */
  readonly #keys: Int32Array
  readonly #nodes: NodePool
  /** By depth: the first and last value of a part of a node, and those of the elements that are put there. */
  readonly #blocks: Int32Array
  readonly #clips: Int32Array
  readonly #ids = new Int32Array(REMADE + MOST_AFTER)
  #gathered = 0
  #root = NOTHING

  /** bounds: the owner's memory of the elements' first and last values, id after id. */
  constructor(bits: number, bounds: Int32Array) {
    const width = widthOf(bits)
    const capacity = bounds.length / (2 * width)
    this.#width = width
    this.#bounds = bounds
    this.#keys = new Int32Array(capacity)
    this.#nodes = new NodePool(bits, Math.ceil(capacity * UNITS_AN_ELEMENT) + 64)
    this.#blocks = new Int32Array(DEPTHS * 2 * width).fill(-1, width, 2 * width)
    this.#clips = new Int32Array(DEPTHS * 2 * width)
  }

  /** Bytes that nodes take. */
  get bytes(): number {
    return this.#nodes.bytes
  }

  /** Whether there is room for one element more. */
  get hasRoom(): boolean {
    return this.#nodes.hasRoom(UNITS_A_CHANGE)
  }

  /**
   * The id of the element whose interval holds a value, or -1. The value's words stand at `at`, most significant
   * first: one up to 32 bits, ⌈bits / 32⌉ for more. For the hot path.
   */
  find(words: Int32Array, at: number): number {
    const pool = this.#nodes.words
    const width = this.#width
    let entry = this.#root
    while (entry > 0) {
      // A narrow run of one word is trusted to hold nothing but values that lead to it.
      if (width === 1 && !isInRange(entry, words[at]!, pool)) return NONE
      entry = pool[startOf(entry) + partOf(entry, words, at)]!
    }
    if (entry === NOTHING) return NONE
    const first = firstId(entry)
    const last = after(entry)
    const value = words[at + runWord(entry)]!
    const half = (value >>> halfShift(entry)) & HALF
    const narrow = isNarrow(entry)
    const wanted = (narrow ? (half << 16) | HALF : value) ^ SIGN
    const keys = this.#keys
    let place = 0
    if (last > 0) {
      // A binary search without branches, as nobody could predict them. Each step looks at an element of the run.
      let next = Math.min(8, last)
      place += next & -Number(keys[first + next]! <= wanted)
      next = Math.min(place + 4, last)
      place += (next - place) & -Number(keys[first + next]! <= wanted)
      next = Math.min(place + 2, last)
      place += (next - place) & -Number(keys[first + next]! <= wanted)
      next = Math.min(place + 1, last)
      place += (next - place) & -Number(keys[first + next]! <= wanted)
    }
    let id = first + place
    const bounds = this.#bounds
    if (narrow) {
      const key = keys[id]! ^ SIGN
      const outside = Number(half < key >>> 16) | Number(half > (key & HALF))
      if (width === 1) return id | -outside
      if (outside !== 0) return NONE
    }
    if (width === 1) {
      const low = bounds[id * 2]! ^ SIGN
      const high = bounds[id * 2 + 1]! ^ SIGN
      return id | -(Number(wanted < low) | Number(wanted > high))
    }
    // Where the word is the same, those behind it may show that it is one element earlier.
    if (place > 0 && compareWords(words, at, bounds, id * 2 * width, width) < 0) id--
    const own = id * 2 * width
    if (compareWords(words, at, bounds, own, width) < 0) return NONE
    return compareWords(words, at, bounds, own + width, width) > 0 ? NONE : id
  }

  /** Whether an element has values of one that is not in the trie. */
  overlaps(id: number): boolean {
    return this.#overlaps(this.#root, id)
  }

  /** Adds an element that overlaps none. */
  insert(id: number): void {
    copyWords(this.#bounds, id * 2 * this.#width, this.#clips, 0, 2 * this.#width)
    this.#root = this.#insert(this.#root, id, 0)
  }

  remove(id: number): void {
    this.#root = this.#take(this.#root, id, 0)
  }

  /** Puts the elements 0 to below `count`, which are in the order of their values, into an empty trie. */
  fill(count: number): void {
    if (count === 0) return
    this.#clip(0, count - 1, 0)
    this.#root = this.#build(upTo(count), 0, count - 1, 0)
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
      nodes.part(entry, part, this.#blocks, (depth + 1) * 2 * this.#width)
      const changed = this.#take(old, id, depth + 1)
      nodes.words[start + part] = changed
    }
    const count = nodes.count(entry, -1)
    return count > 1 && !misfit(entry, count) ? entry : this.#remake(entry, NONE, NONE, depth)
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
      nodes.part(node, part, this.#blocks, low + 2 * width)
      this.#clip(ids[from]!, ids[to]!, depth + 1)
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
    if (more > MOST_AFTER) return NOTHING
    const narrow = this.#narrowRun(ids, first, last, depth)
    if (narrow !== NOTHING) return narrow
    if (more === 0) return runOf(ids[first]!, 0, 0)
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
    return runOf(ids[first]!, more, word * 2)
  }

  /** The same as a narrow run; NOTHING if they reach beyond this depth's block, or no half word tells them apart. */
  #narrowRun(ids: Int32Array, first: number, last: number, depth: number): number {
    const width = this.#width
    const bounds = this.#bounds
    const blocks = this.#blocks
    const block = depth * 2 * width
    const from = ids[first]! * 2 * width
    const to = ids[last]! * 2 * width + width
    if (compareWords(bounds, from, blocks, block, width) < 0) return NOTHING
    if (compareWords(bounds, to, blocks, block + width, width) > 0) return NOTHING
    let half = 1
    // Of one word the run alone decides: what leads to it must leave nothing open but the lower half.
    if (width === 1) {
      if (commonBits(blocks, block, blocks, block + 1, 1) < 16) return NOTHING
    } else {
      if (first === last) return NOTHING
      half = commonBits(bounds, from, bounds, to, width) >> 4
    }
    const shift = half & 1 ? 0 : 16
    let before = -1
    for (let i = first; i <= last; i++) {
      const at = ids[i]! * 2 * width + (half >> 1)
      const low = (bounds[at]! >>> shift) & HALF
      if (low <= before || (i > first && ids[i] !== ids[i - 1]! + 1)) return NOTHING
      before = (bounds[at + width]! >>> shift) & HALF
      this.#keys[ids[i]!] = ((low << 16) | before) ^ SIGN
    }
    return narrowRunOf(ids[first]!, last - first, half)
  }
}
