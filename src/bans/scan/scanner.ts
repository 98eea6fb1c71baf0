import type { DateDetector } from '../dates/detector.js'
import { LineClock, type Reading } from '../filter/clock.js'
import { type Failure, FailureFinder } from '../filter/failures.js'
import type { Filter, Hit } from '../filter/filter.js'
import { Line } from '../filter/line.js'
import { LONGEST_LINE } from '../limits.js'
import { Guard } from '../regex/guard.js'
import { type Candidate, Prefilter } from './prefilter.js'

/** Lines before one without a date that are looked at for one. */
const LOOK_BACK = 8
const LINE_FEED = 10

/** A filter that looks at a log. */
export interface Watching {
  readonly filter: Filter
  /** Milliseconds. */
  readonly findTime: number
}

/** What one of those who watch keeps of the log. */
interface Watcher {
  readonly filter: Filter
  readonly finder: FailureFinder
  readonly clock: LineClock
  readonly detector: DateDetector
  /** Characters of its longest literal: so far one reaches to either side of a date. */
  readonly reach: number
}

/** A line that one filter has to look at. */
interface Task {
  readonly line: Line
  readonly watcher: number
  readonly partOnly: boolean
  readonly candidate: Candidate
  hit: Hit | undefined
}

export type FailureFound = (watcher: number, failure: Failure) => void

/** Looks at the lines of one log for several filters. */
export class LogScanner {
  readonly #watchers: readonly Watcher[]
  readonly #prefilter: Prefilter
  readonly #guard: Guard
  readonly #decode: (bytes: Uint8Array) => string
  /** Lines that were too long, and lines that took too long to look at: they count for nobody. */
  readonly passedOver = { long: 0, slow: 0 }
  lines = 0
  #preparedForAny = false

  /** encoding: a label of TextDecoder, of an encoding that has ASCII in it. */
  constructor(watching: readonly Watching[], encoding = 'utf-8', guard = new Guard()) {
    const detectors = new Map<string, DateDetector>()
    this.#watchers = watching.map(({ filter, findTime }) => {
      const key = JSON.stringify([filter.datePatterns, filter.zone ?? null])
      const detector = detectors.get(key) ?? filter.detector()
      detectors.set(key, detector)
      const reach = Math.max(0, ...(filter.literals ?? []).map(({ length }) => length))
      return { filter, finder: new FailureFinder(filter), clock: new LineClock(findTime), detector, reach }
    })
    this.#prefilter = new Prefilter(watching.map(({ filter }) => filter.literals))
    this.#guard = guard
    this.#prepare(true)
    const decoder = new TextDecoder(encoding)
    this.#decode =
      encoding === 'utf-8'
        ? (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
        : (bytes) => decoder.decode(bytes)
  }

  /** Live lines whose dates were far off, so that they counted as just written. */
  get odd(): number {
    return this.#watchers.reduce((sum, { clock }) => sum + clock.odd, 0)
  }

  /**
   * Looks at a chunk of whole lines, each with its line feed. now: milliseconds since 1970. What is found is said line
   * by line.
   */
  scan(chunk: Uint8Array, reading: Reading, now: number, found: FailureFound): void {
    const tasks: Task[] = []
    const several: Task[][] = this.#watchers.map(() => [])
    this.lines += this.#prefilter.scan(chunk, (candidate) => {
      if (candidate.end - candidate.start > LONGEST_LINE) {
        this.passedOver.long++
        return
      }
      const line = this.#line(chunk, candidate.start, candidate.end)
      for (const hit of candidate.hits) {
        const watcher = hit >> 1
        const partOnly = (hit & 1) === 1
        if (partOnly && candidate.hits.includes(hit - 1)) continue
        const into = this.#watchers[watcher]!.filter.maxLines > 1 ? several[watcher]! : tasks
        into.push({ line, watcher, partOnly, candidate, hit: undefined })
      }
    })
    this.#matchAll(tasks, now)
    for (const { line, watcher, hit, candidate } of tasks) {
      if (hit === undefined) continue
      const { clock, detector, finder } = this.#watchers[watcher]!
      const date = line.date(detector, now)
      if (date?.time === undefined && reading !== 'live')
        this.#lookBack(chunk, candidate.start, watcher, now, reading)
      const time = clock.timeOf(date, now, reading)
      const failure = time === undefined ? undefined : finder.take(hit, time, line.text)
      if (failure !== undefined) found(watcher, failure)
    }
    for (const [watcher, { filter }] of this.#watchers.entries())
      if (filter.maxLines > 1) this.#scanSeveral(chunk, watcher, several[watcher]!, reading, now, found)
  }

  #line(chunk: Uint8Array, start: number, end: number): Line {
    const carriageReturn = end > start && chunk[end - 1] === 13
    const line = new Line(this.#decode(chunk.subarray(start, carriageReturn ? end - 1 : end)))
    if (!line.ascii && !this.#preparedForAny) {
      this.#preparedForAny = true
      this.#prepare(false)
    }
    return line
  }

  /** Compiling takes its time, which is not a line's fault. */
  #prepare(ascii: boolean): void {
    for (const { filter, detector } of this.#watchers) {
      filter.prepare(ascii)
      detector.prepare(ascii)
    }
  }

  #matchAll(tasks: readonly Task[], now: number): void {
    if (tasks.length === 0) return
    const search = (index: number) => {
      const task = tasks[index]!
      const { filter, detector } = this.#watchers[task.watcher]!
      if (task.line.slow || (task.partOnly && !this.#meetsAtDate(task, now))) return
      task.hit = filter.match(task.line.cut(detector, now), task.line.ascii)
    }
    this.#guard.each(tasks.length, search, (index) => {
      tasks[index]!.hit = undefined
      tasks[index]!.line.slow = true
      this.passedOver.slow++
    })
  }

  /** Whether a line that has part of a literal has the whole of one once its date is cut out. */
  #meetsAtDate({ line, watcher }: Task, now: number): boolean {
    const { filter, detector, reach } = this.#watchers[watcher]!
    const date = line.date(detector, now)
    if (date === undefined) return false
    const around = line.cut(detector, now).slice(Math.max(0, date.start - reach), date.start + reach)
    const lower = around.toLowerCase()
    return filter.literals!.some((literal) => lower.includes(literal))
  }

  /** Lets the clock see the dates of lines before one that has none. */
  #lookBack(chunk: Uint8Array, start: number, watcher: number, now: number, reading: Reading): void {
    const { clock, detector } = this.#watchers[watcher]!
    let end = start - 1
    for (let looked = 0; looked < LOOK_BACK && end >= 0; looked++) {
      const from = end === 0 ? 0 : chunk.lastIndexOf(LINE_FEED, end - 1) + 1
      if (end - from > LONGEST_LINE) return
      const date = this.#line(chunk, from, end).date(detector, now)
      if (date?.time !== undefined) {
        clock.timeOf(date, now, reading)
        return
      }
      end = from - 1
    }
  }

  /** The same for a filter that looks at several lines together: every line counts, in its order. */
  #scanSeveral(
    chunk: Uint8Array,
    index: number,
    tasks: readonly Task[],
    reading: Reading,
    now: number,
    found: FailureFound,
  ): void {
    const { filter, finder } = this.#watchers[index]!
    const near = new Set(tasks.map(({ candidate }) => candidate.start))
    for (let start = 0; start < chunk.length; ) {
      const end = chunk.indexOf(LINE_FEED, start)
      if (end - start > LONGEST_LINE) this.passedOver.long++
      else {
        finder.push(this.#line(chunk, start, end), filter.literals === undefined || near.has(start))
        if (finder.near) this.#matchSeveral(index, reading, now, found)
      }
      start = end + 1
    }
  }

  #matchSeveral(index: number, reading: Reading, now: number, found: FailureFound): void {
    const { filter, finder, clock, detector } = this.#watchers[index]!
    let hit: Hit | undefined
    const search = () => {
      hit = filter.match(finder.text(detector, now), finder.ascii)
    }
    this.#guard.each(1, search, () => {
      hit = undefined
      this.passedOver.slow++
    })
    if (hit === undefined) return
    const times = finder.lines.map((line) => clock.timeOf(line.date(detector, now), now, reading))
    const time = times.at(-1)
    const failure = time === undefined ? undefined : finder.take(hit, time, finder.lines.at(-1)!.text)
    finder.forget(hit, detector, now)
    if (failure !== undefined) found(index, failure)
  }
}
