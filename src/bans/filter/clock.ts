import type { DateFound } from '../dates/template.js'

/** Milliseconds that the time of a live line may be off, and for which a line without a date takes the last. */
const TOLERANCE = 60_000

/**
 * What the time of a line is taken from. `live`: lines that have just been written, `catchUp`: those that stood in a
 * log at the start, `replay`: a log of any time, as it stands.
 */
export type Reading = 'live' | 'catchUp' | 'replay'

/** Tells the times of a log's lines. */
export class LineClock {
  readonly #findTime: number
  #last: number | undefined
  /** Live lines whose date was far off, so that they counted as just written. */
  odd = 0

  /** findTime: milliseconds. */
  constructor(findTime: number) {
    this.#findTime = findTime
  }

  /** Milliseconds since 1970; undefined if the line is too old, or of no time, and does not count. */
  timeOf(date: DateFound | undefined, now: number, reading: Reading): number | undefined {
    const time = this.#said(date, now, reading)
    if (time === undefined) return undefined
    if (reading === 'replay') return time
    if (reading === 'live' && Math.abs(time - now) > TOLERANCE) {
      this.odd++
      this.#last = now
      return now
    }
    if (reading === 'catchUp' && time < now - this.#findTime) return undefined
    return Math.min(time, now)
  }

  #said(date: DateFound | undefined, now: number, reading: Reading): number | undefined {
    if (date?.time !== undefined) {
      this.#last = date.time
      return date.time
    }
    const fresh = this.#last !== undefined && (reading === 'replay' || this.#last > now - TOLERANCE)
    if (fresh) return this.#last
    const empty = date !== undefined && date.start === date.end
    return reading === 'live' || empty ? now : undefined
  }
}
