import { LRUCache } from 'lru-cache'
import { formatPrefix, parsePrefix } from '../../packet/address.js'
import type { Closed } from '../config/actions.js'
import { type Ban, type BanKey, keyOf } from '../table/ban.js'
import type { BanKeeper, BanTable } from '../table/table.js'
import { type RedisAddress, RedisConnection, type Reply } from './resp.js'

const PREFIX = 'portcullis:ban:'
const CHANNEL = 'portcullis:bans'
/** Milliseconds between tries to connect, and between comparisons of all that is known. */
const RECONNECT_MS = 200
const COMPARE_MS = 10_000
/** Milliseconds for which it is remembered that a ban was lifted, so that a host that was cut off learns of it. */
const LIFTED_MS = 7 * 86_400_000
/** Keys that are looked at in one step, and bans that are known at most. */
const STEP = 1000
const MOST = 200_000

/** What one host says of a ban. Of what hosts say of the same one, the latest word counts. */
interface Word {
  readonly ban: Ban
  /** When it was said, in milliseconds since 1970. */
  readonly at: number
  readonly lifted: boolean
}

export interface SharedOptions {
  readonly address: RedisAddress
  readonly table: BanTable
  readonly report: (problem: string) => void
  /** Milliseconds since 1970. */
  readonly clock?: () => number
}

/**
 * Shares bans between hosts through Redis: what one host bans or lifts, all do. Each ban is a key that ends with it, and
 * each change is told on a channel. A host that was cut off compares everything when it is back, and Redis itself may
 * lose everything: each host says again what it knows. Whom a host protects it never bans, whoever says so.
 */
export class SharedBans implements BanKeeper {
  readonly #options: SharedOptions
  readonly #clock: () => number
  /** The latest word on each ban that is in force, or was lifted not long ago. */
  readonly #words = new LRUCache<BanKey, Word>({ max: MOST })
  #commands: RedisConnection | undefined
  #channel: RedisConnection | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #down = false

  constructor(options: SharedOptions) {
    this.#options = options
    this.#clock = options.clock ?? Date.now
    void this.#connect()
  }

  /** Whether Redis can be reached, and all that is known here is known there. */
  connected = false

  keep(bans: readonly Ban[]): void {
    this.#say(bans, false)
  }

  drop(bans: readonly Ban[]): void {
    this.#say(bans, true)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#commands?.close()
    this.#channel?.close()
  }

  #say(bans: readonly Ban[], lifted: boolean): void {
    const words = bans.map((ban) => ({ ban, at: this.#clock(), lifted }))
    for (const word of words) this.#know(word)
    if (this.connected) void this.#tell(words).catch(() => {})
  }

  #know(word: Word): void {
    this.#words.set(keyOf(word.ban), word)
  }

  async #connect(): Promise<void> {
    try {
      const lost = () => this.#lost(new Error('the connection to Redis was lost'))
      this.#channel = await RedisConnection.open(this.#options.address)
      this.#channel.onEnd = lost
      this.#channel.onMessage = (message) => this.#hear([message])
      await this.#channel.send('SUBSCRIBE', CHANNEL)
      this.#commands = await RedisConnection.open(this.#options.address)
      this.#commands.onEnd = lost
      await this.#compare()
      if (this.#down) this.#options.report('Redis is back: bans are shared again')
      this.#down = false
      this.connected = true
    } catch (error) {
      this.#lost(error as Error)
    }
  }

  #lost(error: Error): void {
    if (this.#closed) return
    this.connected = false
    for (const connection of [this.#commands, this.#channel]) {
      if (connection === undefined) continue
      connection.onEnd = () => {}
      connection.close()
    }
    if (!this.#down) this.#options.report(`bans are not shared: ${error.message}`)
    this.#down = true
    this.#after(RECONNECT_MS, () => this.#connect())
  }

  #after(milliseconds: number, next: () => Promise<void>): void {
    clearTimeout(this.#timer)
    if (!this.#closed) this.#timer = setTimeout(() => void next(), milliseconds)
  }

  /** Takes over what is newer there, and says what is newer here. */
  async #compare(): Promise<void> {
    const commands = this.#commands!
    const there = new Map<BanKey, number>()
    let cursor = '0'
    do {
      const [next, keys] = (await commands.send(
        'SCAN',
        cursor,
        'MATCH',
        `${PREFIX}*`,
        'COUNT',
        String(STEP),
      )) as [string, string[]]
      cursor = next
      const texts = keys.length === 0 ? [] : ((await commands.send('MGET', ...keys)) as Reply[])
      for (const { ban, at } of this.#hear(texts)) there.set(keyOf(ban), at)
    } while (cursor !== '0')
    const newer = [...this.#words]
      .filter(([key, { at }]) => at > (there.get(key) ?? 0))
      .map(([, word]) => word)
    for (let from = 0; from < newer.length; from += STEP) await this.#tell(newer.slice(from, from + STEP))
    this.#after(COMPARE_MS, async () => {
      await this.#compare().catch((error: Error) => this.#lost(error))
    })
  }

  /** Writes words down and tells the others. */
  async #tell(words: readonly Word[]): Promise<void> {
    const now = this.#clock()
    const replies: Promise<Reply>[] = []
    for (const word of words) {
      const until = word.lifted ? word.at + LIFTED_MS : word.ban.until
      if (until <= now) continue
      const text = wordText(word)
      const ends = until === Number.POSITIVE_INFINITY ? [] : ['PX', String(Math.ceil(until - now))]
      replies.push(this.#commands!.send('SET', PREFIX + keyOf(word.ban), text, ...ends))
      replies.push(this.#commands!.send('PUBLISH', CHANNEL, text))
    }
    await Promise.all(replies)
  }

  /** Takes over what others say, where it is newer. Returns all that was understood. */
  #hear(texts: readonly Reply[]): Word[] {
    const heard = texts.flatMap((text) => (typeof text === 'string' ? (wordOf(text) ?? []) : []))
    const newer = heard.filter((word) => isNewer(word, this.#words.get(keyOf(word.ban))))
    for (const word of newer) this.#know(word)
    const lifted = newer.filter((word) => word.lifted).map(({ ban }) => ban)
    // A ban that is shorter than the one that is known here takes its place: it was lifted and made anew.
    this.#options.table.withdraw(lifted)
    this.#options.table.restore(
      newer.filter((word) => !word.lifted).map(({ ban }) => ban),
      this.#clock(),
    )
    return heard
  }
}

function isNewer(word: Word, known: Word | undefined): boolean {
  if (known === undefined || word.at !== known.at) return word.at > (known?.at ?? 0)
  return !word.lifted && word.ban.until > known.ban.until
}

function wordText({ ban, at, lifted }: Word): string {
  const until = ban.until === Number.POSITIVE_INFINITY ? null : ban.until
  return JSON.stringify({ ...ban, source: formatPrefix(ban.source), until, at, lifted })
}

/** Undefined if it is no word on a ban: others may write to that Redis too. */
function wordOf(text: string): Word | undefined {
  try {
    const { source, jail, since, until, times, lines, closed, at, lifted } = JSON.parse(text) as Record<
      string,
      unknown
    >
    const prefix = parsePrefix(String(source))
    const numbers = [since, times, at, until ?? 0].every((value) => typeof value === 'number')
    if (prefix === undefined || typeof jail !== 'string' || !numbers || !Array.isArray(lines))
      return undefined
    const { ports, protocols } = closed as Partial<Closed>
    if (!Array.isArray(ports) || !Array.isArray(protocols)) return undefined
    const ban: Ban = {
      source: prefix,
      jail: jail.slice(0, 100),
      since: since as number,
      until: until === null ? Number.POSITIVE_INFINITY : (until as number),
      times: times as number,
      lines: lines.slice(0, 5).map((line) => String(line).slice(0, 256)),
      closed: { ports, protocols },
    }
    return { ban, at: at as number, lifted: lifted === true }
  } catch {
    return undefined
  }
}
