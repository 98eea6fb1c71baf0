/** Lists of connections, for nft's `ct count` and xtables' connlimit: net/netfilter/nf_conncount.c. */
import type { Packet } from '../../packet/packet.js'
import type { Connections } from '../environment.js'
import { jiffiesOf, timeOf } from '../xtables/jiffies.js'
import { Tuple } from './flows/tuple.js'

const NONE = -1
/** CONNCOUNT_GC_MAX_NODES: how many entries a walk collects, and how many are added without one within a tick. */
const COLLECTED = 64
/** Bits of enum ip_conntrack_status. */
const ASSURED = 4
const CONFIRMED = 8
/** Words of an entry: the next one of its list, or of the free ones, and its tuple as the entries of flows have theirs. */
const NEXT = 0
const WORDS = 11

/**
 * Lists by number, of the tuples of connections that are in the table and not closing. What is there no more is found out
 * by walks, of which a list has at most one a tick while new connections come; so what they brought in and the ruleset
 * dropped counts until the next, and longer if a connection with its tuple is there. Now: jiffies.
 * Bounded: all lists share so many entries. Nothing is allocated after construction.
 */
export class ConnectionLists {
  readonly #connections: Connections
  /** Of each list: its first and last entry, how many it has, the tick of its last walk and how many it had then. */
  #first: Int32Array
  #last: Int32Array
  #size: Int32Array
  #walked: Float64Array
  #sizeThen: Int32Array
  readonly #entries: Int32Array
  readonly #capacity: number
  /** Of the packet, and of an entry. */
  readonly #tuple = new Tuple()
  readonly #held = new Tuple()
  #free = NONE
  #used = 0

  constructor(connections: Connections, lists: number, entries: number) {
    this.#connections = connections
    this.#first = new Int32Array(lists).fill(NONE)
    this.#last = new Int32Array(lists).fill(NONE)
    this.#size = new Int32Array(lists)
    this.#walked = new Float64Array(lists).fill(Number.NEGATIVE_INFINITY)
    this.#sizeThen = new Int32Array(lists)
    this.#entries = new Int32Array(entries * WORDS)
    this.#capacity = entries
  }

  /** Makes room for so many lists. */
  grow(lists: number): void {
    const had = this.#size.length
    this.#first = copied(this.#first, new Int32Array(lists)).fill(NONE, had)
    this.#last = copied(this.#last, new Int32Array(lists)).fill(NONE, had)
    this.#size = copied(this.#size, new Int32Array(lists))
    this.#walked = copied(this.#walked, new Float64Array(lists)).fill(Number.NEGATIVE_INFINITY, had)
    this.#sizeThen = copied(this.#sizeThen, new Int32Array(lists))
  }

  size(list: number): number {
    return this.#size[list]!
  }

  /**
   * Adds the packet's connection unless it is there or long established: then the list is brought up to date instead.
   * A packet that belongs to none counts as one that ends at once, unless there is a connection with its tuple. False
   * if it cannot be tracked, or if there is no room: the packet must be dropped.
   */
  add(list: number, packet: Packet): boolean {
    if (!this.#read(packet)) return false
    const now = jiffiesOf(packet.time[0]!)
    const flow = packet.flow < 0 ? this.#connections.find(this.#tuple, timeOf(now)) : packet.flow
    const status = flow < 0 ? 0 : this.#connections.status(flow)
    // A packet's own connection may have left the table with it, as after a reset.
    const confirmed = (status & CONFIRMED) !== 0
    if (confirmed && status & ASSURED) {
      this.collect(list, now)
      return true
    }
    const recent = now === this.#walked[list] && this.#size[list]! - this.#sizeThen[list]! < COLLECTED
    if ((confirmed || !recent) && this.#walk(list, now, true)) return true
    return this.#append(list)
  }

  /** Empties a list and puts the packet's connection into it, whatever it is: the first of its key. */
  start(list: number, packet: Packet): boolean {
    this.clear(list)
    this.#walked[list] = jiffiesOf(packet.time[0]!)
    return this.#read(packet) && this.#append(list)
  }

  /** Removes what is no longer there or is closing. */
  collect(list: number, now: number): void {
    if (now !== this.#walked[list]) this.#walk(list, now, false)
  }

  clear(list: number): void {
    for (let entry = this.#first[list]!; entry !== NONE; ) {
      const next = this.#entries[entry * WORDS + NEXT]!
      this.#release(entry)
      entry = next
    }
    this.#first[list] = this.#last[list] = NONE
    this.#size[list] = this.#sizeThen[list] = 0
    this.#walked[list] = Number.NEGATIVE_INFINITY
  }

  /** The tuple that the packet's connection began with, or its own if it belongs to none; false if it has none. */
  #read({ flow, view, family, network, end, length }: Packet): boolean {
    if (flow < 0) return this.#tuple.read(view, family, network, end, network + length)
    this.#tuple.take(this.#connections, flow)
    return true
  }

  /** Walks along a list, collecting; true, and no further, if it meets the packet's tuple and that is sought. */
  #walk(list: number, now: number, seeks: boolean): boolean {
    const held = this.#held
    let previous = NONE
    let collected = 0
    for (let entry = this.#first[list]!; entry !== NONE && collected <= COLLECTED; ) {
      const next = this.#entries[entry * WORDS + NEXT]!
      held.load(this.#entries, entry * WORDS)
      const flow = this.#connections.find(held, timeOf(now))
      if (flow >= 0 && seeks && held.equals(this.#tuple)) return true
      if (flow < 0 || this.#connections.isClosing(flow)) {
        this.#remove(list, entry, previous)
        collected++
      } else previous = entry
      entry = next
    }
    this.#walked[list] = now
    this.#sizeThen[list] = this.#size[list]!
    return false
  }

  #append(list: number): boolean {
    const entries = this.#entries
    let entry = this.#free
    if (entry !== NONE) this.#free = entries[entry * WORDS + NEXT]!
    else if (this.#used < this.#capacity) entry = this.#used++
    else return false
    this.#tuple.store(entries, entry * WORDS)
    entries[entry * WORDS + NEXT] = NONE
    const last = this.#last[list]!
    if (last === NONE) this.#first[list] = entry
    else entries[last * WORDS + NEXT] = entry
    this.#last[list] = entry
    this.#size[list]!++
    return true
  }

  #remove(list: number, entry: number, previous: number): void {
    const next = this.#entries[entry * WORDS + NEXT]!
    if (previous === NONE) this.#first[list] = next
    else this.#entries[previous * WORDS + NEXT] = next
    if (next === NONE) this.#last[list] = previous
    this.#size[list]!--
    this.#release(entry)
  }

  #release(entry: number): void {
    this.#entries[entry * WORDS + NEXT] = this.#free
    this.#free = entry
  }
}

function copied<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}
