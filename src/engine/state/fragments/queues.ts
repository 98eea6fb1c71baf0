import type { Seeds } from '../sources.js'
import { BLOCK, FragmentStore } from './store.js'

const NONE = -1

/** Words of a queue: the fragments of one datagram. */
export const QUEUE_WORDS = 30
export const Queue = {
  /** The next queue of the same bucket, or of the free ones. */
  chain: 0,
  hash: 1,
  /** Who reassembles, and for IPv4 the protocol. */
  user: 2,
  id: 3,
  interface: 4,
  /** Source and destination, four words each. */
  addresses: 5,
  /** Bits of Seen. */
  seen: 13,
  /** Where the datagram ends as far as is known, and how many of its bytes are there. */
  length: 14,
  there: 15,
  /** Bit set: the ECN fields of the fragments. */
  ecn: 16,
  /** The longest fragment, and the longest of those that must not be fragmented further. */
  longest: 17,
  longestUnbreakable: 18,
  /** What the count of its source's fragments was at the last one. */
  count: 19,
  /** The first of its fragments, in the order of their arrival, the latest first. */
  fragments: 20,
  /** Its runs, by offset, and the last of them. */
  runs: 21,
  lastRun: 22,
  /** The queues that were begun before and after it. */
  older: 23,
  newer: 24,
  /** Where bytes begin to be missing as a capture has cut a fragment; the length if none are. */
  whole: 25,
  /** Of the fragment at offset 0: its bytes with the header, and the header's length. */
  head: 26,
  headLength: 27,
  /** And its mark and priority, which are the datagram's. */
  mark: 28,
  priority: 29,
} as const
const { chain: CHAIN, hash: HASH, user: USER, id: ID, interface: INTERFACE, addresses: ADDRESSES } = Queue
// Bound here as V8 folds a module's own constants into the code, but not exported ones.
const { fragments: FRAGMENTS, runs: RUNS, lastRun: LAST_RUN, older: OLDER, newer: NEWER } = Queue

/** What of a datagram was seen: its beginning and its end. */
export const Seen = { first: 1, last: 2 } as const

/** What adding a fragment's place says. */
export const Place = { free: 0, duplicate: 1, overlap: 2 } as const

/** Words of a fragment, which is named by its first block. */
const FRAGMENT_WORDS = 5
/** Bytes of the datagram before it and behind it; where the run ends that begins with it; the next fragment and run. */
const START = 0
const END = 1
const RUN_END = 2
const NEXT = 3
const NEXT_RUN = 4

/** What the kernel spends on a queue beside its fragments, about (sizeof(struct ipq) and of its like). */
const QUEUE_BYTES = 256
/** Room for one more packet when the threshold is almost reached. */
const LARGEST = Math.ceil(65536 / BLOCK)

/** What a queue is found by; one object for all packets. */
export class QueueKey {
  user = 0
  id = 0
  interface = 0
  readonly addresses = new Int32Array(8)
}

/**
 * The datagrams of one IP version that wait for fragments, in bounded memory: past its threshold nothing is added until
 * some have expired (inet_frag_find in net/ipv4/inet_fragment.c). A run is a row of fragments that have come in order.
 */
export class FragmentQueues {
  /** Queue q's words start at q × QUEUE_WORDS. */
  readonly records: Int32Array
  readonly store: FragmentStore
  /** [0]: jiffies. A double that is handed on would be boxed. */
  readonly #clock: Float64Array
  /** Jiffies that a datagram has. */
  readonly #timeout: number
  readonly #threshold: number
  readonly #fragments: Int32Array
  readonly #deadlines: Float64Array
  readonly #buckets: Int32Array
  readonly #seeds: Seeds
  #free = NONE
  #fresh = 0
  /** Queues held. */
  size = 0
  #oldest = NONE
  #newest = NONE

  /** threshold: bytes. timeout: jiffies. clock: [0] is the time in jiffies. */
  constructor(threshold: number, timeout: number, seeds: Seeds, clock: Float64Array) {
    const blocks = Math.ceil(threshold / BLOCK) + LARGEST
    this.#threshold = threshold
    this.#timeout = timeout
    this.#seeds = seeds
    this.#clock = clock
    this.store = new FragmentStore(blocks)
    this.records = new Int32Array(blocks * QUEUE_WORDS)
    this.#fragments = new Int32Array(blocks * FRAGMENT_WORDS)
    this.#deadlines = new Float64Array(blocks)
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(blocks))).fill(NONE)
  }

  /** Bytes that are spoken for. */
  get memory(): number {
    return this.store.used * BLOCK + this.size * QUEUE_BYTES
  }

  /** The queue of a key, begun now if need be; -1 if there is no room. */
  find(key: QueueKey): number {
    if (this.memory > this.#threshold) return NONE
    const hash = this.#hash(key)
    const bucket = hash & (this.#buckets.length - 1)
    for (
      let queue = this.#buckets[bucket]!;
      queue !== NONE;
      queue = this.records[queue * QUEUE_WORDS + CHAIN]!
    ) {
      if (this.#isOf(queue * QUEUE_WORDS, key)) return queue
    }
    return this.#begin(key, hash)
  }

  /** A datagram is complete or spoilt: its queue is gone. */
  end(queue: number): void {
    const records = this.records
    const at = queue * QUEUE_WORDS
    this.#unlink(queue)
    const bucket = records[at + HASH]! & (this.#buckets.length - 1)
    let previous = this.#buckets[bucket]!
    if (previous === queue) this.#buckets[bucket] = records[at + CHAIN]!
    else {
      while (records[previous * QUEUE_WORDS + CHAIN] !== queue)
        previous = records[previous * QUEUE_WORDS + CHAIN]!
      records[previous * QUEUE_WORDS + CHAIN] = records[at + CHAIN]!
    }
    this.#dropFragments(at)
    records[at + CHAIN] = this.#free
    this.#free = queue
    this.size--
  }

  /** A queue begins again, with nothing in it. */
  restart(queue: number): void {
    const at = queue * QUEUE_WORDS
    this.#dropFragments(at)
    this.#unlink(queue)
    this.#append(queue)
    this.#empty(at)
  }

  /** Whether a queue has room for bytes `start` up to `end` of its datagram: a number of Place. */
  place(queue: number, start: number, end: number): number {
    const fragments = this.#fragments
    const at = queue * QUEUE_WORDS
    const last = this.records[at + LAST_RUN]!
    if (last === NONE) return Place.free
    const lastEnd = fragments[last * FRAGMENT_WORDS + RUN_END]!
    if (lastEnd < end) return start < lastEnd ? Place.overlap : Place.free
    let run = this.records[at + RUNS]!
    while (run !== NONE) {
      const runStart = fragments[run * FRAGMENT_WORDS + START]!
      const runEnd = fragments[run * FRAGMENT_WORDS + RUN_END]!
      if (end <= runStart) return Place.free
      if (start < runEnd) return start >= runStart && end <= runEnd ? Place.duplicate : Place.overlap
      run = fragments[run * FRAGMENT_WORDS + NEXT_RUN]!
    }
    return Place.free
  }

  /** Adds the fragment with these bytes (a name of the store) where `place` says that there is room. */
  add(queue: number, fragment: number, start: number, end: number): void {
    const { records } = this
    const fragments = this.#fragments
    const at = queue * QUEUE_WORDS
    const own = fragment * FRAGMENT_WORDS
    fragments[own + START] = start
    fragments[own + END] = end
    fragments[own + RUN_END] = end
    fragments[own + NEXT] = records[at + FRAGMENTS]!
    fragments[own + NEXT_RUN] = NONE
    records[at + FRAGMENTS] = fragment
    const last = records[at + LAST_RUN]!
    if (last === NONE || fragments[last * FRAGMENT_WORDS + RUN_END]! < end) {
      if (last !== NONE && fragments[last * FRAGMENT_WORDS + RUN_END] === start) {
        fragments[last * FRAGMENT_WORDS + RUN_END] = end
        return
      }
      if (last === NONE) records[at + RUNS] = fragment
      else fragments[last * FRAGMENT_WORDS + NEXT_RUN] = fragment
      records[at + LAST_RUN] = fragment
      return
    }
    let before = NONE
    let run = records[at + RUNS]!
    while (run !== NONE && fragments[run * FRAGMENT_WORDS + START]! < start) {
      before = run
      run = fragments[run * FRAGMENT_WORDS + NEXT_RUN]!
    }
    fragments[own + NEXT_RUN] = run
    if (before === NONE) records[at + RUNS] = fragment
    else fragments[before * FRAGMENT_WORDS + NEXT_RUN] = fragment
  }

  /** Copies all fragments to their places; the datagram's data begin at `to`, and before them comes the first's header. */
  copy(queue: number, target: DataView, to: number): void {
    const fragments = this.#fragments
    const at = queue * QUEUE_WORDS
    const head = this.records[at + Queue.head]!
    const headLength = this.records[at + Queue.headLength]!
    let fragment = this.records[at + FRAGMENTS]!
    while (fragment !== NONE) {
      const own = fragment * FRAGMENT_WORDS
      const start = fragments[own + START]!
      const header = fragment === head ? headLength : 0
      this.store.get(fragment, header + fragments[own + END]! - start, target, to + start - header)
      fragment = fragments[own + NEXT]!
    }
  }

  #begin(key: QueueKey, hash: number): number {
    const records = this.records
    let queue = this.#free
    if (queue !== NONE) this.#free = records[queue * QUEUE_WORDS + CHAIN]!
    else if (this.#fresh < this.store.blocks) queue = this.#fresh++
    else return NONE
    this.size++
    const at = queue * QUEUE_WORDS
    const bucket = hash & (this.#buckets.length - 1)
    records[at + CHAIN] = this.#buckets[bucket]!
    this.#buckets[bucket] = queue
    records[at + HASH] = hash
    records[at + USER] = key.user
    records[at + ID] = key.id
    records[at + INTERFACE] = key.interface
    for (let word = 0; word < 8; word++) records[at + ADDRESSES + word] = key.addresses[word]!
    records[at + Queue.count] = 0
    this.#append(queue)
    this.#empty(at)
    return queue
  }

  #empty(at: number): void {
    const records = this.records
    for (let word = at + Queue.seen; word <= at + Queue.longestUnbreakable; word++) records[word] = 0
    records[at + FRAGMENTS] = records[at + RUNS] = records[at + LAST_RUN] = records[at + Queue.head] = NONE
    records[at + Queue.whole] = 0x7fffffff
  }

  #dropFragments(at: number): void {
    let fragment = this.records[at + FRAGMENTS]!
    while (fragment !== NONE) {
      const next = this.#fragments[fragment * FRAGMENT_WORDS + NEXT]!
      this.store.free(fragment)
      fragment = next
    }
  }

  /** Datagrams whose time is over are gone. */
  expire(): void {
    while (this.#oldest !== NONE && this.#deadlines[this.#oldest]! <= this.#clock[0]!) this.end(this.#oldest)
  }

  #append(queue: number): void {
    const records = this.records
    const at = queue * QUEUE_WORDS
    this.#deadlines[queue] = this.#clock[0]! + this.#timeout
    records[at + OLDER] = this.#newest
    records[at + NEWER] = NONE
    if (this.#newest === NONE) this.#oldest = queue
    else records[this.#newest * QUEUE_WORDS + NEWER] = queue
    this.#newest = queue
  }

  #unlink(queue: number): void {
    const records = this.records
    const older = records[queue * QUEUE_WORDS + OLDER]!
    const newer = records[queue * QUEUE_WORDS + NEWER]!
    if (older === NONE) this.#oldest = newer
    else records[older * QUEUE_WORDS + NEWER] = newer
    if (newer === NONE) this.#newest = older
    else records[newer * QUEUE_WORDS + OLDER] = older
  }

  #isOf(at: number, key: QueueKey): boolean {
    const records = this.records
    if (records[at + ID] !== key.id || records[at + USER] !== key.user) return false
    for (let word = 0; word < 8; word++) {
      if (records[at + ADDRESSES + word] !== key.addresses[word]) return false
    }
    return records[at + INTERFACE] === key.interface
  }

  #hash({ user, id, addresses }: QueueKey): number {
    let h = Math.imul(this.#seeds[0] ^ id, 0x9e3779b1) + user
    for (let word = 0; word < 8; word++) h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) + addresses[word]!
    h = Math.imul(h ^ (h >>> 13) ^ this.#seeds[1], 0xc2b2ae35)
    return h ^ (h >>> 16)
  }
}
