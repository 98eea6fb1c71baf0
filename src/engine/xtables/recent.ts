/** net/netfilter/xt_recent.c: lists of addresses, with the times at which they were last seen. */
import { Column, Family, Hook, type Packet } from '../../packet/packet.js'
import type { RecentMatch } from '../../ruleset/xtables.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { KeyedTable } from '../state/keyed.js'
import type { Seeds } from '../state/sources.js'
import { addressWords } from './addresses.js'
import { HZ, jiffiesOf } from './jiffies.js'

const { break: BREAK, continue: CONTINUE } = Outcome
const { saddr4: SADDR4, daddr4: DADDR4, saddr6: SADDR6, daddr6: DADDR6 } = Column
const IPV6 = Family.ipv6
const { forward: FORWARD, postrouting: POSTROUTING } = Hook

/** Stamps of an entry where no rule of the list asks for a number of hits. */
const STAMPS = 32
const NONE = -1

/** The module's parameters. */
export interface RecentParameters {
  /** ip_list_tot: addresses of a list at most; the one written to longest ago gives way. */
  readonly listTotal: number
  /** ip_pkt_list_tot: stamps of an address at least; 0: as many as the rules ask for. */
  readonly packetListTotal: number
}

export const RECENT_PARAMETERS: RecentParameters = { listTotal: 100, packetListTotal: 0 }

/** A list. Its mask is that of the rule that made it, whatever later rules of the same name say. */
export class RecentList {
  readonly #mask: Int32Array
  readonly #table: KeyedTable
  readonly #total: number
  /** Of each slot: where the next stamp goes, how many there are, and the TTL. */
  readonly #index: Int32Array
  readonly #count: Int32Array
  readonly #ttl: Uint8Array
  #ring = 0
  #stamps = new Float64Array(0)

  /** mask: four words; of IPv4 addresses the first counts. */
  constructor(mask: Int32Array, { listTotal }: RecentParameters, seeds: Seeds) {
    this.#mask = mask
    this.#total = listTotal
    this.#table = new KeyedTable(listTotal, 5, seeds)
    this.#index = new Int32Array(listTotal)
    this.#count = new Int32Array(listTotal)
    this.#ttl = new Uint8Array(listTotal)
  }

  /** Addresses held. */
  get size(): number {
    return this.#table.size
  }

  /** Makes room for so many stamps an address, a power of two; a list that has to grow for them is emptied. */
  reserve(ring: number): void {
    if (ring <= this.#ring) return
    this.#ring = ring
    this.#stamps = new Float64Array(this.#total * ring)
    this.#table.clear()
  }

  /** The slot of the packet's address, if its entry has that TTL (0: any); -1 if there is none. */
  find(packet: Packet, destination: boolean, ttl: number): number {
    const { key } = this.#table
    const { fields } = packet
    const mask = this.#mask
    key[0] = packet.family
    if (packet.family === IPV6) {
      const column = destination ? DADDR6 : SADDR6
      for (let i = 0; i < 4; i++) key[i + 1] = fields[column + i]! & mask[i]!
    } else {
      key[1] = fields[destination ? DADDR4 : SADDR4]! & mask[0]!
      key[2] = key[3] = key[4] = 0
    }
    const slot = this.#table.find()
    return slot !== NONE && ttl !== 0 && this.#ttl[slot] !== ttl ? NONE : slot
  }

  /** Adds the address that `find` did not find, with a first stamp. */
  add(now: number, ttl: number): void {
    const table = this.#table
    if (table.size === this.#total) table.remove(table.oldest)
    const slot = table.add()
    this.#stamps[slot * this.#ring] = now
    this.#index[slot] = 1
    this.#count[slot] = 1
    this.#ttl[slot] = ttl
  }

  update(slot: number, now: number, ttl: number): void {
    const index = this.#index[slot]! & (this.#ring - 1)
    this.#stamps[slot * this.#ring + index] = now
    // The kernel has 16 bits for the place: in a ring of 65536 the last stamp is not counted.
    this.#index[slot] = (index + 1) & 0xffff
    if (this.#index[slot]! > this.#count[slot]!) this.#count[slot] = this.#index[slot]!
    this.#ttl[slot] = ttl
    this.#table.touch(slot)
  }

  remove(slot: number): void {
    this.#table.remove(slot)
  }

  /** Whether as many stamps as `hits` (at least one) are not older than `since`. */
  reached(slot: number, since: number, hits: number): boolean {
    const first = slot * this.#ring
    const last = first + this.#count[slot]!
    let missing = hits
    for (let i = first; i < last; i++) if (this.#stamps[i]! >= since && --missing <= 0) return true
    return false
  }

  /** Removes the entry written to longest ago if its newest stamp is older than `since`; never the one `kept`. */
  reap(since: number, kept: number): void {
    const slot = this.#table.oldest
    if (slot === kept) return
    const newest = (this.#index[slot]! + this.#ring - 1) & (this.#ring - 1)
    if (this.#stamps[slot * this.#ring + newest]! < since) this.#table.remove(slot)
  }
}

/** How many stamps a rule needs its list to have room for. */
export function ringOf({ hitcount = 0 }: RecentMatch, { packetListTotal }: RecentParameters): number {
  const wanted = Math.max(packetListTotal, hitcount)
  return wanted === 0 ? STAMPS : 2 ** Math.ceil(Math.log2(wanted))
}

/** The mask of a rule, as that of the list that it makes. */
export function maskOf({ mask }: RecentMatch, bits: 32 | 128): Int32Array {
  const words = new Int32Array(4)
  if (mask === undefined) words.fill(-1)
  else words.set(addressWords(mask, bits))
  return words
}

export function recentStep(match: RecentMatch, list: RecentList): Step {
  const { operation, hitcount = 0, seconds = 0, rttl = false, reap = false, invert = false } = match
  const destination = match.side === 'destination'
  const [yes, no] = invert ? ([BREAK, CONTINUE] as const) : ([CONTINUE, BREAK] as const)
  // The kernel multiplies in 32 bits.
  const span = seconds === 0 ? Number.POSITIVE_INFINITY : (seconds * HZ) % 2 ** 32

  return {
    run(packet: Packet): OutcomeNumber {
      const now = jiffiesOf(packet.time[0]!)
      const ttl = ttlBefore(packet)
      const slot = list.find(packet, destination, rttl ? ttl : 0)
      if (slot < 0) {
        if (operation !== 'set') return no
        list.add(now, ttl)
        return yes
      }
      if (operation === 'set') {
        list.update(slot, now, ttl)
        return yes
      }
      if (operation === 'remove') {
        list.remove(slot)
        return yes
      }
      const since = now - span
      const outcome = list.reached(slot, since, hitcount) ? yes : no
      const updates = operation === 'update' && outcome === CONTINUE
      if (reap) list.reap(since, updates ? slot : NONE)
      if (updates) list.update(slot, now, ttl)
      return outcome
    },
  }
}

/** The TTL as it was before forwarding took one off, in the kernel's eight bits. */
function ttlBefore(packet: Packet): number {
  const ttl = packet.view.getUint8(packet.network + (packet.family === IPV6 ? 7 : 8))
  const { hook } = packet
  return hook === FORWARD || (hook === POSTROUTING && packet.iif !== 0) ? (ttl + 1) & 0xff : ttl
}
