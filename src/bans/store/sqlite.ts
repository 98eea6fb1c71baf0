import { rmdirSync, statSync } from 'node:fs'
import sqlite from 'node-sqlite3-wasm'
import { formatPrefix, parsePrefix } from '../../packet/address.js'
import type { Closed } from '../config/actions.js'
import type { Place } from '../follow/stream.js'
import { type Ban, type BanKey, keyOf } from '../table/ban.js'
import type { BanKeeper } from '../table/table.js'

/** Bans that are kept at most, and milliseconds for which one that has ended is, so that the next one is longer. */
const MOST_BANS = 200_000
const KEPT_MS = 30 * 86_400_000
/** Milliseconds that changes are collected for, and after which one tries again when it failed. */
const COLLECT_MS = 50
const RETRY_MS = 5000
/** Milliseconds after which whoever locked the file is dead: nobody writes for so long. */
const STALE_MS = 10_000

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS bans (
    source TEXT NOT NULL, jail TEXT NOT NULL, since REAL NOT NULL, until REAL NOT NULL, times INTEGER NOT NULL,
    lines TEXT NOT NULL, closed TEXT NOT NULL, PRIMARY KEY (source, jail)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS bans_until ON bans (until);
  CREATE TABLE IF NOT EXISTS logs (path TEXT PRIMARY KEY, place TEXT NOT NULL) WITHOUT ROWID;
`

/** Where one was in a log: in a file, or in systemd's journal. */
export type LogPlace = Place | { readonly cursor: string }

/** Keeps places in logs, by their paths or names. */
export interface LogPlaces {
  place(path: string): LogPlace | undefined
  keepPlace(path: string, place: LogPlace): void
}

/** Places that are kept at most. */
const MOST_PLACES = 10_000

/** What was kept. */
export interface Kept {
  /** Bans in force. */
  readonly bans: readonly Ban[]
  /** Bans that have ended. */
  readonly ended: readonly Ban[]
}

/** A row of the table of bans: its columns in their order. JSON has no infinity: null stands for it. */
type Row = readonly [string, string, number, number | null, number, string, string]

const PAGE_ROWS = 5000
const PAGE = `
  SELECT json_group_array(json_array(source, jail, since, iif(until = 9e999, NULL, until), times, lines, closed)) AS page
  FROM (SELECT * FROM bans WHERE (source, jail) > (?, ?) ORDER BY source, jail LIMIT ?)
`

/**
 * Keeps bans, and places in logs, in a file of SQLite. Changes are written a moment later, all at once; what cannot be
 * written is said once, kept in mind and tried again: bans in force never depend on it.
 */
export class BanStore implements BanKeeper {
  readonly #path: string
  readonly #report: (problem: string) => void
  #database: sqlite.Database | undefined
  /** Bans that are not written yet, to be kept or removed. */
  readonly #dirty = new Map<BanKey, { ban: Ban; kept: boolean }>()
  readonly #places = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined
  #failing = false

  constructor(path: string, report: (problem: string) => void) {
    this.#path = path
    this.#report = report
  }

  /** Whether what is kept is behind what is in force because it cannot be written. */
  get failing(): boolean {
    return this.#failing
  }

  /** Reads what was kept; nothing if it cannot be read, which is reported. now: milliseconds since 1970. */
  load(now: number): Kept {
    try {
      const bans: Ban[] = []
      let rows: readonly Row[]
      let last: readonly [string, string] = ['', '']
      do {
        // Rows as one text of JSON are read several times faster than one by one.
        const page = this.#open().get(PAGE, [...last, PAGE_ROWS]) as { readonly page: string }
        rows = JSON.parse(page.page) as Row[]
        for (const row of rows) {
          last = [row[0], row[1]]
          const ban = banOf(row)
          if (ban !== undefined) bans.push(ban)
        }
      } while (rows.length === PAGE_ROWS && bans.length < MOST_BANS)
      return {
        bans: bans.filter(({ until }) => until > now),
        ended: bans.filter(({ until }) => until <= now),
      }
    } catch (error) {
      this.#failed('read', error)
      return { bans: [], ended: [] }
    }
  }

  /** Where one was in logs; nothing if it cannot be read. */
  places(): ReadonlyMap<string, LogPlace> {
    try {
      const rows = this.#open().all('SELECT path, place FROM logs LIMIT ?', [MOST_PLACES]) as unknown as {
        readonly path: string
        readonly place: string
      }[]
      return new Map(rows.map(({ path, place }) => [path, JSON.parse(place) as LogPlace]))
    } catch {
      return new Map()
    }
  }

  keepPlace(path: string, place: LogPlace): void {
    this.#places.set(path, JSON.stringify(place))
    this.#schedule(COLLECT_MS)
  }

  keep(bans: readonly Ban[]): void {
    for (const ban of bans) this.#dirty.set(keyOf(ban), { ban, kept: true })
    this.#schedule(COLLECT_MS)
  }

  drop(bans: readonly Ban[]): void {
    for (const ban of bans) this.#dirty.set(keyOf(ban), { ban, kept: false })
    this.#schedule(COLLECT_MS)
  }

  /** Writes what is not written yet; false if that fails, which is reported. now: milliseconds since 1970. */
  flush(now: number): boolean {
    clearTimeout(this.#timer)
    this.#timer = undefined
    try {
      this.#write(now)
      const failed = this.#failing
      this.#failing = false
      if (failed) this.#report(`${this.#path} can be written again: all bans are kept`)
      return true
    } catch (error) {
      this.#failed('written', error)
      this.#schedule(RETRY_MS)
      return false
    }
  }

  close(now: number): void {
    this.flush(now)
    clearTimeout(this.#timer)
    this.release()
  }

  /** Closes the file, so that others may write; it is opened again when it is needed. */
  release(): void {
    this.#database?.close()
    this.#database = undefined
  }

  #open(): sqlite.Database {
    if (this.#database?.isOpen) return this.#database
    this.#clearLock()
    const database = new sqlite.Database(this.#path)
    try {
      database.exec(SCHEMA)
    } catch (error) {
      database.close()
      throw error
    }
    this.#database = database
    return database
  }

  /** The library locks by making a folder, which stays behind when a process is killed. */
  #clearLock(): void {
    const lock = `${this.#path}.lock`
    const made = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (made !== undefined && Date.now() - made > STALE_MS) rmdirSync(lock)
  }

  #write(now: number): void {
    const database = this.#open()
    database.exec('BEGIN IMMEDIATE')
    try {
      this.#writeBans(database)
      for (const [path, place] of this.#places)
        database.run('INSERT OR REPLACE INTO logs VALUES (?, ?)', [path, place])
      database.run('DELETE FROM bans WHERE until < ?', [now - KEPT_MS])
      database.run(
        'DELETE FROM bans WHERE (source, jail) IN (SELECT source, jail FROM bans ORDER BY until LIMIT max(0, (SELECT count(*) FROM bans) - ?))',
        [MOST_BANS],
      )
      database.exec('COMMIT')
    } catch (error) {
      if (database.inTransaction) database.exec('ROLLBACK')
      throw error
    }
    this.#dirty.clear()
    this.#places.clear()
  }

  #writeBans(database: sqlite.Database): void {
    const insert = database.prepare('INSERT OR REPLACE INTO bans VALUES (?, ?, ?, ?, ?, ?, ?)')
    const remove = database.prepare('DELETE FROM bans WHERE source = ? AND jail = ?')
    try {
      for (const { ban, kept } of this.#dirty.values()) {
        const { since, until, times, lines, closed, jail } = ban
        const source = formatPrefix(ban.source)
        if (kept)
          insert.run([source, jail, since, until, times, JSON.stringify(lines), JSON.stringify(closed)])
        else remove.run([source, jail])
      }
    } finally {
      insert.finalize()
      remove.finalize()
    }
  }

  #schedule(after: number): void {
    this.#timer ??= setTimeout(() => this.flush(Date.now()), after).unref()
  }

  #failed(what: string, error: unknown): void {
    const told = this.#failing
    this.#failing = true
    if (!told)
      this.#report(
        `${this.#path} cannot be ${what}: ${(error as Error).message}; bans stay in force, but a restart would lose them`,
      )
    // A database that is broken is opened anew the next time.
    try {
      this.#database?.close()
    } catch {
      // It cannot even be closed.
    }
    this.#database = undefined
  }
}

/** Undefined if the row is not one of ours. */
function banOf([text, jail, since, until, times, lines, closed]: Row): Ban | undefined {
  const source = parsePrefix(text)
  if (source === undefined) return undefined
  try {
    return {
      source,
      jail,
      since,
      until: until ?? Number.POSITIVE_INFINITY,
      times,
      lines: JSON.parse(lines) as string[],
      closed: JSON.parse(closed) as Closed,
    }
  } catch {
    return undefined
  }
}
