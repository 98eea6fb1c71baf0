import { copyWords, widthOf } from './words.js'

/*
 * An entry is one word:
 *   0: nothing;
 *   above 0, a node: bits 0–20 where it is in the pool (in units), 21–25 the shift and 26–27 the word of those bits of
 *   a value that pick one of its entries, 28–30 how many bits that are (BITS);
 *   under 0, the complement of a run, elements with ids that follow each other: bits 0–22 the id of the first, 23–26
 *   how many come after it, 27–29 the half word of a value that tells them apart, 30 whether the run is narrow.
 *
 * Each element has a key, a word by which its run is searched: in a narrow run the first and the last value of that half
 * word, in others the word that the half is in of the element's first value. A narrow run's elements lie within the
 * values that lead to it.
 *
 * A node's entries are followed by a header: how many elements it holds, and a value of its range.
 *
 * So a look-up loads a line for each node, one or two to search a run, and one for the bounds of the element, which
 * a narrow run of values of one word spares, and a value that is in no element mostly. Memory is what it waits for:
 * in a set that was filled at once, most values find their run by one node, which is small enough to stay
 * in the processor's cache.
 */
export const NOTHING = 0
/** Elements of a run beside the first, at most. */
export const MOST_AFTER = 15
/** Ids are below this. */
export const MOST_IDS = 1 << 23
const OFFSET_MASK = (1 << 21) - 1
const SHIFT_AT = 21
const WORD_AT = 26
const KIND_AT = 28
const AFTER_AT = 23
const HALF_AT = 27
const NARROW = 1 << 30

/** Words in a unit, and units that a pool may have: 32 MiB. */
const UNIT = 4
const MOST_UNITS = 1 << 21

/** Bits of a value that the kinds of nodes look at. */
const BITS = [1, 2, 3, 4, 6, 8, 12, 17] as const
const KINDS = BITS.length
const LAST_PARTS = Int32Array.from(BITS, (bits) => 2 ** bits - 1)
const BITS_OF = Int32Array.from(BITS)
/** A node is made anew when it comes to hold this many times as many elements as it has parts, or this share … */
const GROWN = 4
const SHRUNK = 1 / 8
/** … but only with so few elements, as it takes time: then it has 256 parts. */
export const REMADE = 257

/** The nodes of an IntervalSet, in one typed array that grows by half when it must. */
export class NodePool {
  words: Int32Array
  readonly #width: number
  /** Units taken; the first is none, so that no node's entry is 0. */
  #units = 1
  /** Of each kind, the offset of a node that is free again, whose first word is the next's; 0 for none. */
  readonly #free = new Int32Array(KINDS)

  /** bits: of a value. units: how many there are at first. */
  constructor(bits: number, units: number) {
    this.#width = widthOf(bits)
    this.words = new Int32Array(Math.min(units, MOST_UNITS) * UNIT)
  }

  /** Bytes that nodes have taken. */
  get bytes(): number {
    return this.#units * UNIT * 4
  }

  /** Whether so many units can be had. */
  hasRoom(units: number): boolean {
    return this.#units + units <= MOST_UNITS
  }

  /**
   * A new node without entries for `count` elements whose values have the first `prefix` bits in common with the
   * one at `at`, with at least a part for every `share` of them. most: bits that it may look at. Throws RangeError
   * if the pool is full.
   */
  create(count: number, share: number, prefix: number, values: Int32Array, at: number, most = 32): number {
    const left = Math.min(most, 32 - (prefix & 31))
    let kind = 0
    while (kind + 1 < KINDS && BITS[kind + 1]! <= left && 2 ** BITS[kind + 1]! * share <= count) kind++
    const start = this.#take(kind)
    const header = start + LAST_PARTS[kind]! + 1
    this.words.fill(0, start, header)
    this.words[header] = count
    copyWords(values, at, this.words, header + 1, this.#width)
    const shift = 32 - (prefix & 31) - BITS[kind]!
    return (kind << KIND_AT) | ((prefix >> 5) << WORD_AT) | (shift << SHIFT_AT) | (start / UNIT)
  }

  free(node: number): void {
    const start = startOf(node)
    const kind = node >>> KIND_AT
    this.words[start] = this.#free[kind]!
    this.#free[kind] = start
  }

  #take(kind: number): number {
    const free = this.#free[kind]!
    if (free !== 0) {
      this.#free[kind] = this.words[free]!
      return free
    }
    const units = Math.ceil((LAST_PARTS[kind]! + 2 + this.#width) / UNIT)
    if (!this.hasRoom(units)) throw new RangeError('a set takes more than 32 MiB for its nodes')
    const start = this.#units * UNIT
    this.#units += units
    if (this.#units * UNIT > this.words.length) {
      const grown = new Int32Array(Math.min(Math.ceil(this.#units * 1.5), MOST_UNITS) * UNIT)
      grown.set(this.words)
      this.words = grown
    }
    return start
  }

  /** Adds to the number of elements that a node holds, and returns it. */
  count(node: number, change: number): number {
    const header = this.valueAt(node) - 1
    const count = this.words[header]! + change
    this.words[header] = count
    return count
  }

  /** Where a value of the node's range stands. */
  valueAt(node: number): number {
    return startOf(node) + lastPart(node) + 2
  }

  /** Under 0 if a value is below the node's range, 0 if it is in it, above 0 if it is above it. */
  side(node: number, values: Int32Array, at: number): number {
    const own = this.valueAt(node)
    const word = wordOf(node)
    for (let i = 0; i <= word; i++) {
      // A shift by 32 would be one by 0: nothing of the word is the range's then.
      const rest = i < word ? 0 : shiftOf(node) + bitsOf(node)
      if (rest === 32) break
      const value = values[at + i]! >>> rest
      const start = this.words[own + i]! >>> rest
      if (value !== start) return value < start ? -1 : 1
    }
    return 0
  }

  /** Writes the first value of a part of a node, and behind it the last. */
  part(node: number, part: number, into: Int32Array, at: number): void {
    const width = this.#width
    const word = wordOf(node)
    const shift = shiftOf(node)
    const below = (1 << shift) - 1
    copyWords(this.words, this.valueAt(node), into, at, word + 1)
    into[at + word] = (into[at + word]! & ~((lastPart(node) << shift) | below)) | (part << shift)
    into.fill(0, at + word + 1, at + width)
    copyWords(into, at, into, at + width, word + 1)
    into[at + width + word]! |= below
    into.fill(-1, at + width + word + 1, at + 2 * width)
  }
}

/** Whether a node that holds `count` elements has far too few parts for them or far too many, and should be made anew. */
export function misfit(node: number, count: number): boolean {
  if (count > REMADE) return false
  const kind = node >>> KIND_AT
  const parts = LAST_PARTS[kind]! + 1
  if (count < parts * SHRUNK) return true
  return count > parts * GROWN && BITS[kind + 1]! <= 32 - (prefixOf(node) & 31)
}

/** Where a node starts. */
export function startOf(node: number): number {
  return (node & OFFSET_MASK) * UNIT
}

/** The entry of a run: its first id, how many come after it, the half word that tells them apart. */
export function runOf(id: number, after: number, half: number): number {
  return ~((half << HALF_AT) | (after << AFTER_AT) | id)
}

export function narrowRunOf(id: number, after: number, half: number): number {
  return runOf(id, after, half) & ~NARROW
}

export function isNarrow(run: number): boolean {
  return (run & NARROW) === 0
}

export function firstId(run: number): number {
  return ~run & (MOST_IDS - 1)
}

/** How many elements come after the first. */
export function after(run: number): number {
  return (~run >>> AFTER_AT) & MOST_AFTER
}

/** The word of a value that tells the elements of a run apart. */
export function runWord(run: number): number {
  return (~run >>> (HALF_AT + 1)) & 3
}

/** The place in that word of the half that does: 16 for the upper one, 0 for the lower. */
export function halfShift(run: number): number {
  return ((run >>> HALF_AT) & 1) * 16
}

/** Whether a value of one word is in a node's range. For the hot path. */
export function isInRange(node: number, value: number, pool: Int32Array): boolean {
  const kind = node >>> KIND_AT
  const own = pool[startOf(node) + LAST_PARTS[kind]! + 2]!
  // By two shifts, as one by 32 would be one by 0.
  return ((value ^ own) >>> shiftOf(node)) >>> BITS_OF[kind]! === 0
}

/** How many bits of a value all values of the node's range have in common. */
export function prefixOf(node: number): number {
  return wordOf(node) * 32 + 32 - shiftOf(node) - bitsOf(node)
}

/** The number of the last part of a node; also the mask of a part's number. */
export function lastPart(node: number): number {
  return LAST_PARTS[node >>> KIND_AT]!
}

/** The part of a node that a value of its range is in. */
export function partOf(node: number, values: Int32Array, at: number): number {
  return (values[at + ((node >>> WORD_AT) & 3)]! >>> (node >>> SHIFT_AT)) & LAST_PARTS[node >>> KIND_AT]!
}

function bitsOf(node: number): number {
  return BITS[node >>> KIND_AT]!
}

function wordOf(node: number): number {
  return (node >>> WORD_AT) & 3
}

function shiftOf(node: number): number {
  return (node >>> SHIFT_AT) & 31
}
