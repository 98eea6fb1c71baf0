import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Reading } from '../filter/clock.js'
import { encodingOf } from './encoding.js'
import { LogStream, type Place } from './stream.js'

/** Milliseconds after which a file is looked at though nothing told of it; and for which one that was renamed is read on. */
const POLL_MS = 1000
const RENAMED_MS = 10_000
/** Chunks that are read in one turn, so that others get theirs: theirs may be the line that bans. */
const CHUNKS_A_TURN = 2

export interface FollowOptions {
  /** What stands in the file already is passed over. */
  readonly tail: boolean
  /** A label of TextDecoder. */
  readonly encoding: string
  /** Where we were when we last read it. */
  readonly place?: Place | undefined
  /** The file has just appeared: all that stands in it is new. */
  readonly live?: boolean
  /** Takes whole lines; they are valid during the call only. */
  readonly take: (lines: Buffer, reading: Reading) => void
  /** Something is wrong: the file is not there, or cannot be read. Said once until it is right again. */
  readonly report: (problem: string) => void
}

/**
 * Follows a log by its path: what is written to the file that is there, and to the one before it for a while. Events
 * of the file system tell when to read; a look each second stands behind them, as some file systems tell nothing.
 */
export class Follower {
  readonly path: string
  readonly #options: FollowOptions
  #current: LogStream | undefined
  /** Streams of files that are no longer there by that name, and until when they are read. */
  #former: { stream: LogStream; until: number }[] = []
  #watchers: FSWatcher[] = []
  readonly #timer: NodeJS.Timeout
  #scheduled = false
  #closed = false
  #started = false
  #reported = false
  #reading: Reading = 'catchUp'
  #longLines = 0
  #truncations = 0

  constructor(path: string, options: FollowOptions) {
    this.path = path
    this.#options = options
    this.#started = options.live === true
    this.#watch()
    this.#timer = setInterval(() => this.#look(), POLL_MS)
    this.#look()
  }

  /** Where we are; undefined if there is no file. */
  get place(): Place | undefined {
    return this.#current?.place
  }

  /** Lines that were too long to be read. */
  get longLines(): number {
    return this.#streams().reduce((sum, { longLines }) => sum + longLines, this.#longLines)
  }

  /** Times that the file was truncated. */
  get truncations(): number {
    return this.#streams().reduce((sum, { truncations }) => sum + truncations, this.#truncations)
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
    for (const watcher of this.#watchers) watcher.close()
    for (const stream of this.#streams()) stream.close()
    this.#current = undefined
    this.#former = []
  }

  #streams(): LogStream[] {
    return [
      ...this.#former.map(({ stream }) => stream),
      ...(this.#current === undefined ? [] : [this.#current]),
    ]
  }

  /** Watches the folder, for files that come and go, and the file, which may be elsewhere by a link. */
  #watch(): void {
    for (const watcher of this.#watchers) watcher.close()
    this.#watchers = []
    const name = basename(this.path)
    for (const path of [dirname(this.path), this.path]) {
      try {
        const watcher = watch(path, { persistent: false }, (_, changed) => {
          if (path === this.path || changed === null || changed === name) this.#schedule()
        })
        this.#watchers.push(watcher.on('error', () => {}))
      } catch {
        // Not there, or not to be watched: the look each second finds it.
      }
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (!this.#closed) this.#look()
    })
  }

  #look(): void {
    try {
      this.#reopen()
      this.#read()
      if (this.#current !== undefined) this.#reported = false
    } catch (error) {
      this.#report((error as Error).message)
    }
  }

  #report(problem: string): void {
    if (!this.#reported) this.#options.report(`${this.path}: ${problem}`)
    this.#reported = true
  }

  /** Opens the file that the path names now, if it is another. */
  #reopen(): void {
    const status = statSync(this.path, { bigint: true, throwIfNoEntry: false })
    const current = this.#current
    const gone =
      status === undefined ||
      (current !== undefined && (status.ino !== current.inode || status.dev !== current.device))
    if (current !== undefined && gone) {
      this.#former.push({ stream: current, until: Date.now() + RENAMED_MS })
      this.#current = undefined
    }
    if (this.#current === undefined && status !== undefined && !status.isFile()) {
      this.#report('this is no file')
    } else if (this.#current === undefined && status !== undefined) {
      this.#current = this.#open()
      this.#watch()
    } else if (status === undefined) {
      this.#report('there is no such file yet')
    }
    this.#started = true
    this.#retire()
  }

  #open(): LogStream {
    const stream = new LogStream(this.path, encodingOf(this.#options.encoding))
    const { place, tail } = this.#options
    // What comes after the start is new, all of it.
    if (this.#started) this.#reading = 'live'
    else if (place !== undefined && stream.resume(place)) return stream
    else if (tail) stream.toEnd()
    return stream
  }

  #retire(): void {
    const now = Date.now()
    for (const { stream, until } of this.#former) {
      if (until > now) continue
      this.#longLines += stream.longLines
      this.#truncations += stream.truncations
      stream.close()
    }
    this.#former = this.#former.filter(({ until }) => until > now)
  }

  #read(): void {
    for (const stream of this.#streams()) {
      let chunks = 0
      while (stream.read((lines) => this.#options.take(lines, this.#reading))) {
        if (++chunks < CHUNKS_A_TURN) continue
        this.#schedule()
        return
      }
    }
    // All that stood there has been read.
    if (this.#current !== undefined) this.#reading = 'live'
  }
}
