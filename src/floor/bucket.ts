import type { Limit, Window } from '../ruleset/model.js'

const NANOSECONDS = 1_000_000_000n
const MILLISECOND = 1_000_000n
const UNITS = { second: 1n, minute: 60n, hour: 3600n, day: 86_400n, week: 604_800n } as const
type Unit = keyof typeof UNITS
/** Nanoseconds that a bucket may hold: the kernel counts them in 64 bits, signed or not. */
const MOST = 1n << 62n

/** How the kernel counts a source of a window: a token bucket, in an element that lives as long as it is not full. */
export interface Bucket {
  readonly limit: Limit
  /** Milliseconds. */
  readonly timeout: number
}

/**
 * The nearest token bucket that lets through no more than a window, in any span; undefined if there is none.
 *
 * A bucket of `b` tokens that gains one in `c` lets n packets through within less than a span of T: each takes c, at
 * first there are at most b × c, and less than T is gained, so n × c < b × c + T, which is n < b + T / c. So
 * b + ⌈T / c⌉ ≤ N + 1 keeps it to N. An element that is forgotten is a full bucket again: it is, by then.
 *
 * Half of what the window lets through at once is left to the burst, the rest to the rate. Where refused packets
 * count, all of it is: the element lives on with each attempt, and is full again when nobody has tried for the span.
 */
export function bucketOf({ rate, per, strict }: Pick<Window, 'rate' | 'per' | 'strict'>): Bucket | undefined {
  const span = BigInt(per) * MILLISECOND
  const grants = strict ? 1n : BigInt(Math.max(1, Math.floor(rate / 2)))
  const spec = strict ? { rate: 1n, per: 'week' as const } : fastest(span, grants)
  if (spec === undefined) return undefined
  const cost = costOf(spec.rate, spec.per)
  const burst = min(BigInt(rate) + 1n - ceil(span, cost), MOST / cost)
  if (burst < 1n) return undefined
  const full = strict ? span : max(span, cost * burst)
  return {
    limit: { kind: 'limit', rate: Number(spec.rate), per: spec.per, burst: Number(burst), over: false },
    // The kernel's clock for elements ticks each few milliseconds.
    timeout: Number(ceil(full, MILLISECOND)) + 1000,
  }
}

/** The highest rate that grants at most so many packets in a span. */
function fastest(span: bigint, grants: bigint): { rate: bigint; per: Unit } | undefined {
  let best: { rate: bigint; per: Unit } | undefined
  for (const per of Object.keys(UNITS) as Unit[]) {
    let rate = (UNITS[per] * NANOSECONDS * grants) / span
    while (rate > 0n && costOf(rate, per) * grants < span) rate--
    if (rate > 0n && (best === undefined || costOf(rate, per) < costOf(best.rate, best.per)))
      best = { rate, per }
  }
  return best
}

/** Nanoseconds that a packet costs (net/netfilter/nft_limit.c). */
function costOf(rate: bigint, per: Unit): bigint {
  return (UNITS[per] * NANOSECONDS) / rate
}

function ceil(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
