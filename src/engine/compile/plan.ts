import { segmentOf } from './intervals.js'

/** How a column's values are led to their segments: by which nodes. See search.ts for what nodes there are. */

/** Where a way goes on: a node's address, or the complement of a leaf's. */
export type Entry = number

/** A part of a column's values, from `low` to `high`: entries[i] is for those from starts[i] to before starts[i + 1]. */
export interface Block {
  readonly low: number
  readonly high: number
  /** The first is not above `low`. */
  readonly starts: readonly number[]
  /** Neighbours differ. */
  readonly entries: readonly Entry[]
  /** How often the values of each segment may be met, beside the others. */
  readonly weights: readonly number[]
}

/** Entries by (value − base) >>> shift; the last is for all others. */
export interface WindowPlan {
  readonly kind: 'window'
  readonly base: number
  readonly shift: number
  readonly ways: readonly Plan[]
  readonly cost: number
}

/** Entries by value >>> shift, for some of them, and one for all others. */
export interface HashPlan {
  readonly kind: 'hash'
  readonly shift: number
  readonly ways: ReadonlyMap<number, Plan>
  readonly others: Plan
  readonly cost: number
}

export type Plan = Entry | WindowPlan | HashPlan

/** Entries that a window may have for each segment in it … */
const ENTRIES_A_SEGMENT = 4
/** … and where that saves another node. */
const ENTRIES_TO_FIT = 64
const MOST_ENTRIES = 1 << 18
/** Bits of a value that a hash may leave aside. */
const SHIFTS = [0, 8, 16]
/** Fewer segments are not worth a hash. */
const FEW = 4
/** Values that a segment may have to be put into a hash one by one. */
const PIECES = 4
/** What a hash costs, where a window costs 1: it may have to look at several places. */
const HASH_COST = 1.4
/** The share of all for which gaps are met, beside those for which their own rules are. */
const GAPS = 0.25
/** How often a hash may stand behind another's `others`. */
const HASHES = 2

/** By entry, how often it may be met beside others: how many rules there are behind it. 1 for what is not in it. */
export type Worth = Map<Entry, number>

/** The nodes that lead the values of a column, up to `last`, to their segments in few steps. */
export function planOf(
  starts: readonly number[],
  entries: readonly Entry[],
  last: number,
  worth: Worth,
): Plan {
  return bestOf({ low: 0, high: last, starts, entries, weights: weightsOf(entries, worth) })
}

/** What entries are worth together. */
export function worthOf(entries: readonly Entry[], worth: Worth): number {
  return [...new Set(entries)].reduce((sum, entry) => sum + (worth.get(entry) ?? 1), 0)
}

/** What is of many segments, as the gaps between others are, is met as often as those that it lies between, up to a share. */
function weightsOf(entries: readonly Entry[], worth: Worth): number[] {
  const counts = new Map<Entry, number>()
  for (const entry of entries) counts.set(entry, (counts.get(entry) ?? 0) + 1)
  const most = GAPS * worthOf(entries, worth)
  return entries.map((entry) => {
    const count = counts.get(entry)!
    return ((worth.get(entry) ?? 1) + Math.min(count, most)) / count
  })
}

/** The plan of least cost, as far as these ways to cut go. */
function bestOf(block: Block, shifts = SHIFTS.length, hashes = HASHES): Plan {
  if (block.starts.length === 1) return block.entries[0]!
  let best: WindowPlan | HashPlan = windowOf(block, shifts)
  if (block.starts.length < FEW || hashes === 0 || best.cost <= HASH_COST * weightOf(block)) return best
  for (let i = 0; i < shifts; i++) {
    const hash = hashOf(block, i, hashes)
    if (hash !== undefined && hash.cost < best.cost) best = hash
  }
  return best
}

function costOf(plan: Plan): number {
  return typeof plan === 'number' ? 0 : plan.cost
}

/** How often the values of a block are met. */
function weightOf({ weights }: Block): number {
  return weights.reduce((sum, weight) => sum + weight, 0)
}

/** The part of a block from `low` to `high`. */
function partOf(block: Block, low: number, high: number): Block {
  const first = segmentOf(block.starts, low)
  const last = segmentOf(block.starts, high)
  const starts = block.starts.slice(first, last + 1)
  const weights = block.weights.slice(first, last + 1)
  // Of a segment that goes on outside, its share.
  for (const i of last === first ? [0] : [0, last - first]) {
    const from = Math.max(starts[i]!, block.low)
    const end = block.starts[first + i + 1] ?? block.high + 1
    weights[i]! *= (Math.min(end, high + 1) - Math.max(from, low)) / (end - from)
  }
  return { low, high, starts, entries: block.entries.slice(first, last + 1), weights }
}

function windowOf(block: Block, shifts: number): WindowPlan {
  const { low, high, starts } = block
  const { from, to, others } = closeRange(block)
  const shift = shiftOf(from, to, segmentOf(starts, to) - segmentOf(starts, from) + 1)
  const width = 2 ** shift
  const count = Math.ceil((to - from + 1) / width)
  // What the last entry has over must not be taken for the first values.
  const base = Math.min(from, 2 ** 32 - count * width)
  const ways: Plan[] = []
  let cost = weightOf(block)
  for (let start = base; ways.length < count; start += width) {
    const end = Math.max(low, Math.min(start + width - 1, high))
    const way = bestOf(partOf(block, Math.max(low, start), end), shifts)
    cost += costOf(way)
    ways.push(way)
  }
  ways.push(others)
  return { kind: 'window', base, shift, ways, cost }
}

/** The range that a window looks at closely, and the entry of all values of the block that are not in it. */
function closeRange({ low, high, starts, entries }: Block): { from: number; to: number; others: Entry } {
  const afterFirst = starts[1]!
  const beforeLast = starts.at(-1)! - 1
  const first = entries[0]!
  const last = entries.at(-1)!
  if (starts.length > 2 && first === last) return { from: afterFirst, to: beforeLast, others: first }
  return high - afterFirst <= beforeLast - low
    ? { from: afterFirst, to: high, others: first }
    : { from: low, to: beforeLast, others: last }
}

/** How many values share an entry (2^shift): few enough for few segments to be cut once more, in not too many entries. */
function shiftOf(from: number, to: number, segments: number): number {
  const size = to - from + 1
  const most = Math.min(ENTRIES_A_SEGMENT * segments, MOST_ENTRIES)
  let shift = 0
  while (Math.ceil(size / 2 ** shift) > most) shift++
  let fit = shift
  while (fit > 0 && size % 2 ** fit !== 0 && size / 2 ** (fit - 1) <= ENTRIES_TO_FIT) fit--
  return size % 2 ** fit === 0 ? fit : shift
}

/**
 * A hash of the short segments and of what is cut within 2^shift values, and behind it the long segments as if the short
 * ones were part of their neighbours. Undefined if that makes nothing simpler.
 */
function hashOf(block: Block, shiftIndex: number, hashes: number): HashPlan | undefined {
  const { low, high, starts, entries, weights } = block
  const shift = SHIFTS[shiftIndex]!
  const width = 2 ** shift
  if ((high - low + 1) / width < FEW) return undefined
  const last = starts.length - 1
  const long: Piece[] = []
  const short: Piece[] = []
  const ways = new Map<number, Plan>()
  let cost = HASH_COST * weightOf(block)
  for (const [i, entry] of entries.entries()) {
    const end = i === last ? high + 1 : starts[i + 1]!
    const from = i === 0 ? Math.floor(low / width) : Math.ceil(starts[i]! / width)
    const to = i === last ? Math.ceil(end / width) : Math.floor(end / width)
    if (to > from) (to - from > PIECES ? long : short).push({ from, to, entry, weight: weights[i]! })
    if (i === last || end % width === 0 || ways.has(to)) continue
    const start = to * width
    const way = bestOf(partOf(block, Math.max(low, start), Math.min(high, start + width - 1)), shiftIndex)
    ways.set(to, way)
    cost += costOf(way)
  }
  const rest = restOf(block, width, long)
  for (const { from, to, entry, weight } of short) {
    for (let key = from; key < to; key++) {
      const place = segmentOf(rest.starts, key * width)
      if (rest.entries[place] !== entry) ways.set(key, entry)
      else rest.weights[place]! += weight / (to - from)
    }
  }
  if (ways.size === 0 || rest.starts.length >= starts.length) return undefined
  const others = bestOf(rest, SHIFTS.length, hashes - 1)
  return { kind: 'hash', shift, ways, others, cost: cost + costOf(others) }
}

/** The multiples of a width from `from` to before `to`. */
interface Piece {
  readonly from: number
  readonly to: number
  readonly entry: Entry
  readonly weight: number
}

/** The block of long segments alone; between two of them it may change anywhere. */
function restOf(
  { low, high, entries: all }: Block,
  width: number,
  long: readonly Piece[],
): Block & { weights: number[] } {
  if (long.length === 0) return { low, high, starts: [low], entries: [all[0]!], weights: [0] }
  const starts: number[] = []
  const entries: Entry[] = []
  const weights: number[] = []
  let before = 0
  for (const { from, to, entry, weight } of long) {
    if (entry === entries.at(-1)) weights[weights.length - 1]! += weight
    else {
      starts.push(starts.length === 0 ? low : roundest(before, from) * width)
      entries.push(entry)
      weights.push(weight)
    }
    before = to
  }
  return { low, high, starts, entries, weights }
}

/** The number from `from` to `to` that is a multiple of the largest power of two. */
function roundest(from: number, to: number): number {
  let step = 1
  while (Math.floor(to / (step * 2)) * step * 2 >= from) step *= 2
  return Math.floor(to / step) * step
}
