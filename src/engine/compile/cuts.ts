import type { Point } from './intervals.js'

/** Where a node or leaf was written, and what it is: see search.ts. */
export interface Entry {
  readonly at: number
  readonly what: number
}

/** What an entry says of a leaf. */
export const LEAF = -1

/** Pairs that a node may have for each segment in its window … */
const PAIRS_A_SEGMENT = 4
/** … and where that saves another node. */
const PAIRS_TO_FIT = 64
const MOST_PAIRS = 1 << 18

const WORD = 32n
const WORD_MASK = 0xffffffffn

/**
 * Writes the nodes that lead each value of a column to the entry of its segment: entries[i] is for the values from
 * starts[i] to before starts[i + 1], up to `last`. Returns their root, or the only entry if all are the same.
 */
export function writeCut(
  code: number[],
  column: number,
  starts: readonly Point[],
  entries: readonly Entry[],
  last: Point,
): Entry {
  if (typeof last === 'bigint') return writeWords(code, column, starts as readonly bigint[], entries, 96n)
  return new Writer(code, column, starts as readonly number[], entries).write(0, last)
}

/** The same for the words of a value from a column on, of which the first is worth 2^shift. */
function writeWords(
  code: number[],
  column: number,
  starts: readonly bigint[],
  entries: readonly Entry[],
  shift: bigint,
): Entry {
  if (shift === 0n) return new Writer(code, column, starts.map(Number), entries).write(0, 2 ** 32 - 1)
  const wordStarts: number[] = []
  const wordEntries: Entry[] = []
  const rest = (1n << shift) - 1n
  for (let i = 0; i < starts.length; ) {
    const word = (starts[i]! >> shift) & WORD_MASK
    if ((starts[i]! & rest) === 0n) {
      wordStarts.push(Number(word))
      wordEntries.push(entries[i]!)
      i++
    }
    // Segments that begin within this value of the word need the words behind it.
    const first = i
    while (i < starts.length && starts[i]! >> shift === word) i++
    if (i === first) continue
    const inner = writeWords(
      code,
      column + 1,
      [0n, ...starts.slice(first, i).map((start) => start & rest)],
      entries.slice(first - 1, i),
      shift - WORD,
    )
    if (wordStarts.at(-1) === Number(word)) wordEntries[wordEntries.length - 1] = inner
    else {
      wordStarts.push(Number(word))
      wordEntries.push(inner)
    }
    if (word < WORD_MASK && (i === starts.length || starts[i]! !== (word + 1n) << shift)) {
      wordStarts.push(Number(word) + 1)
      wordEntries.push(entries[i - 1]!)
    }
  }
  return new Writer(code, column, wordStarts, wordEntries).write(0, 2 ** 32 - 1)
}

/** A part of a column's values: segments first to last, from `low` to `high`. */
interface Block {
  readonly first: number
  readonly last: number
  readonly low: number
  readonly high: number
}

class Writer {
  readonly #code: number[]
  readonly #column: number
  readonly #starts: readonly number[]
  readonly #entries: readonly Entry[]

  constructor(code: number[], column: number, starts: readonly number[], entries: readonly Entry[]) {
    // Neighbours that lead to the same are one.
    const kept = starts.flatMap((_, i) => (i === 0 || !same(entries[i]!, entries[i - 1]!) ? [i] : []))
    this.#code = code
    this.#column = column
    this.#starts = kept.map((i) => starts[i]!)
    this.#entries = kept.map((i) => entries[i]!)
  }

  write(low: number, high: number): Entry {
    return this.#block({ first: 0, last: this.#starts.length - 1, low, high })
  }

  #block(block: Block): Entry {
    const { first, last, low, high } = block
    if (first === last) return this.#entries[first]!
    const { from, to, others } = this.#window(block)
    const shift = this.#shift(
      from,
      to,
      this.#segmentOf(to, first, last) - this.#segmentOf(from, first, last) + 1,
    )
    const width = 2 ** shift
    const count = Math.ceil((to - from + 1) / width)
    // What the last pair has over must not be taken for the first values.
    const base = Math.min(from, 2 ** 32 - count * width)
    const pairs: Entry[] = []
    let segment = first
    for (let start = base; pairs.length < count; start += width) {
      const end = Math.max(low, Math.min(start + width - 1, high))
      while (segment < last && this.#starts[segment + 1]! <= start) segment++
      let until = segment
      while (until < last && this.#starts[until + 1]! <= end) until++
      pairs.push(this.#block({ first: segment, last: until, low: Math.max(low, start), high: end }))
    }
    pairs.push(this.#entries[others]!)
    const at = this.#code.length
    this.#code.push(base | 0, count)
    for (const { at, what } of pairs) this.#code.push(at, what)
    return { at, what: this.#column * 32 + shift }
  }

  /** The range that a node looks at closely, and the segment of all values of the block that are not in it. */
  #window({ first, last, low, high }: Block): { from: number; to: number; others: number } {
    const afterFirst = this.#starts[first + 1]!
    const beforeLast = this.#starts[last]! - 1
    if (last > first + 1 && same(this.#entries[first]!, this.#entries[last]!))
      return { from: afterFirst, to: beforeLast, others: first }
    return high - afterFirst <= beforeLast - low
      ? { from: afterFirst, to: high, others: first }
      : { from: low, to: beforeLast, others: last }
  }

  /** How many values share a pair (2^shift): few enough for few segments to be cut once more, in not too many pairs. */
  #shift(from: number, to: number, segments: number): number {
    const size = to - from + 1
    const most = Math.min(PAIRS_A_SEGMENT * segments, MOST_PAIRS)
    let shift = 0
    while (Math.ceil(size / 2 ** shift) > most) shift++
    let fit = shift
    while (fit > 0 && size % 2 ** fit !== 0 && size / 2 ** (fit - 1) <= PAIRS_TO_FIT) fit--
    return size % 2 ** fit === 0 ? fit : shift
  }

  /** The segment of a value among some. */
  #segmentOf(value: number, first: number, last: number): number {
    let low = first
    let high = last
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#starts[middle]! <= value) low = middle
      else high = middle - 1
    }
    return low
  }
}

function same(a: Entry, b: Entry): boolean {
  return a.at === b.at && a.what === b.what
}
