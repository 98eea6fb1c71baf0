import type { Packet } from '../../packet/packet.js'
import type { ByteUnit, LimitSpec } from '../../ruleset/model.js'
import { Outcome, type OutcomeNumber } from '../environment.js'
import { grown, type Slots } from './slots.js'

const { break: BREAK, continue: CONTINUE } = Outcome

const NANOSECONDS = 1e9
const SECONDS = { second: 1, minute: 60, hour: 3600, day: 86_400, week: 604_800 } as const
const BYTES: Readonly<Record<ByteUnit, number>> = { bytes: 1, kbytes: 1024, mbytes: 1024 ** 2 }
/** What a burst of 0 packets stands for. */
const DEFAULT_BURST = 5

/** Bytes of an amount in a unit. */
export function inBytes(amount: number, unit: ByteUnit = 'bytes'): number {
  return amount * BYTES[unit]
}

/**
 * Token buckets in nanoseconds (net/netfilter/nft_limit.c): a packet costs the time that the rate grants it, a bucket
 * holds the time of a burst, of bytes that of the rate beside it, and is full at first. `over` turns the answer round,
 * not the accounting.
 */
export class LimitSlots implements Slots {
  readonly #unit: number
  readonly #rate: number
  readonly #ofBytes: boolean
  readonly #cost: number
  readonly #most: number
  readonly #over: boolean
  /** Of each slot its tokens and when they were counted last, in nanoseconds. */
  #buckets = new Float64Array(2)

  constructor({ rate, rateUnit, per, burst, burstUnit, over }: LimitSpec) {
    this.#unit = SECONDS[per] * NANOSECONDS
    this.#rate = inBytes(rate, rateUnit)
    this.#ofBytes = rateUnit !== undefined
    this.#over = over
    this.#cost = Math.floor(this.#unit / this.#rate)
    this.#most = this.#ofBytes
      ? this.#time(this.#rate + inBytes(burst, burstUnit))
      : this.#cost * (burst || DEFAULT_BURST)
    this.reset(0)
  }

  grow(slots: number): void {
    this.#buckets = grown(this.#buckets, slots * 2)
  }

  reset(slot: number): void {
    this.#buckets[slot * 2] = this.#most
    this.#buckets[slot * 2 + 1] = 0
  }

  run(slot: number, packet: Packet): OutcomeNumber {
    const buckets = this.#buckets
    const at = slot * 2
    const now = packet.time[0]!
    const tokens = Math.min(this.#most, buckets[at]! + now - buckets[at + 1]!)
    const cost = this.#ofBytes ? this.#time(packet.length) : this.#cost
    const within = tokens >= cost
    buckets[at] = within ? tokens - cost : tokens
    buckets[at + 1] = now
    return within !== this.#over ? CONTINUE : BREAK
  }

  /** Nanoseconds that the rate grants so many bytes, rounded down; in two parts, as their product is over 2^53. */
  #time(bytes: number): number {
    const whole = Math.floor(this.#unit / this.#rate)
    return whole * bytes + Math.floor(((this.#unit % this.#rate) * bytes) / this.#rate)
  }
}
