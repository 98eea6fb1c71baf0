import { LRUCache } from 'lru-cache'
import { formatPrefix, type Prefix } from '../../packet/address.js'
import type { Closed } from '../config/actions.js'
import type { Increment } from '../config/jail.js'
import { type Ban, type BanKey, type BanSink, keyOf } from './ban.js'
import { Expiry } from './expiry.js'
import type { Protected } from './protected.js'

/** Bans in force, and sources whose number of bans is remembered, at most. */
const MOST = 200_000
/** A ban doubles at most so often. */
const MOST_DOUBLINGS = 20

/** What a jail asks for. Times are milliseconds. */
export interface BanRequest {
  readonly source: Prefix
  readonly jail: string
  /** When it begins. */
  readonly since: number
  /** Infinity: for good. */
  readonly span: number
  readonly increment?: Increment | undefined
  readonly lines: readonly string[]
  readonly closed: Closed
}

/** Is told of every change that is to be kept. */
export interface BanKeeper {
  /** Bans that came or changed. */
  keep(bans: readonly Ban[]): void
  /** Bans that were lifted before their time. */
  drop(bans: readonly Ban[]): void
}

export interface BanTableOptions {
  readonly protected: Protected
  /** Whoever carries bans out. */
  readonly sinks: readonly BanSink[]
  readonly most?: number
  /** From 0 up to 1. */
  readonly random?: () => number
}

/** All bans of a host: of jails, by hand, of the limiter. Bounded: when it is full, the ban that ends soonest goes. */
export class BanTable {
  readonly #options: BanTableOptions
  readonly #most: number
  readonly #bans = new Map<BanKey, Ban>()
  readonly #expiry = new Expiry<Ban>()
  /** How often sources were banned, by each jail and by all (whose key is of no jail); the latest last. */
  readonly #ofJail: LRUCache<BanKey, number>
  readonly #ofAll: LRUCache<BanKey, number>
  readonly #keepers: BanKeeper[] = []
  /** Bans that had to go before their time, for want of room. */
  displaced = 0

  constructor(options: BanTableOptions) {
    this.#options = options
    this.#most = options.most ?? MOST
    this.#ofJail = new LRUCache({ max: this.#most })
    this.#ofAll = new LRUCache({ max: this.#most })
  }

  /** Tells another of every change from now on. */
  attach(keeper: BanKeeper): void {
    this.#keepers.push(keeper)
  }

  get size(): number {
    return this.#bans.size
  }

  /** When the next ban ends; Infinity if none does. */
  get nextEnd(): number {
    return this.#expiry.next
  }

  /** The bans in force. */
  list(): readonly Ban[] {
    return [...this.#bans.values()]
  }

  get(source: Prefix, jail: string): Ban | undefined {
    return this.#bans.get(keyOf({ source, jail }))
  }

  /**
   * Bans sources. Those that are protected are not; those that are banned for longer stay as they are. Returns the bans
   * that came or changed.
   */
  ban(requests: readonly BanRequest[], now: number): readonly Ban[] {
    const changed: Ban[] = []
    for (const request of requests) {
      if (this.#options.protected.has(request.source, request.jail)) continue
      const key = keyOf(request)
      const known = this.#bans.get(key)
      const times = known?.times ?? this.#timesOf(request) + 1
      const until = request.since + this.#spanOf(request, times)
      if (until <= now || (known !== undefined && known.until >= until)) continue
      const { source, jail, since, lines, closed } = request
      const ban = { source, jail, since: known?.since ?? since, until, times, lines, closed }
      this.#put(key, ban)
      changed.push(ban)
    }
    this.#tell(changed, [])
    for (const keeper of this.#keepers) if (changed.length > 0) keeper.keep(changed)
    return changed
  }

  /** Puts bans in force as they were kept, or as another host made them; nobody is asked to keep them. */
  restore(bans: readonly Ban[], now: number): readonly Ban[] {
    const changed: Ban[] = []
    for (const ban of bans) {
      if (ban.until <= now || this.#options.protected.has(ban.source, ban.jail)) continue
      const key = keyOf(ban)
      const known = this.#bans.get(key)
      if (known !== undefined && known.until >= ban.until) continue
      this.#put(key, ban)
      changed.push(ban)
    }
    this.#tell(changed, [])
    return changed
  }

  /** What is known of sources whose bans have ended. */
  restoreHistory(ended: readonly Ban[]): void {
    for (const ban of ended) this.#remember(keyOf(ban), ban)
  }

  /** Lifts the bans of a source, of all jails or one; of everybody without a source. Returns those that were lifted. */
  unban(source?: Prefix, jail?: string): readonly Ban[] {
    const text = source && formatPrefix(source)
    const lifted = this.list().filter(
      (ban) =>
        (text === undefined || formatPrefix(ban.source) === text) &&
        (jail === undefined || ban.jail === jail),
    )
    this.#lift(lifted)
    for (const keeper of this.#keepers) if (lifted.length > 0) keeper.drop(lifted)
    return lifted
  }

  /** Lifts bans that another host lifted; nobody is asked to keep that. */
  withdraw(bans: readonly Pick<Ban, 'source' | 'jail'>[]): void {
    this.#lift(bans.flatMap((ban) => this.#bans.get(keyOf(ban)) ?? []))
  }

  /** Lifts the bans whose time is up. */
  expire(now: number): readonly Ban[] {
    const ended: Ban[] = []
    while (this.#expiry.next <= now) {
      const ban = this.#expiry.take()!
      if (this.#bans.get(keyOf(ban)) === ban) ended.push(ban)
    }
    this.#lift(ended)
    return ended
  }

  #put(key: BanKey, ban: Ban): void {
    const known = this.#bans.has(key)
    if (!known && this.#bans.size >= this.#most) this.#displace()
    this.#bans.set(key, ban)
    this.#expiry.add(ban.until, ban)
    if (!known) this.#remember(key, ban)
  }

  #displace(): void {
    for (let ban = this.#expiry.take(); ban !== undefined; ban = this.#expiry.take()) {
      if (this.#bans.get(keyOf(ban)) !== ban) continue
      this.displaced++
      this.#lift([ban])
      return
    }
  }

  #lift(bans: readonly Ban[]): void {
    for (const ban of bans) this.#bans.delete(keyOf(ban))
    this.#tell([], bans)
  }

  #tell(banned: readonly Ban[], unbanned: readonly Ban[]): void {
    for (const sink of this.#options.sinks) {
      if (banned.length > 0) sink.ban(banned)
      if (unbanned.length > 0) sink.unban(unbanned)
    }
  }

  #remember(key: BanKey, ban: Ban): void {
    const all = keyOf({ source: ban.source, jail: '' })
    this.#ofJail.set(key, ban.times)
    this.#ofAll.set(all, Math.max(ban.times, (this.#ofAll.get(all) ?? 0) + 1))
  }

  #timesOf({ source, jail, increment }: BanRequest): number {
    if (increment?.allJails === true) return this.#ofAll.get(keyOf({ source, jail: '' })) ?? 0
    return this.#ofJail.get(keyOf({ source, jail })) ?? 0
  }

  #spanOf({ span, increment }: BanRequest, times: number): number {
    if (increment === undefined || span === Number.POSITIVE_INFINITY) return span
    const { multipliers, factor, most, random } = increment
    const before = times - 1
    const multiplier =
      multipliers[Math.min(before, multipliers.length - 1)] ?? 2 ** Math.min(before, MOST_DOUBLINGS)
    const longer = Math.min(span * factor * multiplier, most)
    return longer + random * (this.#options.random ?? Math.random)()
  }
}
