/** A measured figure. A ratio above 1 means that we are better than the rival. */
export interface Figure {
  readonly bench: string
  readonly case: string
  readonly value: number
  readonly unit: string
  readonly rival?: string
  readonly rivalValue?: number
  readonly ratio?: number
}

export type Report = (figure: Figure) => void

/** Prints figures as they come: an object a line, or in columns. */
export function reporter(json: boolean): Report {
  if (json) return (figure) => process.stdout.write(`${JSON.stringify(figure)}\n`)
  return ({ bench, case: name, value, unit, rival, rivalValue, ratio }) => {
    const own = `${bench.padEnd(8)} ${name.padEnd(44)} ${format(value).padStart(12)} ${unit.padEnd(12)}`
    const other =
      rival === undefined ? '' : `${rival}: ${format(rivalValue ?? 0)}, ratio ${(ratio ?? 0).toFixed(2)}`
    process.stdout.write(`${own} ${other}\n`.replace(/ +\n/, '\n'))
  }
}

function format(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 })
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/**
 * Nanoseconds that one of `count` operations takes, the median of several runs after a warm-up.
 * `operations`: carries out that many.
 */
export function nanoseconds(operations: (count: number) => void, count: number, runs = 7): number {
  operations(count)
  const times = Array.from({ length: runs }, () => {
    const start = process.hrtime.bigint()
    operations(count)
    return Number(process.hrtime.bigint() - start) / count
  })
  return median(times)
}

/** Operations between two looks at the heap: too few to fill the young generation, so that no collection hides any. */
const CHUNK = 100_000
const CHUNKS = 40

/** Bytes that a million operations leave on the heap: what the same number of looks at it leaves is taken off. */
export function heapGrowth(operations: (count: number) => void): number {
  operations(CHUNK)
  return Math.max(0, growth(operations) - growth(() => {}))
}

function growth(operations: (count: number) => void): number {
  let grown = 0
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    const before = process.memoryUsage().heapUsed
    operations(CHUNK)
    grown += Math.max(0, process.memoryUsage().heapUsed - before)
  }
  return (grown / (CHUNK * CHUNKS)) * 1e6
}
