import type { Jail } from './config/jail.js'
import { Filter } from './filter/filter.js'
import { Follower } from './follow/follower.js'
import { expandPath } from './follow/glob.js'
import { JournalFollower } from './follow/journal.js'
import { JailKeeper } from './keeper.js'
import type { Problem } from './problem.js'
import { Resolver } from './resolver.js'
import { LogScanner } from './scan/scanner.js'
import type { LogPlaces } from './store/sqlite.js'
import type { Ban } from './table/ban.js'
import type { BanRequest, BanTable } from './table/table.js'

/** Milliseconds between looks for logs that are new, and for bans that end; and between notes of where we are. */
const NEW_LOGS_MS = 10_000
const EXPIRE_MS = 100
const PLACES_MS = 1000

export interface JailWatchOptions {
  readonly jails: readonly Jail[]
  readonly table: BanTable
  /** Where places in logs are kept. */
  readonly store?: LogPlaces
  /** Milliseconds since 1970. */
  readonly clock?: () => number
  readonly resolver?: Resolver
  /** Something is wrong that no place in a file explains: a log is missing, a database is broken. */
  readonly report: (problem: string) => void
  /** Bans that jails made, and those that jails that only log would have made. */
  readonly banned?: (bans: readonly Ban[], wouldBe: readonly BanRequest[]) => void
}

/** What a jail is doing. */
export interface JailStatus {
  readonly name: string
  /** Logs that it reads; the journal is one. */
  readonly logs: readonly string[]
  readonly lines: number
  readonly failures: number
  /** Failures of those who are never banned. */
  readonly ignored: number
  readonly bans: number
  /** Sources that have failed and are not banned. */
  readonly sources: number
  /** Lines that were too long, or took too long. */
  readonly passedOver: number
}

interface Log {
  readonly follower: Follower | JournalFollower
  readonly scanner: LogScanner
  /** Indexes of the jails that read it. */
  readonly jails: readonly number[]
}

/** Watches logs for jails: from lines to bans. A jail that cannot be run is told, and the others run. */
export class JailWatch {
  /** What was wrong in filters. */
  readonly problems: Problem[] = []
  readonly #options: JailWatchOptions
  readonly #keepers: readonly JailKeeper[]
  readonly #filters: readonly (Filter | undefined)[]
  readonly #logs = new Map<string, Log>()
  readonly #timers: readonly NodeJS.Timeout[]
  readonly #clock: () => number
  /** Places as they were kept last: the disk is left alone while nothing is written to logs. */
  readonly #places = new Map<string, string>()
  #started = false

  constructor(options: JailWatchOptions) {
    this.#options = options
    this.#clock = options.clock ?? Date.now
    const resolver = options.resolver ?? new Resolver()
    this.#keepers = options.jails.map((jail) => new JailKeeper(jail, resolver))
    this.#filters = options.jails.map(({ filter, useDns, zone }) =>
      Filter.compile(filter, { names: useDns === 'yes', zone }, this.problems),
    )
    this.#openLogs()
    this.#openJournals()
    this.#started = true
    this.#timers = [
      setInterval(() => this.#openLogs(), NEW_LOGS_MS),
      setInterval(() => options.table.expire(this.#clock()), EXPIRE_MS),
      setInterval(() => this.#keepPlaces(), PLACES_MS),
    ]
  }

  status(): readonly JailStatus[] {
    return this.#keepers.map((keeper, index) => {
      const logs = [...this.#logs].filter(([, { jails }]) => jails.includes(index))
      const sum = (of: (log: Log) => number) => logs.reduce((total, [, log]) => total + of(log), 0)
      return {
        name: keeper.jail.name,
        logs: logs.map(([name]) => name),
        lines: sum(({ scanner }) => scanner.lines),
        failures: keeper.failures,
        ignored: keeper.ignored,
        bans: keeper.bans,
        sources: keeper.sources,
        passedOver: sum(({ scanner, follower }) => {
          const long = follower instanceof Follower ? follower.longLines : follower.longEntries
          return scanner.passedOver.long + scanner.passedOver.slow + long
        }),
      }
    })
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#keepPlaces()
    for (const { follower } of this.#logs.values()) follower.close()
  }

  /** Opens the logs that are not open yet. What appears after the start is new, all of it. */
  #openLogs(): void {
    const readers = new Map<string, number[]>()
    for (const [index, { logs, journal }] of this.#options.jails.entries()) {
      if (this.#filters[index] === undefined || journal !== undefined) continue
      const paths = new Set(logs.flatMap(({ pattern }) => expandPath(pattern)))
      if (paths.size === 0 && !this.#started)
        this.#options.report(
          `jail ${this.#options.jails[index]!.name}: there is no log ${logs.map(({ pattern }) => pattern).join(', ')} yet`,
        )
      for (const path of paths) readers.set(path, [...(readers.get(path) ?? []), index])
    }
    for (const [path, jails] of readers) if (!this.#logs.has(path)) this.#openLog(path, jails)
  }

  #openLog(path: string, jails: readonly number[]): void {
    const { encoding, logs } = this.#options.jails[jails[0]!]!
    const scanner = this.#scanner(
      jails,
      encoding === 'utf-16le' || encoding === 'utf-16be' ? 'utf-8' : encoding,
    )
    const kept = this.#options.store?.place(path)
    const follower = new Follower(path, {
      tail: logs.some(({ pattern, tail }) => tail && expandPath(pattern).includes(path)),
      encoding,
      place: kept !== undefined && 'position' in kept ? kept : undefined,
      live: this.#started,
      take: (lines, reading) => this.#scan(scanner, jails, lines, reading),
      report: this.#options.report,
    })
    this.#logs.set(path, { follower, scanner, jails })
  }

  /** A journal of its own for each jail, as their matches differ. */
  #openJournals(): void {
    for (const [index, { name, journal }] of this.#options.jails.entries()) {
      if (journal === undefined || this.#filters[index] === undefined) continue
      const scanner = this.#scanner([index], 'utf-8')
      const kept = this.#options.store?.place(journalOf(name))
      const follower = new JournalFollower({
        matches: journal,
        cursor: kept !== undefined && 'cursor' in kept ? kept.cursor : undefined,
        take: (lines) => this.#scan(scanner, [index], lines, 'live'),
        report: (problem) => this.#options.report(`jail ${name}: ${problem}`),
      })
      this.#logs.set(journalOf(name), { follower, scanner, jails: [index] })
    }
  }

  #scanner(jails: readonly number[], encoding: string): LogScanner {
    const watching = jails.map((index) => ({
      filter: this.#filters[index]!,
      findTime: this.#options.jails[index]!.findTime,
    }))
    return new LogScanner(watching, encoding)
  }

  #scan(
    scanner: LogScanner,
    jails: readonly number[],
    lines: Buffer,
    reading: 'live' | 'catchUp' | 'replay',
  ): void {
    const now = this.#clock()
    const requests: BanRequest[] = []
    let collecting = true
    const ask = (request: BanRequest) => {
      if (collecting) requests.push(request)
      // A name's address comes later.
      else this.#ban([request])
    }
    scanner.scan(lines, reading, now, (watcher, failure) =>
      this.#keepers[jails[watcher]!]!.take(failure, now, ask),
    )
    collecting = false
    if (requests.length > 0) this.#ban(requests)
  }

  #ban(requests: readonly BanRequest[]): void {
    const dry = new Set(this.#options.jails.filter(({ dryRun }) => dryRun).map(({ name }) => name))
    const real = requests.filter(({ jail }) => !dry.has(jail))
    const bans = this.#options.table.ban(real, this.#clock())
    this.#options.banned?.(
      bans,
      requests.filter(({ jail }) => dry.has(jail)),
    )
  }

  #keepPlaces(): void {
    for (const [path, { follower }] of this.#logs) {
      const place = follower instanceof Follower ? follower.place : placeIn(follower)
      const text = JSON.stringify(place)
      if (place === undefined || this.#places.get(path) === text) continue
      this.#places.set(path, text)
      this.#options.store?.keepPlace(path, place)
    }
  }
}

/** What a jail's journal is called among the logs. */
function journalOf(jail: string): string {
  return `journal of ${jail}`
}

function placeIn({ cursor }: JournalFollower): { readonly cursor: string } | undefined {
  return cursor === undefined ? undefined : { cursor }
}
