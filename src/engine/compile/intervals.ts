/**
 * Sets of unsigned integers as sorted, disjoint, closed intervals that do not touch.
 * Points are numbers up to 32 bits and bigints for 128: never mixed within one set.
 */
export type Point = number | bigint
export type Interval = readonly [low: Point, high: Point]
export type Intervals = readonly Interval[]

export function add(a: Point, b: Point): Point {
  return typeof a === 'bigint' ? a + BigInt(b) : a + Number(b)
}

export function successor(point: Point): Point {
  return typeof point === 'bigint' ? point + 1n : point + 1
}

export function predecessor(point: Point): Point {
  return typeof point === 'bigint' ? point - 1n : point - 1
}

/** The largest value of `bits` bits, and 0, as points of that size. */
export function domain(bits: number): Interval {
  return bits > 32 ? [0n, (1n << BigInt(bits)) - 1n] : [0, 2 ** bits - 1]
}

export function compare(a: Point, b: Point): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The union of intervals in any order. */
export function union(intervals: Iterable<Interval>): Intervals {
  const sorted = [...intervals].sort((a, b) => compare(a[0], b[0]))
  const out: [Point, Point][] = []
  for (const [low, high] of sorted) {
    const last = out.at(-1)
    if (last !== undefined && low <= successor(last[1])) {
      if (high > last[1]) last[1] = high
    } else out.push([low, high])
  }
  return out
}

export function intersection(a: Intervals, b: Intervals): Intervals {
  const out: Interval[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [aLow, aHigh] = a[i]!
    const [bLow, bHigh] = b[j]!
    const low = aLow > bLow ? aLow : bLow
    const high = aHigh < bHigh ? aHigh : bHigh
    if (low <= high) out.push([low, high])
    if (aHigh < bHigh) i++
    else j++
  }
  return out
}

/** What of the domain of `bits` bits is not in the set. */
export function complement(intervals: Intervals, bits: number): Intervals {
  const [first, last] = domain(bits)
  const out: Interval[] = []
  let low = first
  for (const interval of intervals) {
    if (interval[0] > low) out.push([low, predecessor(interval[0])])
    low = successor(interval[1])
  }
  if (low <= last) out.push([low, last])
  return out
}

/** Whether all values of a set are in another. */
export function isWithin(inner: Intervals, outer: Intervals): boolean {
  let place = 0
  return inner.every(([low, high]) => {
    while (place < outer.length && outer[place]![1] < low) place++
    return place < outer.length && outer[place]![0] <= low && high <= outer[place]![1]
  })
}

/** The index of the last start that is not above a point. */
export function segmentOf(starts: readonly Point[], point: Point): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle]! <= point) low = middle
    else high = middle - 1
  }
  return low
}
