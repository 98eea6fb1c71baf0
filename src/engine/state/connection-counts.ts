import type { Packet } from '../../packet/packet.js'
import type { Connlimit } from '../../ruleset/model.js'
import type { Connections } from '../environment.js'
import type { Slots } from './slots.js'

const JIFFY = 4e6
const NONE = -1
/** Connections that all slots together remember at most. */
const MOST = 65_536
/** How many connections that are over are forgotten at a time (CONNCOUNT_GC_MAX_NODES). */
const FORGOTTEN_AT_ONCE = 8

/**
 * Lists of connections, one a slot (net/netfilter/nf_conncount.c): the first packet of a connection puts it on, and it
 * stays until it is out of the table of connections or closing. They are looked through at most once a jiffy.
 */
export class ConnectionCounts implements Slots {
  readonly #most: number
  readonly #over: boolean
  readonly #connections: Connections
  /** By slot: the first node of its list, how many there are, and the jiffy in which it was looked through last. */
  #heads = new Int32Array(1).fill(NONE)
  #counts = new Int32Array(1)
  #looked = new Float64Array(1).fill(NONE)
  /** By node. */
  #flows = new Int32Array(16)
  #generations = new Int32Array(16)
  #next = new Int32Array(16)
  #free = NONE
  #used = 0

  constructor({ count, over }: Connlimit, connections: Connections) {
    this.#most = count
    this.#over = over
    this.#connections = connections
  }

  grow(slots: number): void {
    const had = this.#heads.length
    this.#heads = copy(this.#heads, new Int32Array(slots)).fill(NONE, had)
    this.#counts = copy(this.#counts, new Int32Array(slots))
    this.#looked = copy(this.#looked, new Float64Array(slots)).fill(NONE, had)
  }

  reset(slot: number): void {
    for (let node = this.#heads[slot]!; node !== NONE; ) {
      const next = this.#next[node]!
      this.#giveBack(node)
      node = next
    }
    this.#heads[slot] = NONE
    this.#counts[slot] = 0
  }

  run(slot: number, packet: Packet): boolean {
    const now = Math.floor(packet.time[0]! / JIFFY)
    const known = this.#lookThrough(slot, now, packet.flow)
    const { flow } = packet
    const isNew = !known && (flow < 0 || !this.#connections.isConfirmed(flow))
    // One that cannot be remembered is over any limit.
    if (isNew && flow >= 0 && !this.#add(slot, flow)) return this.#over
    const count = this.#counts[slot]! + (isNew && flow < 0 ? 1 : 0)
    return count > this.#most === this.#over
  }

  /** Forgets what is over, unless that was done in this jiffy. Whether a flow is on the list. */
  #lookThrough(slot: number, now: number, flow: number): boolean {
    if (this.#looked[slot] === now) return false
    this.#looked[slot] = now
    let forgotten = 0
    let before = NONE
    for (let node = this.#heads[slot]!; node !== NONE && forgotten < FORGOTTEN_AT_ONCE; ) {
      const next = this.#next[node]!
      const isSame = this.#isCurrent(node)
      if (isSame && this.#flows[node] === flow) return true
      if (isSame && this.#isCounted(node)) before = node
      else {
        if (before === NONE) this.#heads[slot] = next
        else this.#next[before] = next
        this.#giveBack(node)
        this.#counts[slot]!--
        forgotten++
      }
      node = next
    }
    return false
  }

  #isCurrent(node: number): boolean {
    return this.#connections.generation(this.#flows[node]!) === this.#generations[node]
  }

  #isCounted(node: number): boolean {
    const flow = this.#flows[node]!
    return this.#connections.isConfirmed(flow) && !this.#connections.isClosing(flow)
  }

  /** False if no more connections can be remembered. */
  #add(slot: number, flow: number): boolean {
    const node = this.#take()
    if (node === NONE) return false
    this.#flows[node] = flow
    this.#generations[node] = this.#connections.generation(flow)
    this.#next[node] = this.#heads[slot]!
    this.#heads[slot] = node
    this.#counts[slot]!++
    return true
  }

  #take(): number {
    const node = this.#free
    if (node !== NONE) {
      this.#free = this.#next[node]!
      return node
    }
    if (this.#used === MOST) return NONE
    if (this.#used === this.#flows.length) {
      const room = this.#used * 2
      this.#flows = copy(this.#flows, new Int32Array(room))
      this.#generations = copy(this.#generations, new Int32Array(room))
      this.#next = copy(this.#next, new Int32Array(room))
    }
    return this.#used++
  }

  #giveBack(node: number): void {
    this.#next[node] = this.#free
    this.#free = node
  }
}

function copy<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}
