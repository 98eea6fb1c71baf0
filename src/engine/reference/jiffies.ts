/** The kernel's clock for timeouts: 250 ticks a second. */
const JIFFY = 4_000_000n
const MILLISECONDS = 4n

/** Ticks up to a time in nanoseconds. */
export function jiffiesOf(nanoseconds: bigint): bigint {
  return nanoseconds / JIFFY
}

/** Milliseconds of ticks. */
export function millisecondsOf(jiffies: bigint): bigint {
  return jiffies * MILLISECONDS
}

/** Ticks of a span in milliseconds. */
export function jiffiesIn(milliseconds: number): bigint {
  return BigInt(milliseconds) / MILLISECONDS
}
