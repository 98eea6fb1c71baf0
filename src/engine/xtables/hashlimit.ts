/** net/netfilter/xt_hashlimit.c, revision 3. */
import { Column, type Packet } from '../../packet/packet.js'
import type { HashlimitMatch } from '../../ruleset/xtables.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { KeyedTable } from '../state/keyed.js'
import type { Seeds } from '../state/sources.js'
import { prefixWords } from './addresses.js'
import { SECONDS } from './counting.js'
import { type Buckets, bucketsOf } from './hashlimit-buckets.js'
import { AUTHENTICATION, Headers } from './headers.js'
import { jiffiesIn, jiffiesOf } from './jiffies.js'

const { break: BREAK, continue: CONTINUE, hotdrop: HOTDROP } = Outcome
const { saddr4: SADDR4, daddr4: DADDR4, saddr6: SADDR6, daddr6: DADDR6 } = Column
const AH = AUTHENTICATION

/** Buckets of the kernel's hash on a host with more than a gigabyte, and entries for each of them. */
const BUCKETS = 8192
const ENTRIES_PER_BUCKET = 8
/** More entries than this are not kept, whatever the rule says: what comes then is dropped as by a full table. */
const CAPACITY = 2 ** 20

/** Milliseconds. */
const GC_INTERVAL = 1000
const BYTES_EXPIRE = 15_000
const BYTES_BURST_EXPIRE = 60_000

const PORTS = new Set([6, 17, 33, 50, 132, 136])

/** A table. Its rate, key and sizes are those of the rule that made it, whatever later rules of the same name say. */
export class HashlimitTable {
  readonly #keys: KeyedTable
  readonly #buckets: Buckets
  /** Ticks: when a bucket may go; from when on, and how often, old ones are collected. */
  readonly #expires: Float64Array
  readonly #expire: number
  readonly #interval: number
  readonly #collected = Float64Array.of(Number.NaN)
  readonly #sourceMask: Int32Array
  readonly #destinationMask: Int32Array
  readonly #bits: 32 | 128
  readonly #ports: boolean
  readonly #sourcePort: boolean
  readonly #destinationPort: boolean
  readonly #headers = new Headers()

  constructor(match: HashlimitMatch, bits: 32 | 128, seeds: Seeds) {
    const capacity = capacityOf(match)
    const { mode } = match
    this.#bits = bits
    this.#keys = new KeyedTable(capacity, (bits / 32) * 2 + 1, seeds)
    this.#buckets = bucketsOf(match, capacity)
    this.#expires = new Float64Array(capacity)
    this.#expire = jiffiesIn(expireOf(match))
    this.#interval = jiffiesIn(match.htableGcInterval ?? GC_INTERVAL)
    this.#sourceMask = prefixWords(mode.includes('srcip') ? (match.srcmask ?? bits) : 0, bits)
    this.#destinationMask = prefixWords(mode.includes('dstip') ? (match.dstmask ?? bits) : 0, bits)
    this.#sourcePort = mode.includes('srcport')
    this.#destinationPort = mode.includes('dstport')
    this.#ports = this.#sourcePort || this.#destinationPort
  }

  /** Buckets held. */
  get size(): number {
    return this.#keys.size
  }

  /** Whether the packet is within the rate: `yes`, `no`, or hotdrop if it has no key or finds no room. */
  run(packet: Packet, yes: OutcomeNumber, no: OutcomeNumber): OutcomeNumber {
    const now = jiffiesOf(packet.time[0]!)
    this.#collect(now)
    if (!this.#fillKey(packet)) return HOTDROP
    const keys = this.#keys
    let slot = keys.find()
    if (slot < 0) {
      slot = keys.add()
      if (slot < 0) return HOTDROP
      this.#buckets.start(slot, now)
    } else keys.touch(slot)
    this.#expires[slot] = now + this.#expire
    return this.#buckets.admit(slot, now, packet.length) ? yes : no
  }

  /** Removes what had expired when old buckets were last collected. They expire in the order of their use. */
  #collect(now: number): void {
    const collected = this.#collected[0]!
    if (Number.isNaN(collected)) this.#collected[0] = now
    if (!(now - collected >= this.#interval)) return
    const latest = now - ((now - collected) % this.#interval)
    this.#collected[0] = latest
    const keys = this.#keys
    while (keys.oldest >= 0 && this.#expires[keys.oldest]! <= latest) keys.remove(keys.oldest)
  }

  /** False if the packet has no ports where they are wanted. */
  #fillKey(packet: Packet): boolean {
    const { key } = this.#keys
    const { fields } = packet
    const words = this.#bits / 32
    const [saddr, daddr] = words === 1 ? [SADDR4, DADDR4] : [SADDR6, DADDR6]
    for (let i = 0; i < words; i++) {
      key[i] = fields[saddr + i]! & this.#sourceMask[i]!
      key[words + i] = fields[daddr + i]! & this.#destinationMask[i]!
    }
    if (!this.#ports) return true
    const headers = this.#headers
    if (!headers.afterExtensions(packet)) return false
    let ports = 0
    if (PORTS.has(headers.protocol) || headers.protocol === AH) {
      const at = headers.at + (headers.protocol === AH ? 4 : 0)
      if (packet.end - at < 4) return false
      ports = packet.view.getInt32(at)
    }
    key[words * 2] =
      (this.#sourcePort ? ports & 0xffff0000 : 0) | (this.#destinationPort ? ports & 0xffff : 0)
    return true
  }
}

function capacityOf({ htableSize = BUCKETS, htableMax = 0 }: HashlimitMatch): number {
  const size = htableSize === 0 ? BUCKETS : htableSize
  return Math.min(CAPACITY, htableMax === 0 ? size * ENTRIES_PER_BUCKET : Math.max(htableMax, size))
}

function expireOf({ htableExpire, bytes = false, burst, per }: HashlimitMatch): number {
  if (htableExpire !== undefined) return htableExpire
  if (!bytes) return SECONDS[per] * 1000
  return burst === undefined ? BYTES_EXPIRE : BYTES_BURST_EXPIRE
}

/** A rule of a table measures as the table does: the kernel mixes ways of measuring, with results that nobody can want. */
export function sameMeasure(a: HashlimitMatch, b: HashlimitMatch): boolean {
  return (a.bytes ?? false) === (b.bytes ?? false) && (a.rateMatch ?? false) === (b.rateMatch ?? false)
}

export function hashlimitStep({ above }: HashlimitMatch, table: HashlimitTable): Step {
  const [within, over] = above ? ([BREAK, CONTINUE] as const) : ([CONTINUE, BREAK] as const)
  return { run: (packet: Packet): OutcomeNumber => table.run(packet, within, over) }
}
