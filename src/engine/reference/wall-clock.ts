import type { Clock } from '../environment.js'

/** What a clock on the wall shows. */
export interface WallTime {
  /** Nanoseconds since 1970 as that clock counts them. */
  readonly nanoseconds: bigint
  /** From Sunday: 0. */
  readonly day: bigint
  /** Since midnight. */
  readonly second: bigint
}

const SECOND = 1_000_000_000n
const MILLISECOND = 1_000_000n
const DAY = 86_400n
/** 1970 began on a Thursday. */
const FIRST_DAY = 4n

/** Turns times of packets into times of a zone. */
export class WallClock {
  readonly #clock: Clock
  readonly #format: Intl.DateTimeFormat

  /** Throws RangeError if there is no such time zone. */
  constructor(clock: Clock) {
    this.#clock = clock
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: clock.timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  }

  /** Time: nanoseconds from the clock's origin on. */
  at(time: bigint): WallTime {
    const universal = this.#clock.origin + time
    const parts = this.#format.formatToParts(Number(universal / MILLISECOND))
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (
      ['year', 'month', 'day', 'hour', 'minute', 'second'] as const
    ).map((type) => Number(parts.find((part) => part.type === type)!.value))
    const seconds = BigInt(Date.UTC(year, month - 1, day, hour, minute, second) / 1000)
    return {
      nanoseconds: seconds * SECOND + (universal % SECOND),
      day: (seconds / DAY + FIRST_DAY) % 7n,
      second: seconds % DAY,
    }
  }
}
