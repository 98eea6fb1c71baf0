import { formatPrefix, type Prefix, prefixOf } from '../packet/address.js'
import type { Jail } from './config/jail.js'
import { Counter } from './count/counter.js'
import type { Failure } from './filter/failures.js'
import type { Resolver } from './resolver.js'
import { ownAddresses, Protected } from './table/protected.js'
import type { BanRequest } from './table/table.js'

/** Milliseconds after which own addresses and the addresses of names are looked up again. */
const REFRESH_MS = 60_000

/** Keeps one jail: counts its failures, and asks for bans. */
export class JailKeeper {
  readonly jail: Jail
  readonly #counter: Counter
  readonly #resolver: Resolver
  #ignored: Protected
  #ignoredAt = Number.NEGATIVE_INFINITY
  failures = 0
  /** Failures of those who are never banned. */
  ignored = 0
  bans = 0

  constructor(jail: Jail, resolver: Resolver) {
    this.jail = jail
    this.#resolver = resolver
    this.#counter = new Counter(jail)
    this.#ignored = new Protected(jail.ignored.prefixes)
  }

  /** Sources that have failed and are not banned. */
  get sources(): number {
    return this.#counter.size
  }

  /** Counts a failure; asks for a ban if it was one too many. now: milliseconds since 1970. */
  take(failure: Failure, now: number, ask: (request: BanRequest) => void): void {
    this.#refresh(now)
    const { source, name } = failure
    if (source !== undefined) this.#count(source, failure, ask)
    else if (this.jail.useDns === 'yes' && name !== undefined) void this.#resolve(name, failure, now, ask)
  }

  async #resolve(
    name: string,
    failure: Failure,
    now: number,
    ask: (request: BanRequest) => void,
  ): Promise<void> {
    for (const address of await this.#resolver.resolve(name, now))
      this.#count({ ...address, length: address.bits }, failure, ask)
  }

  #count(found: Prefix, { time, line }: Failure, ask: (request: BanRequest) => void): void {
    const { name, banTime, increment, closed, ipv6 } = this.jail
    const source = found.bits === 128 && found.length > ipv6 ? prefixOf(found, ipv6) : found
    if (this.#ignored.has(source)) {
      this.ignored++
      return
    }
    this.failures++
    const reached = this.#counter.add(formatPrefix(source), time, line)
    if (reached === undefined) return
    this.bans++
    ask({ source, jail: name, since: time, span: banTime, increment, lines: reached.lines, closed })
  }

  #refresh(now: number): void {
    if (now - this.#ignoredAt < REFRESH_MS) return
    this.#ignoredAt = now
    const { prefixes, names, self } = this.jail.ignored
    const known = [...prefixes, ...(self ? ownAddresses() : [])]
    this.#ignored = new Protected(known)
    void Promise.all(names.map((name) => this.#resolver.resolve(name, now))).then((found) => {
      const addresses = found.flat().map((address) => ({ ...address, length: address.bits }))
      if (addresses.length > 0) this.#ignored = new Protected([...known, ...addresses])
    })
  }
}
