/** Lists of connections, for nft's `ct count` and xtables' connlimit: net/netfilter/nf_conncount.c. */
import type { Packet } from '../../packet/packet.js'
import type { Connections } from '../environment.js'
import { KeyedTable } from './keyed.js'
import type { Seeds } from './sources.js'
import { Tuples } from './tuples.js'

const NONE = -1
/** CONNCOUNT_GC_MAX_NODES: how many entries a walk collects, and how many are added without one within a tick. */
const COLLECTED = 64
/** Bits of enum ip_conntrack_status. */
const ASSURED = 4
const CONFIRMED = 8

/**
 * Lists by number, of connections that are in the table and not closing. What is there no more is found out by walks, of
 * which a list has at most one a tick while new connections come; so what they brought in and the ruleset dropped counts
 * until the next. Bounded: all lists share so many entries. Nothing is allocated after construction.
 */
export class ConnectionLists {
  readonly #connections: Connections
  /** Of each list: its first and last entry, how many it has, when it was last walked and how many it had then. */
  #first: Int32Array
  #last: Int32Array
  #size: Int32Array
  #walked: Float64Array
  #sizeThen: Int32Array
  /** Tuples, and of each: the latest connection that has it, -1 for none, and how many entries are of it. */
  readonly #keys: KeyedTable
  readonly #flow: Int32Array
  readonly #generation: Float64Array
  readonly #references: Int32Array
  /** Of each entry: its tuple, and the next entry. */
  readonly #tuple: Int32Array
  readonly #next: Int32Array
  readonly #tuples: Tuples
  #free = NONE
  #used = 0

  constructor(connections: Connections, lists: number, entries: number, seeds: Seeds) {
    this.#connections = connections
    this.#tuples = new Tuples(seeds)
    this.#first = new Int32Array(lists).fill(NONE)
    this.#last = new Int32Array(lists).fill(NONE)
    this.#size = new Int32Array(lists)
    this.#walked = new Float64Array(lists).fill(Number.NEGATIVE_INFINITY)
    this.#sizeThen = new Int32Array(lists)
    this.#keys = new KeyedTable(entries, 2, seeds)
    this.#flow = new Int32Array(entries)
    this.#generation = new Float64Array(entries)
    this.#references = new Int32Array(entries)
    this.#tuple = new Int32Array(entries)
    this.#next = new Int32Array(entries)
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
   * A packet that belongs to none counts as one that ends at once, unless the list has its connection. Now: ticks. False
   * if it cannot be tracked, or if there is no room: the packet must be dropped.
   */
  add(list: number, packet: Packet, now: number): boolean {
    if (!this.#read(packet)) return false
    const flow = packet.flow < 0 ? this.#known() : packet.flow
    const status = flow < 0 ? 0 : this.#connections.status(flow)
    // A packet's own connection may have left the table with it, as after a reset.
    const confirmed = (status & CONFIRMED) !== 0
    if (confirmed && status & ASSURED) {
      this.collect(list, now)
      return true
    }
    const recent = now === this.#walked[list] && this.#size[list]! - this.#sizeThen[list]! < COLLECTED
    if ((confirmed || !recent) && this.#walk(list, now, flow)) return true
    return this.#append(list, flow)
  }

  /** Empties a list and puts the packet's connection into it, whatever it is: the first of its key. */
  start(list: number, packet: Packet, now: number): boolean {
    this.clear(list)
    this.#walked[list] = now
    return this.#read(packet) && this.#append(list, packet.flow)
  }

  /** Removes what is no longer there or is closing. */
  collect(list: number, now: number): void {
    if (now !== this.#walked[list]) this.#walk(list, now, NONE)
  }

  clear(list: number): void {
    for (let entry = this.#first[list]!; entry !== NONE; ) {
      const next = this.#next[entry]!
      this.#release(entry)
      entry = next
    }
    this.#first[list] = this.#last[list] = NONE
    this.#size[list] = this.#sizeThen[list] = 0
    this.#walked[list] = Number.NEGATIVE_INFINITY
  }

  #read(packet: Packet): boolean {
    if (packet.flow < 0) return this.#tuples.ofPacket(packet)
    this.#tuples.ofConnection(this.#connections, packet.flow)
    const tuple = this.#find()
    if (tuple !== NONE) this.#set(tuple, packet.flow)
    return true
  }

  #find(): number {
    this.#keys.key[0] = this.#tuples.low
    this.#keys.key[1] = this.#tuples.high
    return this.#keys.find()
  }

  #set(tuple: number, flow: number): void {
    this.#flow[tuple] = flow
    this.#generation[tuple] = flow < 0 ? 0 : this.#connections.generation(flow)
  }

  /** The connection that a packet which belongs to none has the tuple of, in either direction; -1 if none is known. */
  #known(): number {
    const there = this.#find()
    if (there !== NONE && this.#isThere(there)) return this.#flow[there]!
    this.#keys.key[0] = this.#tuples.backLow
    this.#keys.key[1] = this.#tuples.backHigh
    const back = this.#keys.find()
    return back !== NONE && this.#isThere(back) ? this.#flow[back]! : NONE
  }

  /** Walks along a list, collecting; true, and no further, if it meets the connection itself. */
  #walk(list: number, now: number, own: number): boolean {
    let previous = NONE
    let collected = 0
    for (let entry = this.#first[list]!; entry !== NONE && collected <= COLLECTED; ) {
      const next = this.#next[entry]!
      const tuple = this.#tuple[entry]!
      if (!this.#isThere(tuple)) {
        this.#remove(list, entry, previous)
        collected++
      } else if (this.#flow[tuple] === own) return true
      else if (this.#connections.isClosing(this.#flow[tuple]!)) {
        this.#remove(list, entry, previous)
        collected++
      } else previous = entry
      entry = next
    }
    this.#walked[list] = now
    this.#sizeThen[list] = this.#size[list]!
    return false
  }

  #isThere(tuple: number): boolean {
    const flow = this.#flow[tuple]!
    return (
      flow >= 0 &&
      this.#connections.generation(flow) === this.#generation[tuple] &&
      this.#connections.isConfirmed(flow)
    )
  }

  #append(list: number, flow: number): boolean {
    let entry = this.#free
    if (entry !== NONE) this.#free = this.#next[entry]!
    else if (this.#used < this.#next.length) entry = this.#used++
    else return false
    let tuple = this.#find()
    if (tuple === NONE) {
      tuple = this.#keys.add()
      this.#references[tuple] = 0
      this.#set(tuple, flow)
    }
    this.#references[tuple]!++
    this.#tuple[entry] = tuple
    this.#next[entry] = NONE
    const last = this.#last[list]!
    if (last === NONE) this.#first[list] = entry
    else this.#next[last] = entry
    this.#last[list] = entry
    this.#size[list]!++
    return true
  }

  #remove(list: number, entry: number, previous: number): void {
    const next = this.#next[entry]!
    if (previous === NONE) this.#first[list] = next
    else this.#next[previous] = next
    if (next === NONE) this.#last[list] = previous
    this.#size[list]!--
    this.#release(entry)
  }

  #release(entry: number): void {
    const tuple = this.#tuple[entry]!
    this.#references[tuple]!--
    if (this.#references[tuple] === 0) this.#keys.remove(tuple)
    this.#next[entry] = this.#free
    this.#free = entry
  }
}

function copied<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}
