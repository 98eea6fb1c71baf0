/** Statements that keep a state of their own: whether they let the rule go on (net/netfilter/nft_{counter,limit,quota}.c). */
import type { Counter, LimitSpec, NamedObject, QuotaSpec, Stateful } from '../../ruleset/model.js'
import { ConnectionCount } from './connection-count.js'
import type { Context, State, Step } from './context.js'

const NANOSECONDS = { second: 1n, minute: 60n, hour: 3600n, day: 86_400n, week: 604_800n } as const
const SECOND = 1_000_000_000n
const UNITS = { bytes: 1n, kbytes: 1024n, mbytes: 1024n ** 2n } as const
const DEFAULT_BURST = 5

export class CounterState implements State {
  packets: bigint
  bytes: bigint

  constructor({ packets = 0n, bytes = 0n }: Partial<Counter>) {
    this.packets = packets
    this.bytes = bytes
  }

  run({ packet }: Context): Step {
    this.packets++
    this.bytes += BigInt(packet.length)
    return 'continue'
  }
}

/** A bucket of nanoseconds: a packet costs the time that it takes to earn it back. */
export class LimitState implements State {
  readonly #spec: LimitSpec
  readonly #span: bigint
  readonly #rate: bigint
  readonly #most: bigint
  #tokens: bigint
  #last = 0n

  constructor(spec: LimitSpec) {
    this.#spec = spec
    this.#span = NANOSECONDS[spec.per] * SECOND
    this.#rate = BigInt(spec.rate) * UNITS[spec.rateUnit ?? 'bytes']
    if (spec.rateUnit === undefined)
      this.#most = (this.#span / this.#rate) * BigInt(spec.burst === 0 ? DEFAULT_BURST : spec.burst)
    else {
      const burst = BigInt(spec.burst) * UNITS[spec.burstUnit ?? 'bytes']
      this.#most = (this.#span * (this.#rate + burst)) / this.#rate
    }
    this.#tokens = this.#most
  }

  /** What it would let through at a time in nanoseconds, of how much at most, and the nanoseconds until there is one packet more. */
  room(now: bigint): { readonly left: bigint; readonly most: bigint; readonly wait: bigint } {
    const earned = this.#tokens + now - this.#last
    const tokens = earned > this.#most ? this.#most : earned
    const one = this.#span / this.#rate
    if (this.#spec.rateUnit !== undefined)
      return {
        left: (tokens * this.#rate) / this.#span,
        most: (this.#most * this.#rate) / this.#span,
        wait: 0n,
      }
    return { left: tokens / one, most: this.#most / one, wait: tokens < one ? one - tokens : 0n }
  }

  run({ packet, now }: Context): Step {
    const size = this.#spec.rateUnit === undefined ? 1n : BigInt(packet.length)
    const cost = (this.#span * size) / this.#rate
    const earned = this.#tokens + now - this.#last
    const tokens = earned > this.#most ? this.#most : earned
    this.#last = now
    const isOver = tokens < cost
    this.#tokens = isOver ? tokens : tokens - cost
    return isOver === this.#spec.over ? 'continue' : 'break'
  }
}

export class QuotaState implements State {
  readonly #over: boolean
  /** Bytes. */
  readonly amount: bigint
  used: bigint

  constructor({ amount, unit, over, used = 0, usedUnit = 'bytes' }: QuotaSpec) {
    this.#over = over
    this.amount = BigInt(amount) * UNITS[unit]
    this.used = BigInt(used) * UNITS[usedUnit]
  }

  run({ packet }: Context): Step {
    this.used += BigInt(packet.length)
    return this.used > this.amount === this.#over ? 'continue' : 'break'
  }
}

export function stateOf(
  spec: Stateful | Extract<NamedObject, { kind: 'counter' | 'limit' | 'quota' }>,
): State {
  switch (spec.kind) {
    case 'counter':
      return new CounterState(spec)
    case 'limit':
      return new LimitState(spec)
    case 'quota':
      return new QuotaState(spec)
    case 'ct count':
      return new ConnectionCount(spec)
  }
}

/** Runs statements up to the first that does not go on. */
export function runAll(states: readonly State[], context: Context): Step {
  for (const state of states) {
    const step = state.run(context)
    if (step !== 'continue') return step
  }
  return 'continue'
}
