import { copyWords, widthOf } from './words.js'

/*
 * An entry is one word:
 *   0: nothing;
 *   under 0: the complement of the id of an element;
 *   above 0: a node: bits 0–20 where it is in the pool (in units), 21–25 the shift and 26–27 the word of the bits of
 *   a value that pick one of its entries, 28–30 its kind.
 * So a look-up loads one word a node.
 */
export const NOTHING = 0
const OFFSET_MASK = (1 << 21) - 1
const SHIFT_AT = 21
const WORD_AT = 26
const KIND_AT = 28

/** Words in a unit, and how many units a pool can hold: 32 MiB. */
const UNIT = 4
const MOST_UNITS = 1 << 21

/** The kinds of nodes look at 1, 2, 4, 8 or 16 bits of a value. */
const KINDS = 5
/** The most elements that a node of each kind is made for. */
const MOST = [0, 5, 40, 16_384, Number.POSITIVE_INFINITY] as const
/** The first kind of which a node stays what it is when it holds more: to make it anew would take too long. */
const LASTING = 3
/** The most elements that a node is made anew for. */
export const REMADE = 100

/** The nodes of an IntervalSet, in one typed array that grows by half when it must. */
export class NodePool {
  words: Int32Array
  readonly #width: number
  /** Units taken; the first is none, so that no node's entry is 0. */
  #units = 1
  /** Of each kind, the offset of a node that is free again, whose first word is that of the next; 0 for none. */
  readonly #free = new Int32Array(KINDS)

  /** bits: of a value. units: how many there are at first. */
  constructor(bits: number, units: number) {
    this.#width = widthOf(bits)
    this.words = new Int32Array(Math.min(Math.ceil(units), MOST_UNITS) * UNIT)
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
   * one at `at`. most: bits that it may look at. Throws RangeError if the pool is full.
   */
  create(count: number, prefix: number, values: Int32Array, at: number, most = 16): number {
    const left = Math.min(most, 32 - (prefix & 31))
    let kind = 0
    while (kind + 1 < KINDS && 2 << kind <= left && count > MOST[kind]!) kind++
    const size = this.#size(kind)
    let offset = this.#free[kind]!
    if (offset !== 0) this.#free[kind] = this.words[offset]!
    else {
      offset = this.#units * UNIT
      this.#grow(size / UNIT)
    }
    this.words.fill(0, offset, offset + size)
    const header = offset + (1 << (1 << kind))
    this.words[header] = count
    copyWords(values, at, this.words, header + 1, this.#width)
    const shift = 32 - (prefix & 31) - (1 << kind)
    return (kind << KIND_AT) | ((prefix >> 5) << WORD_AT) | (shift << SHIFT_AT) | (offset / UNIT)
  }

  free(node: number): void {
    const offset = offsetOf(node)
    const kind = node >>> KIND_AT
    this.words[offset] = this.#free[kind]!
    this.#free[kind] = offset
  }

  #grow(units: number): void {
    if (!this.hasRoom(units)) throw new RangeError('a set takes more than 32 MiB for its nodes')
    this.#units += units
    if (this.#units * UNIT <= this.words.length) return
    const grown = new Int32Array(Math.min(Math.ceil(this.#units * 1.5), MOST_UNITS) * UNIT)
    grown.set(this.words)
    this.words = grown
  }

  #size(kind: number): number {
    const words = (1 << (1 << kind)) + 1 + this.#width
    return Math.ceil(words / UNIT) * UNIT
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
    return offsetOf(node) + lastPart(node) + 2
  }

  /** Under 0 if a value is below the node's range, 0 if it is in it, above 0 if it is above it. */
  side(node: number, values: Int32Array, at: number): number {
    const own = this.valueAt(node)
    const word = wordOf(node)
    for (let i = 0; i <= word; i++) {
      // A shift by 32 would be one by 0: nothing of the word is the range's then.
      const rest = i < word ? 0 : shiftOf(node) + (1 << (node >>> KIND_AT))
      if (rest === 32) break
      const value = values[at + i]! >>> rest
      const start = this.words[own + i]! >>> rest
      if (value !== start) return value < start ? -1 : 1
    }
    return 0
  }

  /** Writes the first value of a part of a node, and behind it the last. */
  part(node: number, part: number, into: Int32Array, at: number): void {
    const word = wordOf(node)
    const shift = shiftOf(node)
    copyWords(this.words, this.valueAt(node), into, at, this.#width)
    into[at + word] = ((into[at + word]! >>> shift) & ~lastPart(node)) << shift
    into[at + word]! |= part << shift
    into.fill(0, at + word + 1, at + this.#width)
    copyWords(into, at, into, at + this.#width, this.#width)
    into[at + this.#width + word]! |= (1 << shift) - 1
    into.fill(-1, at + this.#width + word + 1, at + 2 * this.#width)
  }
}

/** Whether a node was made for fewer elements than `count`, and is worth to be made anew and small enough for it. */
export function outgrown(node: number, count: number): boolean {
  const kind = node >>> KIND_AT
  if (kind >= LASTING || count > REMADE || count <= Math.max(4, 2 * MOST[kind]!)) return false
  return 2 << kind <= 32 - (prefixOf(node) & 31)
}

export function offsetOf(node: number): number {
  return (node & OFFSET_MASK) * UNIT
}

/** How many bits of a value all values of the node's range have in common. */
export function prefixOf(node: number): number {
  return wordOf(node) * 32 + 32 - shiftOf(node) - (1 << (node >>> KIND_AT))
}

/** The number of the last part of a node; also the mask of a part's number. */
export function lastPart(node: number): number {
  return (1 << (1 << (node >>> KIND_AT))) - 1
}

/** Where the entry of the part stands that a value of the node's range is in. */
export function entryAt(node: number, values: Int32Array, at: number): number {
  return offsetOf(node) + partOf(node, values, at)
}

export function partOf(node: number, values: Int32Array, at: number): number {
  return (values[at + ((node >>> WORD_AT) & 3)]! >>> (node >>> SHIFT_AT)) & lastPart(node)
}

function wordOf(node: number): number {
  return (node >>> WORD_AT) & 3
}

function shiftOf(node: number): number {
  return (node >>> SHIFT_AT) & 31
}
