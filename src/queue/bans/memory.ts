import type { AddressBits } from '../../packet/address.js'

/** Sources that there is room for, a power of two and more than twice the bans there are at most. */
const SLOTS = 2 ** 19
/** Slots that are looked at for one source: what finds none free is left to the kernel's sets. */
const REACH = 64
/** Words of a slot: what is in it, and the four of an address. */
const SLOT = 5
const EMPTY = 0
const GONE = -1
/** Words before the slots: of each IP version, how many lengths of prefix are in use, and which. */
const LENGTHS4 = 0
const LENGTHS6 = 34
const HEADER = LENGTHS6 + 130

/**
 * Whom every port is closed for, in memory that the packet thread shares with the ban thread: one writes, the other reads,
 * and neither waits. The second line behind the kernel's sets: packets that were queued before the ban end here.
 */
export class BanMemory {
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array
  /** Sources of each length, which only the writer counts: by bits and length. */
  readonly #counts = new Map<number, number>()
  readonly #address = new Int32Array(4)

  /** Memory: that of the other end. */
  constructor(memory = new SharedArrayBuffer((HEADER + SLOTS * SLOT) * 4)) {
    this.memory = memory
    this.#words = new Int32Array(memory)
  }

  /** Whether an IPv4 source is shut out. word: its address. Hot path. */
  has4(word: number): boolean {
    const words = this.#words
    const count = words[LENGTHS4]!
    for (let i = 1; i <= count; i++) {
      const length = words[LENGTHS4 + i]!
      if (this.#find(32 | (length << 8), word & maskOf(length), 0, 0, 0) >= 0) return true
    }
    return false
  }

  /** Whether an IPv6 source is shut out. Its address is `fields[at]` and the three behind it. Hot path. */
  has6(fields: Int32Array, at: number): boolean {
    const words = this.#words
    const count = words[LENGTHS6]!
    for (let i = 1; i <= count; i++) {
      const length = words[LENGTHS6 + i]!
      const w0 = fields[at]! & maskOf(length)
      const w1 = fields[at + 1]! & maskOf(length - 32)
      const w2 = fields[at + 2]! & maskOf(length - 64)
      const w3 = fields[at + 3]! & maskOf(length - 96)
      if (this.#find(128 | (length << 8), w0, w1, w2, w3) >= 0) return true
    }
    return false
  }

  /** Shuts a prefix out. */
  add(bits: AddressBits, length: number, value: bigint): void {
    const tag = bits | (length << 8)
    const address = this.#split(bits, value)
    const [w0, w1, w2, w3] = address as unknown as [number, number, number, number]
    if (this.#find(tag, w0, w1, w2, w3) >= 0) return
    const words = this.#words
    let slot = hash(tag, w0, w1, w2, w3) & (SLOTS - 1)
    for (let looked = 0; looked < REACH; looked++, slot = (slot + 1) & (SLOTS - 1)) {
      const at = HEADER + slot * SLOT
      if (words[at]! > 0) continue
      words.set(address, at + 1)
      Atomics.store(words, at, tag)
      this.#count(bits, length, 1)
      return
    }
  }

  /** Lets a prefix in again. */
  remove(bits: AddressBits, length: number, value: bigint): void {
    const tag = bits | (length << 8)
    const [w0, w1, w2, w3] = this.#split(bits, value) as unknown as [number, number, number, number]
    let slot = this.#find(tag, w0, w1, w2, w3)
    if (slot < 0) return
    const words = this.#words
    const behind = words[HEADER + ((slot + 1) & (SLOTS - 1)) * SLOT]
    Atomics.store(words, HEADER + slot * SLOT, behind === EMPTY ? EMPTY : GONE)
    // Nobody has to pass by those before it any more either.
    while (behind === EMPTY) {
      slot = (slot - 1) & (SLOTS - 1)
      if (words[HEADER + slot * SLOT] !== GONE) break
      Atomics.store(words, HEADER + slot * SLOT, EMPTY)
    }
    this.#count(bits, length, -1)
  }

  /** The slot of a prefix; -1 if it is in none. Hot path. */
  #find(tag: number, w0: number, w1: number, w2: number, w3: number): number {
    const words = this.#words
    let slot = hash(tag, w0, w1, w2, w3) & (SLOTS - 1)
    for (let looked = 0; looked < REACH; looked++, slot = (slot + 1) & (SLOTS - 1)) {
      const at = HEADER + slot * SLOT
      const found = words[at]!
      if (found === EMPTY) return -1
      if (
        found === tag &&
        words[at + 1] === w0 &&
        words[at + 2] === w1 &&
        words[at + 3] === w2 &&
        words[at + 4] === w3
      )
        return slot
    }
    return -1
  }

  #split(bits: AddressBits, value: bigint): Int32Array {
    const words = this.#address.fill(0)
    for (let word = bits / 32 - 1, rest = value; word >= 0; word--, rest >>= 32n)
      words[word] = Number(BigInt.asIntN(32, rest))
    return words
  }

  #count(bits: AddressBits, length: number, change: number): void {
    const key = bits | (length << 8)
    const before = this.#counts.get(key) ?? 0
    this.#counts.set(key, before + change)
    if (before > 0 && before + change > 0) return
    const used = [...this.#counts].filter(([other, count]) => count > 0 && (other & 255) === bits)
    const start = bits === 32 ? LENGTHS4 : LENGTHS6
    used.forEach(([other], i) => {
      this.#words[start + 1 + i] = other >> 8
    })
    Atomics.store(this.#words, start, used.length)
  }
}

/** The first `length` bits of a word. */
function maskOf(length: number): number {
  return length >= 32 ? -1 : length <= 0 ? 0 : -1 << (32 - length)
}

/** Attackers who choose their sources so that these collide are still refused by the kernel. */
function hash(tag: number, w0: number, w1: number, w2: number, w3: number): number {
  let h = Math.imul(tag ^ w0, 0x9e3779b1)
  h = Math.imul((h ^ (h >>> 15)) + w1, 0x85ebca6b)
  h = Math.imul((h ^ (h >>> 13)) + w2, 0xc2b2ae35)
  h = Math.imul((h ^ (h >>> 16)) + w3, 0x27d4eb2f)
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b)
  return h ^ (h >>> 13)
}
