import { Column, Family, type Packet } from '../packet/packet.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const { saddr4: SADDR4, daddr4: DADDR4, saddr6: SADDR6, daddr6: DADDR6 } = Column
const { sport: SPORT, dport: DPORT, l4proto: L4PROTO } = Column
const IPV6 = Family.ipv6
const NO_PORT = 65_536

/** Flows that are told apart over all places. */
const CAPACITY = 2 ** 20
const FIRST_SLOTS = 2 ** 12

/**
 * How many different flows came to a place: pairs of addresses and ports, either way round. They are known by 64 bits of a
 * seeded hash. Bounded: behind CAPACITY flows and places nothing is counted any more. Allocates only when its table is
 * half full, and then doubles it.
 */
export class FlowCount {
  readonly counts: Float64Array
  /** Whether there were more than could be told apart. */
  isFull = false
  #size = 0
  #slots = new Int32Array(FIRST_SLOTS * 2)
  readonly #seed0: number
  readonly #seed1: number
  readonly #hash = new Int32Array(2)

  constructor(places: number, seeds: readonly [number, number]) {
    this.counts = new Float64Array(places)
    this.#seed0 = seeds[0] | 0
    this.#seed1 = seeds[1] | 0
  }

  add(packet: Packet, place: number): void {
    if (this.isFull) return
    this.#read(packet, place)
    const low = this.#hash[0]!
    const high = this.#hash[1]!
    const at = find(this.#slots, low, high)
    if (this.#slots[at + 1] !== 0) return
    if (this.#size === CAPACITY) {
      this.isFull = true
      return
    }
    this.#slots[at] = low
    this.#slots[at + 1] = high
    this.counts[place]!++
    if (++this.#size * 4 > this.#slots.length) this.#grow()
  }

  #grow(): void {
    const old = this.#slots
    const slots = new Int32Array(old.length * 2)
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] === 0) continue
      const place = find(slots, old[at]!, old[at + 1]!)
      slots[place] = old[at]!
      slots[place + 1] = old[at + 1]!
    }
    this.#slots = slots
  }

  /** Hashes both ends by themselves and adds them up, so that it does not matter which is the source. */
  #read({ fields, family }: Packet, place: number): void {
    const seed0 = this.#seed0
    const seed1 = this.#seed1
    const protocol = fields[L4PROTO]!
    const sport = fields[SPORT]!
    // Of ICMP and the like there are no ports; a request and its reply are one flow.
    const hasPorts = sport !== NO_PORT && protocol !== 1 && protocol !== 58
    const [from, to] = [hasPorts ? sport : 0, hasPorts ? fields[DPORT]! : 0]
    const words = family === IPV6 ? 4 : 1
    const source = family === IPV6 ? SADDR6 : SADDR4
    const destination = family === IPV6 ? DADDR6 : DADDR4
    let a0 = from ^ seed0
    let b0 = to ^ seed0
    let a1 = from ^ seed1
    let b1 = to ^ seed1
    for (let word = 0; word < words; word++) {
      const s = fields[source + word]!
      const d = fields[destination + word]!
      a0 = mixed(a0, s)
      b0 = mixed(b0, d)
      a1 = mixed(s ^ 0x5bd1e995, a1)
      b1 = mixed(d ^ 0x5bd1e995, b1)
    }
    const kind = (place << 8) ^ protocol
    const low = mixed((a0 + b0) | 0, kind)
    // No hash has 0 there: that is a free slot.
    this.#hash[0] = low
    this.#hash[1] = mixed((a1 + b1) ^ kind, seed0) | 1
  }
}

/** Two words of MurmurHash3's finalizer. */
function mixed(h: number, word: number): number {
  h = Math.imul(h ^ word, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** Where a hash stands in a table, or would. */
function find(slots: Int32Array, low: number, high: number): number {
  const mask = slots.length - 1
  let at = (low << 1) & mask
  while (slots[at + 1] !== 0 && (slots[at] !== low || slots[at + 1] !== high)) at = (at + 2) & mask
  return at
}
