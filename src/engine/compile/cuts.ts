import type { Point } from './intervals.js'
import { type Entry, type HashPlan, type Plan, planOf, type WindowPlan, type Worth, worthOf } from './plan.js'

const WORD = 32n
const WORD_MASK = 0xffffffffn
/** What parts a hash from a window in the first word of a node: see search.ts. */
const HASH = 0x80000000
/** A hash of fewer keys has four slots a key, as looking at a second one costs more than the memory; of more, two. */
const MANY = 1024
/** Multipliers that are tried, so that keys do not fall into one slot. */
const TRIES = 64

/**
 * Writes the nodes that lead each value of a column to the entry of its segment: entries[i] is for the values from
 * starts[i] to before starts[i + 1], up to `last`. Returns their root, or the only entry if all are the same. Worth: of
 * entries; that of those which are written on the way is put there.
 */
export function writeCut(
  code: number[],
  column: number,
  starts: readonly Point[],
  entries: readonly Entry[],
  last: Point,
  worth: Worth,
): Entry {
  if (typeof last === 'bigint')
    return writeWords(code, column, starts as readonly bigint[], entries, 96n, worth)
  return writeWord(code, column, starts as readonly number[], entries, last, worth)
}

/** The same for the words of a value from a column on, of which the first is worth 2^shift. */
function writeWords(
  code: number[],
  column: number,
  starts: readonly bigint[],
  entries: readonly Entry[],
  shift: bigint,
  worth: Worth,
): Entry {
  if (shift === 0n) return writeWord(code, column, starts.map(Number), entries, 2 ** 32 - 1, worth)
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
      worth,
    )
    worth.set(inner, worthOf(entries.slice(first - 1, i), worth))
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
  return writeWord(code, column, wordStarts, wordEntries, 2 ** 32 - 1, worth)
}

function writeWord(
  code: number[],
  column: number,
  starts: readonly number[],
  entries: readonly Entry[],
  last: number,
  worth: Worth,
): Entry {
  // Neighbours that lead to the same are one.
  const kept = starts.flatMap((_, i) => (i === 0 || entries[i] !== entries[i - 1] ? [i] : []))
  const plan = planOf(
    kept.map((i) => starts[i]!),
    kept.map((i) => entries[i]!),
    last,
    worth,
  )
  return writePlan(code, column, plan)
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
  const bits = Math.ceil(Math.log2(entries.length * (entries.length < MANY ? 4 : 2)))
  const { multiplier, slots } = spread(entries, bits)
  const at = code.length
  code.push(HASH | ((32 - bits) << 11) | (column << 5) | shift | 0, multiplier, other)
  for (const slot of slots) {
    const [key, entry] = entries[slot - 1] ?? [0, other]
    code.push(key, entry)
  }
  return at
}

/** The slots of a hash by the multiplier, of some that are tried, by which the fewest keys stand behind another. */
function spread(
  entries: readonly [number, Entry][],
  bits: number,
): { multiplier: number; slots: Int32Array } {
  const slots = new Int32Array(2 ** bits + entries.length + 1)
  const place = (multiplier: number) => {
    slots.fill(0)
    let behind = 0
    for (const [i, [key]] of entries.entries()) {
      let slot = Math.imul(key, multiplier) >>> (32 - bits)
      for (; slots[slot] !== 0; slot++) behind++
      slots[slot] = i + 1
    }
    return behind
  }
  let multiplier = 0x9e3779b1 | 0
  let best = multiplier
  let least = place(multiplier)
  for (let tries = 1; tries < TRIES && least > 0; tries++) {
    multiplier = (Math.imul(multiplier, 1664525) + 1013904223) | 1
    const behind = place(multiplier)
    if (behind < least) {
      least = behind
      best = multiplier
    }
  }
  place(best)
  // The walk from a slot to the next one ends at an empty one.
  const end = Math.max(2 ** bits, slots.findLastIndex((slot) => slot !== 0) + 1)
  return { multiplier: best, slots: slots.slice(0, end + 1) }
}
