/** net/netfilter/xt_time.c */
import type { Packet } from '../../packet/packet.js'
import type { TimeMatch } from '../../ruleset/xtables.js'
import { type Clock, Outcome, type OutcomeNumber, type Step } from '../environment.js'

const { break: BREAK, continue: CONTINUE } = Outcome
const DAY = 86400
const LAST_SECOND = DAY - 1
const NANOSECONDS = 1_000_000_000n

export function timeStep(match: TimeMatch, clock: Clock): Step {
  const {
    dateStart = 0,
    dateStop = 2 ** 32 - 1,
    timeStart = 0,
    timeStop = LAST_SECOND,
    contiguous = false,
  } = match
  const weekdays = daysOf(match.weekdays, 7)
  const monthdays = daysOf(match.monthdays, 31)
  const everyMonthday = monthdays === daysOf(undefined, 31)
  const shift = match.kernelTimeZone ? offsetOf(clock) : 0
  const originSeconds = Number(clock.origin / NANOSECONDS) + shift
  const originRest = Number(clock.origin % NANOSECONDS)
  return {
    run({ time }: Packet): OutcomeNumber {
      let stamp = originSeconds + Math.floor((originRest + time[0]!) / 1e9)
      if (stamp < dateStart || stamp > dateStop) return BREAK
      const second = stamp % DAY
      if (timeStart < timeStop) {
        if (second < timeStart || second > timeStop) return BREAK
      } else {
        if (second < timeStart && second > timeStop) return BREAK
        if (contiguous && second <= timeStop) stamp -= DAY
      }
      const day = Math.floor(stamp / DAY)
      // The first of January 1970 was a Thursday.
      if ((weekdays >> (((day + 3) % 7) + 1)) & 1) {
        return everyMonthday || (monthdays >> monthdayOf(day)) & 1 ? CONTINUE : BREAK
      }
      return BREAK
    },
  }
}

/** The bits of the days asked for. */
function daysOf(days: TimeMatch['weekdays'], last: number): number {
  let all = 0
  for (let day = 1; day <= last; day++) all |= 1 << day
  if (days === undefined) return all
  const asked = days.any.reduce((bits, day) => bits | (1 << day), 0)
  return days.invert ? asked ^ all : asked
}

/** The day of the month of a day since 1970, in whole numbers (Hinnant, "chrono-compatible low-level date algorithms"). */
function monthdayOf(day: number): number {
  const shifted = day + 719468
  const dayOfEra = shifted % 146097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) /
      365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const month = Math.floor((5 * dayOfYear + 2) / 153)
  return dayOfYear - Math.floor((153 * month + 2) / 5) + 1
}

/** Seconds that the clock's time zone is ahead of UTC at its origin: the kernel's zone knows no summer time. */
export function offsetOf({ origin, timeZone }: Clock): number {
  const at = Number(origin / 1_000_000n)
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at)
  const part = (type: string) => Number(parts.find((each) => each.type === type)?.value)
  const local = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  )
  return Math.round(local / 1000) - Math.floor(at / 1000)
}
