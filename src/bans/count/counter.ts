import { LRUCache } from 'lru-cache'

/** How failures are counted. */
export interface CountOptions {
  /** Failures that ban. */
  readonly maxRetry: number
  /** Milliseconds in which they have to happen. */
  readonly findTime: number
  readonly counting: 'exact' | 'fail2ban'
  /** Sources that are remembered, at most. */
  readonly sources?: number
}

/** Too many failures of one source. */
export interface Reached {
  readonly failures: number
  /** The last lines that told of them. */
  readonly lines: readonly string[]
}

const SOURCES = 65_536
/** Lines that are kept of a source, characters of a line, and characters over all sources. */
const LINES = 5
const LINE_LENGTH = 256
const MOST_CHARACTERS = 2 ** 22

interface Source {
  readonly tally: Tally
  readonly lines: string[]
  last: number
}

/** What is remembered of one source. Times are milliseconds. */
interface Tally {
  /** Counts a failure; how many there have been, as far as it matters. */
  add(time: number): number
}

/**
 * Counts the failures of sources. The tables are bounded: sources with one failure have one of their own, so that ever
 * new ones displace each other and not those who come again; in each, who has been quiet the longest gives way.
 */
export class Counter {
  readonly #options: CountOptions
  readonly #once: LRUCache<string, Source>
  readonly #more: LRUCache<string, Source>
  #characters = 0
  /** Sources that had to give way before their time. */
  displaced = 0

  constructor(options: CountOptions) {
    this.#options = options
    const max = Math.max(1, (options.sources ?? SOURCES) >> 1)
    const dispose = (source: Source, _: string, reason: LRUCache.DisposeReason) => {
      if (reason !== 'evict') return
      this.#characters -= charactersOf(source)
      this.displaced++
    }
    this.#once = new LRUCache({ max, dispose })
    this.#more = new LRUCache({ max, dispose })
  }

  /** Sources remembered. */
  get size(): number {
    return this.#once.size + this.#more.size
  }

  /** Counts a failure of a source at a time; says so if it was one too many, and forgets the source then. */
  add(key: string, time: number, line: string): Reached | undefined {
    this.#expire(this.#once, time)
    this.#expire(this.#more, time)
    const known = this.#once.get(key) ?? this.#more.get(key)
    const source = known ?? { tally: this.#tally(), lines: [], last: time }
    source.last = Math.max(source.last, time)
    const failures = source.tally.add(time)
    if (known !== undefined) this.#once.delete(key)
    if (failures >= this.#options.maxRetry) {
      this.#more.delete(key)
      this.#characters -= charactersOf(source)
      return { failures, lines: [...source.lines, excerpt(line)].slice(-LINES) }
    }
    this.#keep(source, line)
    const table = known === undefined ? this.#once : this.#more
    table.set(key, source)
    return undefined
  }

  #tally(): Tally {
    const { counting, maxRetry, findTime } = this.#options
    return counting === 'exact' ? new Window(maxRetry, findTime) : new Estimate(findTime)
  }

  /** Forgets the quietest of a table, some at a time. */
  #expire(table: LRUCache<string, Source>, now: number): void {
    for (let looked = 0; looked < 2; looked++) {
      const key = table.rkeys().next().value
      const source = key === undefined ? undefined : table.peek(key)
      if (source === undefined || source.last >= now - this.#options.findTime) return
      this.#characters -= charactersOf(source)
      table.delete(key!)
    }
  }

  #keep(source: Source, line: string): void {
    if (this.#characters > MOST_CHARACTERS) return
    const text = excerpt(line)
    source.lines.push(text)
    this.#characters += text.length
    if (source.lines.length > LINES) this.#characters -= source.lines.shift()!.length
  }
}

function charactersOf({ lines }: Source): number {
  return lines.reduce((sum, { length }) => sum + length, 0)
}

/** The start of a line as a text of its own: a slice would keep the whole line in memory. */
function excerpt(line: string): string {
  return Buffer.from(line.slice(0, LINE_LENGTH)).toString()
}

/** Exact: bans when the last failures, as many as ban, lie within the time, in whatever order they came. */
class Window implements Tally {
  readonly #most: number
  readonly #span: number
  /** In their order. */
  readonly #times: number[] = []

  constructor(most: number, span: number) {
    this.#most = most
    this.#span = span
  }

  add(time: number): number {
    const times = this.#times
    let at = times.length
    while (at > 0 && times[at - 1]! > time) at--
    times.splice(at, 0, time)
    const latest = times.at(-1)!
    while (times.length > this.#most || times[0]! < latest - this.#span) times.shift()
    return times.length
  }
}

/** As fail2ban estimates it: the rate of what lies too far back goes on as if it had come evenly. */
class Estimate implements Tally {
  readonly #span: number
  #first: number | undefined
  #count = 0

  constructor(span: number) {
    this.#span = span
  }

  add(time: number): number {
    this.#first ??= time
    if (this.#first < time - this.#span) {
      this.#count = roundHalfToEven((this.#count / (time - this.#first)) * this.#span)
      this.#first = time - this.#span
    }
    return ++this.#count
  }
}

/** As Python rounds. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value)
  if (value - floor !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
