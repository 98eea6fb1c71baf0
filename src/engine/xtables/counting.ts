/** Matches that count packets, each rule for itself: net/netfilter/xt_limit.c, xt_quota.c, xt_statistic.c. */
import type { Packet } from '../../packet/packet.js'
import { limitAverage, limitCredits } from '../../ruleset/rates.js'
import type { LimitMatch, QuotaMatch, RateUnit, StatisticMatch } from '../../ruleset/xtables.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { jiffiesOf } from './jiffies.js'

const { break: BREAK, continue: CONTINUE } = Outcome

/** Seconds in what a rate is of. */
export const SECONDS: Readonly<Record<RateUnit, number>> = { second: 1, minute: 60, hour: 3600, day: 86400 }

/** The power of two under 2^32 / (HZ × a day's seconds): what a tick is worth. */
const CREDITS_PER_JIFFY = 128

/** A bucket of credits that each tick fills, in unsigned 32-bit numbers as the kernel's. */
export function limitStep(match: LimitMatch): Step {
  const average = limitAverage(match)
  const cap = limitCredits((average * match.burst) >>> 0)
  const cost = limitCredits(average)
  const credit = Uint32Array.of(cap)
  const previous = Float64Array.of(Number.NaN)
  return {
    run(packet: Packet): OutcomeNumber {
      const now = jiffiesOf(packet.time[0]!)
      // Until the first packet it is full, whatever time goes by.
      const passed = Number.isNaN(previous[0]!) ? 0 : now - previous[0]!
      previous[0] = now
      credit[0] = credit[0]! + ((passed * CREDITS_PER_JIFFY) % 2 ** 32)
      if (credit[0]! > cap) credit[0] = cap
      if (credit[0]! < cost) return BREAK
      credit[0] = credit[0]! - cost
      return CONTINUE
    },
  }
}

export function quotaStep({ bytes, invert = false }: QuotaMatch): Step {
  const left = Float64Array.of(Number(bytes))
  return {
    run({ length }: Packet): OutcomeNumber {
      const within = left[0]! >= length
      // Once a packet was too big, not even a small one passes.
      left[0] = within ? left[0]! - length : 0
      return within !== invert ? CONTINUE : BREAK
    },
  }
}

export function statisticStep(match: StatisticMatch, random: () => number): Step {
  const invert = match.invert ?? false
  if (match.mode === 'random') {
    const { probability } = match
    return { run: (): OutcomeNumber => ((random() & 0x7fffffff) < probability !== invert ? CONTINUE : BREAK) }
  }
  const { every, packet: place } = match
  const next = Float64Array.of(0)
  return {
    run(): OutcomeNumber {
      const turn = next[0]!
      next[0] = turn + 1 === every ? 0 : turn + 1
      return (turn === place) !== invert ? CONTINUE : BREAK
    },
  }
}
