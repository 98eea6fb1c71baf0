import { FULL } from './intervals.js'
import { compareWords, writeWords } from './words.js'

/** More elements would take more than 64 MiB for each part. */
export const MAXIMUM_BOXES = 16_384

/** First and last value of a part. */
export type Bounds = readonly [low: bigint, high: bigint]

/** One part of a key: its bits, and where its words stand in it. */
interface Part {
  readonly at: number
  readonly width: number
  /** Firsts of the elementary intervals, in order, and of each the elements that hold there, a bit each. */
  starts: Int32Array
  rows: Int32Array
}

/**
 * A set of concatenations whose parts are intervals. Each part is cut at the elements' bounds, and each piece knows its
 * elements: what all parts' pieces have in common is found (as in nft_set_pipapo). A change remakes it.
 */
export class BoxSet {
  readonly #capacity: number
  readonly #parts: readonly Part[]
  readonly #elements: (readonly Bounds[] | undefined)[] = []
  #words = 0
  #stale = false

  /** widths: words of each part. */
  constructor(widths: readonly number[], capacity: number) {
    this.#capacity = capacity
    let at = 0
    this.#parts = widths.map((width) => {
      const part = { at, width, starts: new Int32Array(width), rows: new Int32Array(0) }
      at += width
      return part
    })
  }

  get size(): number {
    return this.#elements.filter((element) => element !== undefined).length
  }

  /** The id of an element, or FULL. */
  add(bounds: readonly Bounds[]): number {
    const free = this.#elements.indexOf(undefined)
    const id = free < 0 ? this.#elements.length : free
    if (id >= this.#capacity) return FULL
    this.#elements[id] = bounds
    this.#stale = true
    return id
  }

  remove(id: number): void {
    this.#elements[id] = undefined
    this.#stale = true
  }

  /** The first element that holds the key, or -1. */
  find(key: Int32Array, at: number): number {
    if (this.#stale) this.#remake()
    const parts = this.#parts
    for (let word = 0; word < this.#words; word++) {
      let common = -1
      for (let i = 0; i < parts.length && common !== 0; i++) {
        const part = parts[i]!
        common &= part.rows[pieceOf(part, key, at + part.at) * this.#words + word]!
      }
      if (common !== 0) return word * 32 + (31 - Math.clz32(common & -common))
    }
    return -1
  }

  #remake(): void {
    this.#stale = false
    this.#words = Math.ceil(this.#elements.length / 32)
    for (const [i, part] of this.#parts.entries()) {
      const changes = new Set([0n])
      for (const bounds of this.#elements) {
        if (bounds === undefined) continue
        changes.add(bounds[i]![0])
        const behind = bounds[i]![1] + 1n
        if (behind < 1n << BigInt(32 * part.width)) changes.add(behind)
      }
      const starts = [...changes].sort((a, b) => (a < b ? -1 : 1))
      const places = new Map(starts.map((start, place) => [start, place]))
      part.starts = new Int32Array(starts.length * part.width)
      for (const [place, start] of starts.entries())
        writeWords(start, part.width, part.starts, place * part.width)
      part.rows = new Int32Array(starts.length * this.#words)
      for (const [id, bounds] of this.#elements.entries()) {
        if (bounds === undefined) continue
        const last = places.get(bounds[i]![1] + 1n) ?? starts.length
        for (let place = places.get(bounds[i]![0])!; place < last; place++)
          part.rows[place * this.#words + (id >> 5)]! |= 1 << (id & 31)
      }
    }
  }
}

/** The index of the last start that is not above the value. */
function pieceOf({ starts, width }: Part, key: Int32Array, at: number): number {
  let low = 0
  let high = starts.length / width - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (compareWords(starts, middle * width, key, at, width) <= 0) low = middle
    else high = middle - 1
  }
  return low
}
