import { Family } from '../../../packet/packet.js'
import type { Seeds } from '../sources.js'
import { ENTRY_WORDS, nonzero, Status, Word } from './layout.js'
import type { Tuple } from './tuple.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const WORDS = ENTRY_WORDS
const { chain: CHAIN, protocol: KIND, ports: PORTS, source: SOURCE, destination: DESTINATION } = Word
const { status: STATUS, timeout: TIMEOUT, mark: MARK, generation: GENERATION, held: HELD, hash: HASH } = Word
const { assured: ASSURED, confirmed: CONFIRMED, dying: DYING } = Status
const IPV4 = Family.ipv4

const NONE = -1
/** Buckets in which a newcomer to a full table looks for an entry to evict (NF_CT_EVICTION_RANGE). */
const EVICTION_RANGE = 8
/** No entry joins a chain of more: the kernel's bound is drawn from 50 to 79 (MIN_CHAINLEN, MAX_CHAINLEN). */
const LONGEST_CHAIN = 64
/** Jiffies in which all entries are looked at for those that expired: a minute. */
const ROUND = 15000
/** Entries looked at for one packet, at most; but once in twelve days all that are left. */
const LOOK = 64
const LONGEST_ROUND = 2 ** 28

/** What `insert` says. */
export const Insertion = { done: -1, refused: -2 } as const
const { done: DONE, refused: REFUSED } = Insertion

/**
 * The entries of the flow tracker in one typed array: nothing is allocated after construction. A chained hash whose
 * value is the same for both directions of a flow, so that an entry stands in it once.
 *
 * An entry is held by the packets in flight that point to it: taken out of the hash it dies only when the last lets go.
 */
export class FlowTable {
  readonly size: number
  /** See layout.ts; entry i's start at i × ENTRY_WORDS. */
  readonly records: Int32Array
  /** Jiffies, as the last packet had it. */
  now = 0
  /** Entries that are there, those of packets in flight included. */
  entries = 0
  evicted = 0
  /** Above this, whoever is not worth much goes when it is looked at (nf_conntrack_max95 in gc_worker). */
  readonly #crowded: number
  readonly #worthLittle: (at: number) => boolean
  readonly #buckets: Int32Array
  readonly #mask: number
  readonly #seed0: number
  readonly #seed1: number
  /** The hash of the tuple that was sought last. */
  #sought = 0
  /** The first free entry among those that were used; above `#used` all are free. */
  #free = NONE
  #used = 0
  /** Where the look at all entries stands, and when it began. */
  #hand = 0
  #began = 0

  /** worthLittle: whether an ASSURED entry (of which the words start at `at`) is at its end all the same. */
  constructor(size: number, seeds: Seeds, worthLittle: (at: number) => boolean) {
    this.size = size
    this.records = new Int32Array(size * WORDS)
    const buckets = 2 ** Math.ceil(Math.log2(size))
    this.#buckets = new Int32Array(buckets).fill(NONE)
    this.#mask = buckets - 1
    this.#seed0 = seeds[0] | 0
    this.#seed1 = seeds[1] | 0
    this.#crowded = Math.floor(size / 100) * 95
    this.#worthLittle = worthLittle
  }

  get memory(): number {
    return this.records.byteLength + this.#buckets.byteLength
  }

  /** The entry whose flow a tuple belongs to, × 2, plus 1 if the tuple is of its reply direction; -1 if there is none. */
  find(tuple: Tuple): number {
    this.#sought = this.#hash(tuple)
    return this.#search(tuple, this.#sought)
  }

  /** An entry for the tuple that was not found, not yet in the hash and held once; -1 if the table is full. */
  create(tuple: Tuple): number {
    const hash = this.#sought
    let index = this.#free
    if (index === NONE && this.#used === this.size && !this.#evict(hash)) return NONE
    index = this.#free
    const records = this.records
    if (index === NONE) index = this.#used++
    else this.#free = records[index * WORDS + CHAIN]!
    this.entries++
    const at = index * WORDS
    const addresses = tuple.addresses
    records[at + KIND] = tuple.kind
    records[at + PORTS] = tuple.ports
    for (let word = 0; word < 8; word++) records[at + SOURCE + word] = addresses[word]!
    records[at + STATUS] = 0
    records[at + TIMEOUT] = 0
    records[at + MARK] = 0
    records[at + HELD] = 1
    records[at + HASH] = hash
    return index
  }

  /**
   * Enters a created entry into the hash, from where on its time runs: Insertion.done; Insertion.refused if its chain is
   * too long; else what `find` says of the entry that has come in its way, and `tuple` is that of both.
   */
  insert(index: number, tuple: Tuple): number {
    const records = this.records
    const at = index * WORDS
    const bucket = records[at + HASH]! & this.#mask
    tuple.load(records, at)
    const other = this.#search(tuple, records[at + HASH]!)
    if (other !== NONE) return other
    if (this.#chainLength(bucket) > LONGEST_CHAIN) return REFUSED
    records[at + CHAIN] = this.#buckets[bucket]!
    this.#buckets[bucket] = index
    records[at + STATUS]! |= CONFIRMED
    records[at + TIMEOUT] = (records[at + TIMEOUT]! + this.now) | 0
    return DONE
  }

  /** Takes an entry out of the hash. */
  remove(index: number): void {
    const records = this.records
    const at = index * WORDS
    const bucket = records[at + HASH]! & this.#mask
    const following = records[at + CHAIN]!
    let previous = this.#buckets[bucket]!
    if (previous === index) this.#buckets[bucket] = following
    else {
      while (records[previous * WORDS + CHAIN] !== index) previous = records[previous * WORDS + CHAIN]!
      records[previous * WORDS + CHAIN] = following
    }
    records[at + STATUS]! |= DYING
    if (records[at + HELD] === 0) this.#give(index)
  }

  /** A packet lets go of an entry. */
  letGo(index: number): void {
    const at = index * WORDS
    const held = --this.records[at + HELD]!
    const status = this.records[at + STATUS]!
    if (held === 0 && ((status & DYING) !== 0 || (status & CONFIRMED) === 0)) this.#give(index)
  }

  /** How long an entry has from now on, in jiffies; before it is confirmed, from its confirmation on. */
  refresh(at: number, timeout: number): void {
    const confirmed = (this.records[at + STATUS]! & CONFIRMED) !== 0
    this.records[at + TIMEOUT] = confirmed ? (this.now + timeout) | 0 : timeout
  }

  /** Jiffies that an entry has left. */
  left(at: number): number {
    return (this.records[at + TIMEOUT]! - this.now) | 0
  }

  /** The time goes on, by less than LONGEST_ROUND; some entries are looked at for those that expired. */
  advance(now: number): void {
    const elapsed = (now - this.now) | 0
    this.now = now
    if (((now - this.#began) | 0) > LONGEST_ROUND) {
      this.#collect(this.#used)
      return
    }
    this.#collect(Math.min(LOOK, Math.ceil((this.#used * Math.min(elapsed, ROUND)) / ROUND)))
  }

  /** So long has passed that nothing is left that is not held. */
  expireAll(now: number): void {
    for (let index = 0; index < this.#used; index++) {
      if (this.#isIn(index)) this.remove(index)
    }
    this.now = now
    this.#began = now
  }

  #collect(count: number): void {
    for (let i = 0; i < count; i++) {
      if (this.#hand >= this.#used) {
        this.#hand = 0
        this.#began = this.now
      }
      const index = this.#hand++
      if (!this.#isIn(index)) continue
      const at = index * WORDS
      if (this.left(at) <= 0) this.remove(index)
      else if (
        this.#crowded > 0 &&
        this.entries >= this.#crowded &&
        ((this.records[at + STATUS]! & ASSURED) === 0 || this.#worthLittle(at))
      ) {
        this.evicted++
        this.remove(index)
      }
    }
  }

  #isIn(index: number): boolean {
    return (this.records[index * WORDS + STATUS]! & (CONFIRMED | DYING)) === CONFIRMED
  }

  /** Makes room near a hash: takes an entry that expired or is not ASSURED, and that no packet holds. */
  #evict(hash: number): boolean {
    const records = this.records
    for (let i = 0; i < EVICTION_RANGE; i++) {
      let index = this.#buckets[(hash + i) & this.#mask]!
      while (index !== NONE) {
        const at = index * WORDS
        const expired = this.left(at) <= 0
        if ((expired || (records[at + STATUS]! & ASSURED) === 0) && records[at + HELD] === 0) {
          if (!expired) this.evicted++
          this.remove(index)
          return true
        }
        index = records[at + CHAIN]!
      }
    }
    return false
  }

  #give(index: number): void {
    const at = index * WORDS
    this.records[at + STATUS] = 0
    this.records[at + GENERATION]!++
    this.records[at + CHAIN] = this.#free
    this.#free = index
    this.entries--
  }

  /**
   * The comparison has no branch that depends on which of its directions the tuple is of: a processor would have to guess,
   * and could not read ahead in the entry as long as it waits for its first words.
   */
  #search(tuple: Tuple, hash: number): number {
    const records = this.records
    const { kind, ports, inversePorts, addresses } = tuple
    const source = addresses[0]!
    const destination = addresses[4]!
    let index = this.#buckets[hash & this.#mask]!
    while (index !== NONE) {
      const at = index * WORDS
      const following = records[at + CHAIN]!
      const own = records[at + PORTS]!
      let there =
        (own ^ ports) | (records[at + SOURCE]! ^ source) | (records[at + DESTINATION]! ^ destination)
      let back =
        (own ^ inversePorts) | (records[at + SOURCE]! ^ destination) | (records[at + DESTINATION]! ^ source)
      if (kind >> 8 !== IPV4) {
        for (let word = 1; word < 4; word++) {
          const from = records[at + SOURCE + word]!
          const to = records[at + DESTINATION + word]!
          there |= (from ^ addresses[word]!) | (to ^ addresses[4 + word]!)
          back |= (from ^ addresses[4 + word]!) | (to ^ addresses[word]!)
        }
      }
      const isAnother = nonzero(records[at + KIND]! ^ kind) | (nonzero(there) & nonzero(back))
      if (isAnother === 0) {
        // A flow of a host with itself can be both: there the kernel finds the reply first.
        if (this.left(at) > 0) return (index << 1) | (nonzero(back) ^ 1)
        this.remove(index)
      }
      index = following
    }
    return NONE
  }

  #chainLength(bucket: number): number {
    let length = 0
    for (let index = this.#buckets[bucket]!; index !== NONE; index = this.records[index * WORDS + CHAIN]!)
      length++
    return length
  }

  /** A seeded mix of a tuple's words, after MurmurHash3's finalizer; the same with its ends exchanged. */
  #hash({ kind, ports, inversePorts, addresses }: Tuple): number {
    let source = Math.imul(addresses[0]! ^ this.#seed0, 0x9e3779b1) + (ports >>> 16)
    let destination = Math.imul(addresses[4]! ^ this.#seed0, 0x9e3779b1) + (inversePorts >>> 16)
    if (kind >> 8 !== IPV4) {
      source = mixed(source, addresses[1]!, addresses[2]!, addresses[3]!)
      destination = mixed(destination, addresses[5]!, addresses[6]!, addresses[7]!)
    }
    source = Math.imul(source ^ (source >>> 15), 0x85ebca6b)
    destination = Math.imul(destination ^ (destination >>> 15), 0x85ebca6b)
    let h = (source ^ (source >>> 13)) + (destination ^ (destination >>> 13)) + kind
    h = Math.imul(h ^ this.#seed1, 0xc2b2ae35)
    h = Math.imul(h ^ (h >>> 16), 0x27d4eb2f)
    return h ^ (h >>> 15)
  }
}

function mixed(h: number, w1: number, w2: number, w3: number): number {
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) + w1
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) + w2
  return Math.imul(h ^ (h >>> 16), 0x27d4eb2f) + w3
}
