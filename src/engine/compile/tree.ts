import { COLUMN_WORDS, Column, type ColumnName } from '../../packet/packet.js'
import { COLUMNS, lastPoint } from './columns.js'
import type { FlatRule } from './flatten.js'
import { compare, isWithin, type Point, segmentOf, successor } from './intervals.js'
import type { Item } from './item.js'
import { partition } from './partition.js'

export interface Leaf {
  readonly kind: 'leaf'
  readonly items: readonly Item[]
}

/** Picks a child by the segment of a column's values: child i takes those from starts[i] to before starts[i + 1]. */
export interface Cut {
  readonly kind: 'cut'
  readonly column: ColumnName
  readonly starts: readonly Point[]
  readonly children: readonly Node[]
}

export type Node = Leaf | Cut

export interface Tree {
  /** The least rank of its rules. */
  readonly rank: number
  readonly root: Node
  /** Whether a leaf is as long as it is because the tree would have become too large. */
  readonly bounded: boolean
}

/** Lists this short are tested rule by rule. */
const SHORT = 2
/** Leaves longer than this are told of, if a cut was left out to keep the tree small. */
export const LONG = 8
/** How many times a cut may copy its rules on average: past it, the next best column is tried. */
const COPIES = 8
/** How many items the nodes of a tree may hold in all, beside a fixed number for each rule. */
const ITEMS_PER_RULE = 64
const ITEMS_AT_LEAST = 100_000

/**
 * Builds the decision trees of a chain. Every node cuts one column into its elementary segments: within one, each
 * rule holds everywhere or nowhere, so no way down meets a column twice. When a cut would copy too many rules or the
 * budget is spent, the rules stay together in a longer leaf. The trees are sorted by their first rules.
 */
export function buildTrees(rules: readonly FlatRule[]): Tree[] {
  let budget = Math.max(ITEMS_AT_LEAST, rules.length * ITEMS_PER_RULE)
  let bounded = false
  const items = rules.map((rule, rank) => ({ rule, rank, open: openColumns(rule) }))
  return partition(items)
    .map((group) => {
      bounded = false
      const root = build(group, (1 << COLUMN_WORDS) - 1)
      return { rank: group[0]?.rank ?? rules.length, root, bounded }
    })
    .sort((a, b) => a.rank - b.rank)

  function build(all: readonly Item[], uncut: number): Node {
    const items = reachable(all)
    if (items.length <= SHORT) return { kind: 'leaf', items: uncovered(items) }
    const candidates = candidatesFor(items, uncut)
    const cut = best(candidates.filter(({ copied, starts }) => copied <= most(items.length, starts.length)))
    if (cut === undefined) {
      if (items.length > LONG && candidates.length > 0) bounded = true
      return { kind: 'leaf', items: uncovered(items) }
    }
    budget -= cut.copied
    const rest = uncut & ~(1 << Column[cut.column])
    const children = new Map<string, Node>()
    const nodes = distribute(items, cut.column, cut.starts).map((child) => {
      // Segments with the same rules share one child.
      const key = child.map(({ rank }) => rank).join()
      let node = children.get(key)
      if (node === undefined) {
        node = build(child, rest)
        children.set(key, node)
      }
      return node
    })
    return { kind: 'cut', column: cut.column, starts: cut.starts, children: nodes }
  }

  function most(count: number, segments: number): number {
    return Math.min(budget, count * COPIES + segments)
  }
}

function openColumns(rule: FlatRule): number {
  let open = 0
  for (const column of rule.box.keys()) open |= 1 << Column[column]
  return open
}

/** The items up to the first one that takes every packet. */
function reachable(items: readonly Item[]): readonly Item[] {
  const last = items.findIndex(({ rule, open }) => open === 0 && rule.final)
  return last < 0 ? items : items.slice(0, last + 1)
}

/** The items of a leaf without those all whose packets one before them takes. */
function uncovered(items: readonly Item[]): readonly Item[] {
  if (items.length > LONG) return items
  return items.filter((item, i) => !items.slice(0, i).some((before) => covers(before, item)))
}

function covers(one: Item, other: Item): boolean {
  if (!one.rule.final) return false
  for (const [column, values] of one.rule.box) {
    if ((one.open & (1 << Column[column])) === 0) continue
    const own = other.rule.box.get(column)
    if (own === undefined || !isWithin(own, values)) return false
  }
  return true
}

interface Candidate {
  readonly column: ColumnName
  readonly starts: readonly Point[]
  /** Rules in all segments together. */
  readonly copied: number
  /** Rules in the segment of one of them, on average. */
  readonly mean: number
}

/** The cuts by which fewer rules are left. */
function candidatesFor(items: readonly Item[], uncut: number): Candidate[] {
  return COLUMNS.flatMap((column) => {
    const bit = 1 << Column[column]
    if ((uncut & bit) === 0 || !items.some(({ open }) => (open & bit) !== 0)) return []
    const candidate = segments(items, column)
    return candidate.mean < items.length ? [candidate] : []
  })
}

/** The one that leaves a rule among the fewest others. */
function best(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>(
    (best, one) => (best === undefined || one.mean < best.mean ? one : best),
    undefined,
  )
}

/** The elementary segments of a column, and how many rules they hold. */
function segments(items: readonly Item[], column: ColumnName): Candidate {
  const bit = 1 << Column[column]
  const last = lastPoint(column)
  const changes: [at: Point, by: number][] = []
  let everywhere = 0
  for (const { rule, open } of items) {
    if ((open & bit) === 0) {
      everywhere++
      continue
    }
    for (const [low, high] of rule.box.get(column)!) {
      changes.push([low, 1])
      if (high < last) changes.push([successor(high), -1])
    }
  }
  changes.sort((a, b) => compare(a[0], b[0]))
  const starts: Point[] = [typeof last === 'bigint' ? 0n : 0]
  let count = everywhere
  let copied = 0
  let squares = 0
  for (const [at, by] of changes) {
    if (at !== starts.at(-1)) {
      copied += count
      squares += count * count
      starts.push(at)
    }
    count += by
  }
  copied += count
  squares += count * count
  return { column, starts, copied, mean: squares / copied }
}

/** The items of each segment, in their order, with the column done. */
function distribute(items: readonly Item[], column: ColumnName, starts: readonly Point[]): Item[][] {
  const bit = 1 << Column[column]
  const children: Item[][] = starts.map(() => [])
  for (const item of items) {
    if ((item.open & bit) === 0) {
      for (const child of children) child.push(item)
      continue
    }
    const done: Item = { ...item, open: item.open & ~bit }
    for (const [low, high] of item.rule.box.get(column)!) {
      for (let i = segmentOf(starts, low); i < starts.length && starts[i]! <= high; i++)
        children[i]!.push(done)
    }
  }
  return children
}
