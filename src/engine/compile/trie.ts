import { add, type Point } from './intervals.js'

/** Bits of a value that a node of the trie looks at, and its entries. */
const STRIDE = 4
const FANOUT = 1 << STRIDE
const WORD = 32

/** Segments of values: segment i runs from starts[i] to before starts[i + 1], and starts[0] is 0. */
export interface Segments {
  readonly starts: readonly Point[]
  /** What each segment leads to: offsets of instructions, or numbers that a test knows. */
  readonly targets: readonly number[]
}

/**
 * Appends a trie to a program, which maps every value of `bits` bits to the target of its segment, and
 * returns its root's entry. An entry is one word:
 *
 * - under 0: the end of the walk, the complement of the target;
 * - even: twice the offset of a branch, which is sixteen entries, one for each value of the next nibble;
 * - odd: twice the offset of a skip, and one. A skip stands for branches of which all ways but one lead to the
 *   same target: a number n, n triples of word, mask and value, that target's entry if one of them differs,
 *   the entry of the way on otherwise, and the word and the shift where it goes on.
 */
export function appendTrie(code: number[], bits: number, segments: Segments): number {
  return new TrieWriter(code, bits, segments).write()
}

class TrieWriter {
  readonly #code: number[]
  readonly #bits: number
  readonly #segments: Segments
  /** By level: how many values one part of a node covers. */
  readonly #widths: Point[] = []

  constructor(code: number[], bits: number, segments: Segments) {
    this.#code = code
    this.#bits = bits
    this.#segments = segments
    for (let shift = bits - STRIDE; shift >= 0; shift -= STRIDE) {
      this.#widths.push(bits > WORD ? 1n << BigInt(shift) : 2 ** shift)
    }
  }

  write(): number {
    return this.#entry(0, 0, this.#segments.starts.length - 1, this.#bits > WORD ? 0n : 0)
  }

  /** The entry for the values from `base` on that a node of this level covers; segments first to last hold them. */
  #entry(level: number, first: number, last: number, base: Point): number {
    if (first === last) return ~this.#segments.targets[first]!
    const nibbles: number[] = []
    let elsewhere: number | undefined
    for (;;) {
      const parts = this.#parts(level + nibbles.length, first, last, base)
      const open = parts.findIndex(({ from, to }) => from !== to)
      const others = new Set(parts.map(({ from, to }) => (from === to ? this.#segments.targets[from]! : NaN)))
      others.delete(NaN)
      const oneWay = open >= 0 && parts.every(({ from, to }, part) => part === open || from === to)
      const target = others.size === 1 ? [...others][0]! : undefined
      if (!oneWay || target === undefined || (elsewhere !== undefined && target !== elsewhere)) {
        const branch = this.#branch(level + nibbles.length, parts)
        return nibbles.length === 0 ? branch : this.#skip(level, nibbles, elsewhere!, branch)
      }
      elsewhere = target
      nibbles.push(open)
      const part = parts[open]!
      first = part.from
      last = part.to
      base = part.low
    }
  }

  /** The sixteen parts of a node: the first value of each, and the segments that hold its values. */
  #parts(level: number, first: number, last: number, base: Point) {
    const { starts } = this.#segments
    const width = this.#widths[level]!
    let low = base
    let from = first
    return Array.from({ length: FANOUT }, () => {
      const next = add(low, width)
      while (from < last && starts[from + 1]! <= low) from++
      let to = from
      while (to < last && starts[to + 1]! < next) to++
      const part = { low, from, to }
      low = next
      return part
    })
  }

  #branch(level: number, parts: readonly { low: Point; from: number; to: number }[]): number {
    const at = this.#code.length
    for (let part = 0; part < FANOUT; part++) this.#code.push(0)
    for (const [part, { low, from, to }] of parts.entries()) {
      this.#code[at + part] = this.#entry(level + 1, from, to, low)
    }
    return at * 2
  }

  #skip(level: number, nibbles: readonly number[], elsewhere: number, onwards: number): number {
    const at = this.#code.length
    const wordBits = Math.min(WORD, this.#bits)
    const masks = new Map<number, [mask: number, value: number]>()
    for (const [i, nibble] of nibbles.entries()) {
      const bit = (level + i) * STRIDE
      const shift = wordBits - STRIDE - (bit % WORD)
      const [mask, value] = masks.get(Math.floor(bit / WORD)) ?? [0, 0]
      masks.set(Math.floor(bit / WORD), [mask | ((FANOUT - 1) << shift), value | (nibble << shift)])
    }
    this.#code.push(masks.size)
    for (const [word, [mask, value]] of masks) this.#code.push(word, mask, value)
    const bit = (level + nibbles.length) * STRIDE
    this.#code.push(~elsewhere, onwards, Math.floor(bit / WORD), wordBits - STRIDE - (bit % WORD))
    return at * 2 + 1
  }
}
