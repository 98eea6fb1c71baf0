import type { Point } from './intervals.js'
import { type Entry, type HashPlan, type Plan, planOf, type WindowPlan } from './plan.js'

const WORD = 32n
const WORD_MASK = 0xffffffffn
/** What parts a hash from a window in the first word of a node: see search.ts. */
const HASH = 0x80000000
/** Multipliers that are tried, so that keys do not fall into one slot. */
const MULTIPLIERS = 64

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
  return writeWord(code, column, starts as readonly number[], entries, last)
}

/** The same for the words of a value from a column on, of which the first is worth 2^shift. */
function writeWords(
  code: number[],
  column: number,
  starts: readonly bigint[],
  entries: readonly Entry[],
  shift: bigint,
): Entry {
  if (shift === 0n) return writeWord(code, column, starts.map(Number), entries, 2 ** 32 - 1)
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
  return writeWord(code, column, wordStarts, wordEntries, 2 ** 32 - 1)
}

function writeWord(
  code: number[],
  column: number,
  starts: readonly number[],
  entries: readonly Entry[],
  last: number,
): Entry {
  // Neighbours that lead to the same are one.
  const kept = starts.flatMap((_, i) => (i === 0 || entries[i] !== entries[i - 1] ? [i] : []))
  const block = {
    low: 0,
    high: last,
    starts: kept.map((i) => starts[i]!),
    entries: kept.map((i) => entries[i]!),
  }
  return writePlan(code, column, planOf(block))
}

function writePlan(code: number[], column: number, plan: Plan): Entry {
  if (typeof plan === 'number') return plan
  return plan.kind === 'window' ? writeWindow(code, column, plan) : writeHash(code, column, plan)
}

function writeWindow(code: number[], column: number, { base, shift, ways }: WindowPlan): Entry {
  const entries = ways.map((way) => writePlan(code, column, way))
  const at = code.length
  code.push(((ways.length - 1) << 11) | (column << 5) | shift, base | 0)
  for (const entry of entries) code.push(entry)
  return at
}

function writeHash(code: number[], column: number, { shift, ways, others }: HashPlan): Entry {
  const other = writePlan(code, column, others)
  const entries: [number, Entry][] = []
  for (const [key, way] of ways) {
    const entry = writePlan(code, column, way)
    if (entry !== other) entries.push([key | 0, entry])
  }
  if (entries.length === 0) return other
  const bits = Math.ceil(Math.log2(entries.length * 2))
  const { multiplier, slots } = spread(entries, bits)
  const at = code.length
  code.push(HASH | ((32 - bits) << 11) | (column << 5) | shift | 0, multiplier, other)
  for (const slot of slots) code.push(...(slot ?? [0, other]))
  return at
}

type Slot = readonly [key: number, entry: Entry] | undefined

/** The slots of a hash by the multiplier, of some that are tried, by which the fewest keys stand behind another. */
function spread(entries: readonly [number, Entry][], bits: number) {
  let best: { multiplier: number; slots: Slot[]; behind: number } | undefined
  let multiplier = 0x9e3779b1 | 0
  for (let tries = 0; tries < MULTIPLIERS && (best === undefined || best.behind > 0); tries++) {
    const slots: Slot[] = Array.from({ length: 2 ** bits })
    let behind = 0
    for (const entry of entries) {
      let slot = Math.imul(entry[0], multiplier) >>> (32 - bits)
      while (slots[slot] !== undefined) {
        slot++
        behind++
      }
      slots[slot] = entry
    }
    // The walk from a slot to the next one ends at an empty one.
    slots.push(undefined)
    if (best === undefined || behind < best.behind) best = { multiplier, slots, behind }
    multiplier = (Math.imul(multiplier, 1664525) + 1013904223) | 1
  }
  return best!
}
