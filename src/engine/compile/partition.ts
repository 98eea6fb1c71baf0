import type { ColumnName } from '../../packet/packet.js'
import { COLUMNS, lastPoint } from './columns.js'
import { compare, type Intervals, type Point, successor } from './intervals.js'
import type { Item } from './tree.js'

/** A rule is narrow in a column if it holds in at most this many segments of it, as so often a cut copies it … */
const NARROW = 16
/** … and in at most this share of them, so that a cut parts it from most others. */
const SHARE = 1 / 16
/** Fewer rules are not worth a tree of their own. */
const FEW = 16
/** Trees that a chain may have: a search goes down all of them. */
const MOST_TREES = 4

/**
 * Shares the rules of a chain out to a few trees, so that those which ask for one address and those which ask for any
 * do not stand in each other's way: the first tree takes the rules that are narrow in the column where most are, the
 * next those of the rest, and the last what is left.
 */
export function partition(items: readonly Item[]): (readonly Item[])[] {
  const groups: (readonly Item[])[] = []
  let left = items
  while (groups.length < MOST_TREES - 1 && left.length > FEW) {
    const { narrow, wide } = split(left)
    if (narrow.length < left.length / 8) break
    if (wide.length <= FEW) break
    groups.push(narrow)
    left = wide
  }
  return [...groups, left]
}

function split(items: readonly Item[]): { narrow: readonly Item[]; wide: readonly Item[] } {
  let best: { narrow: readonly Item[]; wide: readonly Item[] } = { narrow: [], wide: items }
  for (const column of COLUMNS) {
    const { segments, spans } = spansOf(items, column)
    const most = Math.min(NARROW, segments * SHARE)
    if (most < 1) continue
    const narrow = items.filter((_, i) => spans[i]! <= most)
    if (narrow.length > best.narrow.length) best = { narrow, wide: items.filter((_, i) => spans[i]! > most) }
  }
  return best
}

/** How many segments a column has, and in how many of them each rule holds. */
function spansOf(items: readonly Item[], column: ColumnName): { segments: number; spans: readonly number[] } {
  const boxes = items.map(({ rule }) => rule.box.get(column))
  const last = lastPoint(column)
  const starts = new Set<Point>()
  for (const values of boxes) {
    for (const [low, high] of values ?? []) {
      starts.add(low)
      if (high < last) starts.add(successor(high))
    }
  }
  const sorted = [...starts].sort(compare)
  const segments = sorted.length
  return {
    segments,
    spans: boxes.map((values) => (values === undefined ? segments : countOf(values, sorted))),
  }
}

function countOf(values: Intervals, starts: readonly Point[]): number {
  return values.reduce((sum, [low, high]) => sum + placeOf(starts, successor(high)) - placeOf(starts, low), 0)
}

/** How many starts are below a point. */
function placeOf(starts: readonly Point[], point: Point): number {
  let low = 0
  let high = starts.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (starts[middle]! < point) low = middle + 1
    else high = middle
  }
  return low
}
