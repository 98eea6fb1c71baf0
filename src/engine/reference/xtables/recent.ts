/** The reference of xt_recent's lists. */
import { Hook, type Packet } from '../../../packet/packet.js'
import type { RecentMatch } from '../../../ruleset/xtables.js'
import { addressesOf, bytesOf, isIPv6 } from './bytes.js'
import { outcome, type XtablesOutcome } from './outcome.js'
import { tick, u32 } from './time.js'

interface Entry {
  readonly key: string
  ttl: number
  /** The ring, as far as it has been written, and where the next stamp goes. */
  stamps: bigint[]
  place: number
}

export class Recent {
  readonly #mask: bigint | undefined
  readonly #bits: number
  readonly #total: number
  /** Those written to longest ago come first. */
  #entries: Entry[] = []
  #ring = 0

  constructor(mask: bigint | undefined, bits: number, total: number) {
    this.#mask = mask
    this.#bits = bits
    this.#total = total
  }

  declare({ hitcount = 0 }: RecentMatch, atLeast: number): void {
    const wanted = Math.max(hitcount, atLeast) || 32
    let ring = 1
    while (ring < wanted) ring *= 2
    if (ring <= this.#ring) return
    this.#ring = ring
    this.#entries = []
  }

  matches(match: RecentMatch, packet: Packet): XtablesOutcome {
    const { operation, seconds = 0, hitcount = 0, invert = false } = match
    const now = tick(packet)
    const ttl = this.#ttl(packet)
    const key = this.#key(match, packet)
    const entry = this.#entries.find(
      (each) => each.key === key && (!match.rttl || ttl === 0 || each.ttl === ttl),
    )
    if (entry === undefined) {
      if (operation === 'set') {
        if (this.#entries.length === this.#total) this.#entries.shift()
        this.#entries.push({ key, ttl, stamps: [now], place: 1 })
      }
      return outcome((operation === 'set') !== invert)
    }
    if (operation === 'set') {
      this.#write(entry, now, ttl)
      return outcome(!invert)
    }
    if (operation === 'remove') {
      this.#remove(entry)
      return outcome(!invert)
    }
    const since = now - u32(BigInt(seconds) * 250n)
    const hits = hitsOf(entry, match, now)
    const result = hits >= Math.max(1, hitcount) !== invert
    const writes = operation === 'update' && result
    const [oldest] = this.#entries
    if (match.reap && !(writes && oldest === entry)) {
      const newest = oldest!.stamps[(oldest!.place + this.#ring - 1) % this.#ring]!
      if (newest < since) this.#remove(oldest!)
    }
    if (writes) this.#write(entry, now, ttl)
    return outcome(result)
  }

  /** How often a packet's address was seen so far, within the match's time; of a list that does not know it, 0. */
  hits(match: RecentMatch, packet: Packet): number {
    const key = this.#key(match, packet)
    const entry = this.#entries.find((each) => each.key === key)
    return entry === undefined ? 0 : hitsOf(entry, match, tick(packet))
  }

  #write(entry: Entry, now: bigint, ttl: number): void {
    entry.place %= this.#ring
    entry.stamps[entry.place] = now
    entry.place++
    entry.ttl = ttl
    this.#remove(entry)
    this.#entries.push(entry)
  }

  #remove(entry: Entry): void {
    this.#entries = this.#entries.filter((each) => each !== entry)
  }

  #key({ side }: RecentMatch, packet: Packet): string {
    const { source, destination } = addressesOf(packet)
    const address = side === 'source' ? source : destination
    const own = isIPv6(packet) ? 128 : 32
    // The mask is of 128 bits, of which a rule of iptables gives the first 32.
    const mask = this.#mask === undefined ? -1n : this.#mask << BigInt(128 - this.#bits)
    return `${own} ${(address << BigInt(128 - own)) & mask}`
  }

  #ttl(packet: Packet): number {
    const its = bytesOf(packet)[isIPv6(packet) ? 7 : 8]!
    const forwarded = packet.hook === Hook.forward || (packet.hook === Hook.postrouting && packet.iif !== 0)
    return forwarded ? (its + 1) % 256 : its
  }
}

/** The stamps of an entry within the time that a match looks back. */
function hitsOf({ stamps }: Entry, { seconds = 0 }: RecentMatch, now: bigint): number {
  const since = now - u32(BigInt(seconds) * 250n)
  return stamps.filter((stamp, i) => i < 65535 && (seconds === 0 || stamp >= since)).length
}
