/** The buckets of xt_hashlimit.c's tables: how they fill, and what a packet takes of them. */
import { HASHLIMIT_CREDITS, HASHLIMIT_SCALE, hashlimitAverage } from '../../ruleset/rates.js'
import type { HashlimitMatch } from '../../ruleset/xtables.js'
import { SECONDS } from './counting.js'
import { HZ } from './jiffies.js'

const U32 = 2 ** 32
/** What a tick is worth in the upper half of a 64-bit number: 2^39 / 2^32. */
const CREDITS_PER_JIFFY_HIGH = 128
/** Of bytes: 2^24 a tick, and no more than a second's at once. */
const BYTE_CREDITS_PER_JIFFY = 2 ** 24
const BYTE_CAP = BYTE_CREDITS_PER_JIFFY * HZ
/** Bytes are counted in blocks of 16, begun ones too. */
const BLOCK_BITS = 4

/** The buckets of a table, by their slots: one way of measuring each. */
export interface Buckets {
  /** A new bucket, full. */
  start(slot: number, now: number): void
  /** Whether a packet is within the rate; counts it. Bytes; ticks. */
  admit(slot: number, now: number, length: number): boolean
}

/** The buckets that a rule asks for. */
export function bucketsOf(match: HashlimitMatch, capacity: number): Buckets {
  if (match.rateMatch) return new RateBuckets(match, capacity)
  return match.bytes ? new ByteBuckets(match, capacity) : new PacketBuckets(match, capacity)
}

/** Buckets of credits that every tick fills, as 64-bit numbers in two halves. */
class PacketBuckets implements Buckets {
  readonly #high: Uint32Array
  readonly #low: Uint32Array
  readonly #previous: Float64Array
  readonly #capHigh: number
  readonly #capLow: number
  readonly #costHigh: number
  readonly #costLow: number

  constructor(match: HashlimitMatch, capacity: number) {
    this.#high = new Uint32Array(capacity)
    this.#low = new Uint32Array(capacity)
    this.#previous = new Float64Array(capacity)
    const average = hashlimitAverage(match)
    const cap = BigInt.asUintN(64, BigInt.asUintN(64, average * BigInt(match.burst ?? 5)) * HASHLIMIT_CREDITS)
    const cost = BigInt.asUintN(64, average * HASHLIMIT_CREDITS)
    this.#capHigh = Number(cap >> 32n)
    this.#capLow = Number(cap & 0xffffffffn)
    this.#costHigh = Number(cost >> 32n)
    this.#costLow = Number(cost & 0xffffffffn)
  }

  start(slot: number, now: number): void {
    this.#previous[slot] = now
    this.#high[slot] = this.#capHigh
    this.#low[slot] = this.#capLow
  }

  admit(slot: number, now: number): boolean {
    let high = (this.#high[slot]! + (now - this.#previous[slot]!) * CREDITS_PER_JIFFY_HIGH) % U32
    let low = this.#low[slot]!
    this.#previous[slot] = now
    if (high > this.#capHigh || (high === this.#capHigh && low > this.#capLow)) {
      high = this.#capHigh
      low = this.#capLow
    }
    const within = high > this.#costHigh || (high === this.#costHigh && low >= this.#costLow)
    if (within) {
      high -= this.#costHigh
      low -= this.#costLow
      if (low < 0) {
        low += U32
        high--
      }
    }
    this.#high[slot] = high
    this.#low[slot] = low
    return within
  }
}

/** Buckets of bytes: a second's credit, refilled at once for as many times as the burst has it. */
class ByteBuckets implements Buckets {
  readonly #credit: Float64Array
  readonly #refills: Uint32Array
  readonly #previous: Float64Array
  readonly #cost: number
  readonly #burst: number

  constructor(match: HashlimitMatch, capacity: number) {
    this.#credit = new Float64Array(capacity)
    this.#refills = new Uint32Array(capacity)
    this.#previous = new Float64Array(capacity)
    this.#cost = Number((BigInt(byteCost(match.rate)) * BigInt(BYTE_CAP)) >> 32n)
    this.#burst = seconds(match)
  }

  start(slot: number, now: number): void {
    this.#previous[slot] = now
    this.#credit[slot] = BYTE_CAP
    this.#refills[slot] = this.#burst
  }

  admit(slot: number, now: number, length: number): boolean {
    const filled = this.#credit[slot]! + (now - this.#previous[slot]!) * BYTE_CREDITS_PER_JIFFY
    let credit = Math.min(filled, BYTE_CAP)
    this.#previous[slot] = now
    const cost = Math.min(((length >> BLOCK_BITS) + 1) * this.#cost, BYTE_CAP)
    if (credit < cost && this.#refills[slot]! > 0) {
      this.#refills[slot] = this.#refills[slot]! - 1
      credit = BYTE_CAP
    }
    const within = credit >= cost
    this.#credit[slot] = within ? credit - cost : credit
    return within
  }
}

/** What was seen in an interval, and whether it was too much in the one before. */
class RateBuckets implements Buckets {
  readonly #current: Float64Array
  readonly #exceeded: Uint8Array
  readonly #previous: Float64Array
  readonly #bytes: boolean
  readonly #rate: number
  readonly #burst: number
  /** Ticks. */
  readonly #interval: number

  constructor(match: HashlimitMatch, capacity: number) {
    this.#current = new Float64Array(capacity)
    this.#exceeded = new Uint8Array(capacity)
    this.#previous = new Float64Array(capacity)
    this.#bytes = match.bytes ?? false
    this.#interval = ((match.rateInterval ?? SECONDS[match.per]) * HZ) % U32
    if (this.#bytes) {
      this.#rate = costBytes(byteCost(match.rate))
      this.#burst = this.#rate * Math.max(1, seconds(match))
    } else {
      this.#rate = Math.floor(HASHLIMIT_SCALE / Math.floor(HASHLIMIT_SCALE / match.rate))
      this.#burst = this.#rate + (match.burst ?? 5)
    }
  }

  start(slot: number, now: number): void {
    this.#previous[slot] = now
    this.#current[slot] = 0
    this.#exceeded[slot] = 0
  }

  admit(slot: number, now: number, length: number): boolean {
    const passed = now - this.#previous[slot]!
    if (passed > 0 && passed >= this.#interval) {
      this.#previous[slot] = now
      this.#exceeded[slot] = this.#current[slot]! * this.#interval > passed * this.#rate ? 1 : 0
      this.#current[slot] = 0
    }
    this.#current[slot] = this.#current[slot]! + (this.#bytes ? length : 1)
    return this.#exceeded[slot] === 0 && this.#current[slot]! <= this.#burst
  }
}

/** iptables' and the kernel's way to say a rate in bytes: the cost of a block of 16, of 2^32 a second. */
function byteCost(rate: number): number {
  return Math.floor((U32 - 1) / (Math.floor(rate / 2 ** BLOCK_BITS) + 1))
}

function costBytes(cost: number): number {
  return (Math.floor((U32 - 1) / cost) - 1) * 2 ** BLOCK_BITS
}

/** How many seconds' worth of bytes a burst is, begun ones too. */
function seconds({ rate, burst = 0 }: HashlimitMatch): number {
  return Math.ceil(burst / costBytes(byteCost(rate)))
}
