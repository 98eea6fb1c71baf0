import type { Packet } from '../../packet/packet.js'
import type { Clock } from '../environment.js'

const NANOSECONDS = 1e9
const DAY = 86_400
/** Zones change their offsets at multiples of this, in seconds. */
const QUARTER = 900
/** 1970-01-01 was a Thursday: day 4 of a week that begins on Sunday. */
const FIRST_DAY = 4
const WORD = 2 ** 32

/** The time of day in a zone, by the time of packets. The offset of the zone is looked up once in a quarter of an hour. */
export class LocalTime {
  readonly #format: Intl.DateTimeFormat
  /** The origin: whole seconds since 1970 in UTC, and nanoseconds. */
  readonly #seconds: number
  readonly #nanoseconds: number
  /** [0]: the quarter whose offset is known; [1]: the offset in seconds east of Greenwich. */
  readonly #known = Float64Array.of(Number.NaN, 0)

  constructor({ origin, timeZone }: Clock) {
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
    this.#seconds = Number(origin / 1_000_000_000n)
    this.#nanoseconds = Number(origin % 1_000_000_000n)
  }

  /** Seconds since midnight. */
  hour(packet: Packet): number {
    const seconds = this.#local(packet) % DAY
    return seconds < 0 ? seconds + DAY : seconds
  }

  /** 0 is Sunday. */
  day(packet: Packet): number {
    const day = (Math.floor(this.#local(packet) / DAY) + FIRST_DAY) % 7
    return day < 0 ? day + 7 : day
  }

  /** Writes the nanoseconds since the zone's own 1970, as two words. */
  date(packet: Packet, into: Int32Array, at: number): void {
    const local = this.#local(packet)
    // Both products are exact: the first is under 2^53, the second only shifts it.
    const total = local * 1_953_125 * 512
    const high = Math.floor(total / WORD)
    const low = total - high * WORD + this.#fraction(packet)
    into[at] = low < WORD ? high : high + 1
    into[at + 1] = (low < WORD ? low : low - WORD) | 0
  }

  /** Nanoseconds behind the last whole second. */
  #fraction(packet: Packet): number {
    return (this.#nanoseconds + (packet.time[0]! % NANOSECONDS)) % NANOSECONDS
  }

  /** Whole seconds since the zone's own 1970. */
  #local(packet: Packet): number {
    const seconds = this.#seconds + Math.floor((packet.time[0]! + this.#nanoseconds) / NANOSECONDS)
    const quarter = Math.floor(seconds / QUARTER)
    if (quarter !== this.#known[0]) {
      this.#known[0] = quarter
      this.#known[1] = this.#offsetAt(seconds)
    }
    return seconds + this.#known[1]!
  }

  #offsetAt(seconds: number): number {
    const name = this.#format.formatToParts(seconds * 1000).find(({ type }) => type === 'timeZoneName')!.value
    const [, sign, hours, minutes = '0'] = /^GMT([+-])(\d+):(\d+)/.exec(name) ?? []
    if (sign === undefined) return 0
    return (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60)
  }
}
