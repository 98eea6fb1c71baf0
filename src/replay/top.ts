import { KeyedTable } from '../engine/state/keyed.js'
import { type AddressBits, formatAddress } from '../packet/address.js'
import { Column, Family, type Packet } from '../packet/packet.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const { saddr4, daddr4, saddr6, daddr6 } = Column
const IPV6 = Family.ipv6
/** Addresses that are remembered: of more, those that have not been seen for longest are forgotten. */
const CAPACITY = 65_536
/** The family, and four words of address. */
const WORDS = 5
/** One packet in so many makes its address the one that was seen last: near enough, and less work. */
const TOUCH = 16

export interface TopAddress {
  readonly address: string
  readonly packets: number
  readonly bytes: number
}

/** Who most packets come from, or go to. Nothing is allocated after construction but by `top`. */
export class TopAddresses {
  /** Addresses that had to be forgotten. */
  forgotten = 0
  readonly #table: KeyedTable
  readonly #packets = new Float64Array(CAPACITY)
  readonly #bytes = new Float64Array(CAPACITY)
  /** The keys by slot. */
  readonly #keys = new Int32Array(CAPACITY * WORDS)
  readonly #column4: number
  readonly #column6: number
  #touched = 0
  /** The slot of the last packet, or -1. */
  #last = -1

  constructor(which: 'source' | 'destination', seeds: readonly [number, number]) {
    this.#table = new KeyedTable(CAPACITY, WORDS, seeds)
    this.#column4 = which === 'source' ? saddr4 : daddr4
    this.#column6 = which === 'source' ? saddr6 : daddr6
  }

  add({ fields, family, length }: Packet): void {
    const isIPv6 = family === IPV6
    const slot = this.#isLast(fields, family, isIPv6) ? this.#last : this.#find(fields, family, isIPv6)
    this.#last = slot
    this.#packets[slot]!++
    this.#bytes[slot]! += length
  }

  #isLast(fields: Int32Array, family: number, isIPv6: boolean): boolean {
    if (this.#last < 0) return false
    const keys = this.#keys
    const at = this.#last * WORDS
    if (!isIPv6) return keys[at] === family && keys[at + 1] === fields[this.#column4]
    const column = this.#column6
    for (let word = 0; word < 4; word++) if (keys[at + 1 + word] !== fields[column + word]) return false
    return keys[at] === family
  }

  #find(fields: Int32Array, family: number, isIPv6: boolean): number {
    const table = this.#table
    const { key } = table
    key[0] = family
    key[1] = fields[isIPv6 ? this.#column6 : this.#column4]!
    for (let word = 1; word < 4; word++) key[1 + word] = isIPv6 ? fields[this.#column6 + word]! : 0
    const slot = table.find()
    if (slot < 0) return this.#enter()
    if (++this.#touched % TOUCH === 0) table.touch(slot)
    return slot
  }

  /** The addresses of the most packets, the first before all. */
  top(count: number): TopAddress[] {
    const slots = Array.from({ length: this.#table.size }, (_, slot) => slot)
    return slots
      .sort((a, b) => this.#packets[b]! - this.#packets[a]! || a - b)
      .slice(0, count)
      .map((slot) => ({
        address: this.#address(slot),
        packets: this.#packets[slot]!,
        bytes: this.#bytes[slot]!,
      }))
  }

  #enter(): number {
    const table = this.#table
    if (table.size === CAPACITY) {
      table.remove(table.oldest)
      this.forgotten++
    }
    const slot = table.add()
    this.#packets[slot] = this.#bytes[slot] = 0
    const at = slot * WORDS
    for (let word = 0; word < WORDS; word++) this.#keys[at + word] = table.key[word]!
    return slot
  }

  #address(slot: number): string {
    const at = slot * WORDS
    const bits: AddressBits = this.#keys[at] === IPV6 ? 128 : 32
    let value = 0n
    for (let word = 0; word < bits / 32; word++)
      value = (value << 32n) | BigInt(this.#keys[at + 1 + word]! >>> 0)
    return formatAddress({ bits, value })
  }
}
