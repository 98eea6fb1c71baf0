import type { DateDetector } from '../dates/detector.js'
import type { DateFound } from '../dates/template.js'

/** A line of a log, with what is found in it once for all who look at it. */
export class Line {
  /** Without its line feed. */
  readonly text: string
  readonly ascii: boolean
  /** Looking at it took too long once: nobody else does. */
  slow = false
  readonly #dates = new Map<DateDetector, DateFound | undefined>()
  readonly #cuts = new Map<DateDetector, string>()

  constructor(text: string) {
    this.text = text
    this.ascii = isAscii(text)
  }

  /** now: milliseconds since 1970. */
  date(detector: DateDetector, now: number): DateFound | undefined {
    if (!this.#dates.has(detector)) this.#dates.set(detector, detector.find(this.text, this.ascii, now))
    return this.#dates.get(detector)
  }

  /** The line without its date, with a line feed. */
  cut(detector: DateDetector, now: number): string {
    let cut = this.#cuts.get(detector)
    if (cut === undefined) {
      const date = this.date(detector, now)
      cut =
        date === undefined
          ? `${this.text}\n`
          : `${this.text.slice(0, date.start)}${this.text.slice(date.end)}\n`
      this.#cuts.set(detector, cut)
    }
    return cut
  }
}

// Looked at for each line: a regex of the characters that are none is faster than a loop.
const OTHER = /[^\0-\x7f]/

function isAscii(text: string): boolean {
  return !OTHER.test(text)
}
