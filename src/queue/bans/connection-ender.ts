import type { NetfilterSocket } from 'node-netfilter-queue'
import type { Ban, BanSink } from '../../bans/table/ban.js'
import { endConnections } from './connections.js'

/** A look at all connections is followed by a pause this many times as long: logs are read in it. */
const PAUSE = 10

/** Ends the connections of whoever is banned: a moment after the kernel refuses their packets, for many bans at once. */
export class ConnectionEnder implements BanSink {
  readonly #socket: NetfilterSocket
  readonly #report: (problem: string) => void
  #banned: Ban[] = []
  #timer: NodeJS.Timeout | undefined
  #pausedUntil = 0
  #failing = false
  /** Connections that were ended. */
  ended = 0

  constructor(socket: NetfilterSocket, report: (problem: string) => void) {
    this.#socket = socket
    this.#report = report
  }

  ban(bans: readonly Ban[]): void {
    for (const ban of bans) this.#banned.push(ban)
    const pause = Math.max(0, this.#pausedUntil - performance.now())
    this.#timer ??= setTimeout(() => this.#end(), pause)
  }

  /** Who is let in again opens a new connection. */
  unban(): void {}

  close(): void {
    clearTimeout(this.#timer)
  }

  #end(): void {
    this.#timer = undefined
    const bans = this.#banned
    this.#banned = []
    const start = performance.now()
    try {
      this.ended += endConnections(this.#socket, bans)
      this.#failing = false
    } catch (error) {
      if (!this.#failing)
        this.#report(
          `connections of banned sources stay in the kernel's table, though none of their packets pass: ${(error as Error).message}`,
        )
      this.#failing = true
    }
    const end = performance.now()
    this.#pausedUntil = end + PAUSE * (end - start)
  }
}
