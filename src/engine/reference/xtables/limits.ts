/** The reference of xt_limit's credits and xt_hashlimit's buckets. */
import type { Packet } from '../../../packet/packet.js'
import type { HashlimitMatch, LimitMatch } from '../../../ruleset/xtables.js'
import { addressesOf, masked, portsOf } from './bytes.js'
import { outcome, type XtablesOutcome } from './outcome.js'
import { SECONDS, tick, u32, u64 } from './time.js'

export class Limit {
  readonly #cap: bigint
  readonly #cost: bigint
  #credit: bigint
  #last: bigint | undefined

  constructor({ rate, per, burst }: LimitMatch) {
    const average = (10_000n * BigInt(SECONDS[per])) / BigInt(rate)
    const credits = (time: bigint) =>
      time > 0xffffffffn / 32_000n ? u32((time / 10_000n) * 32_000n) : u32(time * 32_000n) / 10_000n
    this.#cap = credits(u32(average * BigInt(burst)))
    this.#cost = credits(average)
    this.#credit = this.#cap
  }

  matches(packet: Packet): XtablesOutcome {
    const now = tick(packet)
    const passed = now - (this.#last ?? now)
    this.#last = now
    const filled = u32(this.#credit + u32(passed * 128n))
    this.#credit = filled > this.#cap ? this.#cap : filled
    if (this.#credit < this.#cost) return 'no'
    this.#credit -= this.#cost
    return 'yes'
  }
}

interface Bucket {
  last: bigint
  expires: bigint
  /** Credit, or what came in the interval. */
  amount: bigint
  refills: bigint
  exceeded: boolean
}

export class Hashlimit {
  readonly #made: HashlimitMatch
  readonly #bits: number
  readonly #buckets = new Map<string, Bucket>()
  #started: bigint | undefined

  constructor(match: HashlimitMatch, bits: number) {
    this.#made = match
    this.#bits = bits
  }

  matches({ above }: HashlimitMatch, packet: Packet): XtablesOutcome {
    const made = this.#made
    const now = tick(packet)
    this.#collect(now)
    const key = this.#key(packet)
    if (key === undefined) return 'hotdrop'
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      const size = made.htableSize || 8192
      if (this.#buckets.size >= (made.htableMax ? Math.max(made.htableMax, size) : size * 8)) return 'hotdrop'
      bucket = { last: now, expires: 0n, amount: this.#full(), refills: this.#worth(), exceeded: false }
      this.#buckets.set(key, bucket)
    }
    bucket.expires = now + BigInt(Math.ceil(this.#expire() / 4))
    const measure = made.rateMatch ? this.#rate : made.bytes ? this.#bytes : this.#packets
    return outcome(measure.call(this, bucket, now, BigInt(packet.length)) !== above)
  }

  /** Old buckets are collected every so often, counted from the first packet. */
  #collect(now: bigint): void {
    this.#started ??= now
    const interval = BigInt(Math.ceil((this.#made.htableGcInterval ?? 1000) / 4))
    const latest = now - ((now - this.#started) % interval)
    if (latest === this.#started) return
    for (const [key, { expires }] of this.#buckets) if (expires <= latest) this.#buckets.delete(key)
  }

  #key(packet: Packet): string | undefined {
    const { mode, srcmask = this.#bits, dstmask = this.#bits } = this.#made
    const { source, destination } = addressesOf(packet)
    const ports =
      mode.includes('srcport') || mode.includes('dstport') ? portsOf(packet) : { source: 0, destination: 0 }
    if (ports === undefined) return undefined
    return [
      mode.includes('srcip') && masked(source, srcmask, this.#bits),
      mode.includes('dstip') && masked(destination, dstmask, this.#bits),
      mode.includes('srcport') && ports.source,
      mode.includes('dstport') && ports.destination,
    ].join()
  }

  #expire(): number {
    const { htableExpire, bytes, burst, per } = this.#made
    return htableExpire ?? (bytes ? (burst === undefined ? 15_000 : 60_000) : SECONDS[per] * 1000)
  }

  /** Microseconds between two packets. */
  #average(): bigint {
    return (1_000_000n * BigInt(SECONDS[this.#made.per])) / BigInt(this.#made.rate)
  }

  /** How the kernel has a rate in bytes, and what it then is. */
  #blockCost(): bigint {
    return 0xffffffffn / (BigInt(this.#made.rate) / 16n + 1n)
  }

  #byteRate(): bigint {
    return (0xffffffffn / this.#blockCost() - 1n) * 16n
  }

  #worth(): bigint {
    const { bytes, burst } = this.#made
    if (!bytes || burst === undefined) return 0n
    return (BigInt(burst) + this.#byteRate() - 1n) / this.#byteRate()
  }

  #full(): bigint {
    const { rateMatch, bytes, burst = 5 } = this.#made
    if (rateMatch) return 0n
    const unit = (250n << 39n) / 1_000_000n
    return bytes ? 250n << 24n : u64(u64(this.#average() * BigInt(burst)) * unit)
  }

  #packets(bucket: Bucket, now: bigint): boolean {
    const filled = u64(bucket.amount + ((now - bucket.last) << 39n))
    const full = this.#full()
    bucket.last = now
    bucket.amount = filled > full ? full : filled
    const cost = u64(this.#average() * ((250n << 39n) / 1_000_000n))
    if (bucket.amount < cost) return false
    bucket.amount -= cost
    return true
  }

  #bytes(bucket: Bucket, now: bigint, length: bigint): boolean {
    const full = this.#full()
    const filled = bucket.amount + ((now - bucket.last) << 24n)
    bucket.last = now
    bucket.amount = filled > full ? full : filled
    const block = (this.#blockCost() * full) >> 32n
    const wanted = (length / 16n + 1n) * block
    const cost = wanted > full ? full : wanted
    if (bucket.amount < cost && bucket.refills > 0n) {
      bucket.refills--
      bucket.amount = full
    }
    if (bucket.amount < cost) return false
    bucket.amount -= cost
    return true
  }

  #rate(bucket: Bucket, now: bigint, length: bigint): boolean {
    const { bytes, rate, per, burst = 5, rateInterval = SECONDS[per] } = this.#made
    const allowed = bytes ? this.#byteRate() : 1_000_000n / (1_000_000n / BigInt(rate))
    const interval = u32(BigInt(rateInterval) * 250n)
    const passed = now - bucket.last
    if (passed > 0n && passed >= interval) {
      bucket.exceeded = bucket.amount * interval > passed * allowed
      bucket.last = now
      bucket.amount = 0n
    }
    bucket.amount += bytes ? length : 1n
    const most = bytes ? allowed * (this.#worth() || 1n) : allowed + BigInt(burst)
    return !bucket.exceeded && bucket.amount <= most
  }
}
