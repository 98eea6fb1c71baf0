/** The reference of nf_conncount's lists of connections, for xt_connlimit and for nft's ct count. */
import type { Packet } from '../../../packet/packet.js'
import type { Connections } from '../../environment.js'
import { addressesOf, behindExtensions, bytesOf, isIPv6, numberAt, transportOf } from './bytes.js'

/** CONNCOUNT_GC_MAX_NODES. */
const MOST = 64
const [ASSURED, CONFIRMED] = [4, 8]

/** A tuple that lists hold, and the latest connection that has it. */
interface Held {
  readonly tuple: string
  flow: number
  generation: number
}

/** The lists of one rule. The kernel finds connections by their tuples, in whichever list; so they are held in common. */
export class CountedLists {
  readonly #lists = new Set<CountedConnections>()

  list(): CountedConnections {
    const list = new CountedConnections(this)
    this.#lists.add(list)
    return list
  }

  held(tuple: string): Held | undefined {
    for (const { entries } of this.#lists) {
      const found = entries.find((each) => each.tuple === tuple)
      if (found !== undefined) return found
    }
    return undefined
  }
}

export class CountedConnections {
  readonly #owner: CountedLists
  entries: Held[] = []
  /** The tick of the last walk, and how many there were behind it. */
  #walked = -1n
  #sizeThen = 0

  constructor(owner: CountedLists) {
    this.#owner = owner
  }

  /** Adds the first of a list, whatever it is; false if conntrack could not take up the packet. */
  start(packet: Packet, now: bigint, connections: Connections): boolean {
    const tuple = this.#read(packet, connections)
    if (tuple === undefined) return false
    this.#walked = now
    this.#append(tuple, packet.flow, connections)
    return true
  }

  /** Adds the packet's connection unless it is there or long established; false as of `start`. */
  add(packet: Packet, now: bigint, connections: Connections): boolean {
    const tuple = this.#read(packet, connections)
    if (tuple === undefined) return false
    const flow = packet.flow < 0 ? this.#known(tuple, connections) : packet.flow
    const status = flow < 0 ? 0 : connections.status(flow)
    const confirmed = (status & CONFIRMED) !== 0
    if (confirmed && (status & ASSURED) !== 0) {
      this.collect(now, connections)
      return true
    }
    const recent = this.#walked === now && this.entries.length - this.#sizeThen < MOST
    if ((confirmed || !recent) && this.#walk(now, flow, connections)) return true
    this.#append(tuple, flow, connections)
    return true
  }

  /** Removes what is gone or closing, once a tick. */
  collect(now: bigint, connections: Connections): void {
    if (this.#walked !== now) this.#walk(now, -1, connections)
  }

  #read(packet: Packet, connections: Connections): Tuple | undefined {
    if (packet.flow < 0) return tupleOf(packet)
    const tuple = tupleOfFlow(packet, connections)
    const held = this.#owner.held(tuple.there)
    if (held !== undefined) Object.assign(held, latest(packet.flow, connections))
    return tuple
  }

  /** The connection that a packet which belongs to none has the tuple of, in either direction. */
  #known({ there, back }: Tuple, connections: Connections): number {
    const held = [there, back].map((tuple) => this.#owner.held(tuple))
    return held.find((each) => each !== undefined && isThere(each, connections))?.flow ?? -1
  }

  #append({ there }: Tuple, flow: number, connections: Connections): void {
    this.entries.push(this.#owner.held(there) ?? { tuple: there, ...latest(flow, connections) })
  }

  /** Removes no more than 65 entries; stops, and says so, at the connection itself. */
  #walk(now: bigint, own: number, connections: Connections): boolean {
    const kept: Held[] = []
    for (const [i, entry] of this.entries.entries()) {
      const there = isThere(entry, connections)
      const removed = i - kept.length
      const met = removed <= MOST && there && entry.flow === own
      if (met || removed > MOST) {
        kept.push(...this.entries.slice(i))
        this.entries = kept
        if (met) return true
        break
      }
      if (there && !connections.isClosing(entry.flow)) kept.push(entry)
    }
    this.entries = kept
    this.#walked = now
    this.#sizeThen = kept.length
    return false
  }
}

function latest(flow: number, connections: Connections): { flow: number; generation: number } {
  return { flow, generation: flow < 0 ? 0 : connections.generation(flow) }
}

function isThere({ flow, generation }: Held, connections: Connections): boolean {
  return flow >= 0 && connections.generation(flow) === generation && connections.isConfirmed(flow)
}

interface Tuple {
  readonly there: string
  readonly back: string
}

function tupleFrom(
  source: bigint,
  sport: number,
  destination: bigint,
  dport: number,
  protocol: number,
): Tuple {
  return {
    there: `${source} ${sport} ${destination} ${dport} ${protocol}`,
    back: `${destination} ${dport} ${source} ${sport} ${protocol}`,
  }
}

function tupleOfFlow(packet: Packet, connections: Connections): Tuple {
  const { flow } = packet
  const words = isIPv6(packet) ? [0, 1, 2, 3] : [0]
  const address = (of: 'source' | 'destination') =>
    words.reduce((all, word) => (all << 32n) | BigInt(connections[of](flow, 0, word) >>> 0), 0n)
  const ports = [connections.sourcePort(flow, 0), connections.destinationPort(flow, 0)] as const
  return tupleFrom(address('source'), ports[0], address('destination'), ports[1], connections.protocol(flow))
}

/** What conntrack would know the packet by: it is no later fragment, and has what its protocol is tracked by. */
function tupleOf(packet: Packet): Tuple | undefined {
  const where = behindExtensions(packet)
  if (where === undefined || where.protocol === 44) return undefined
  const transport = transportOf(packet)
  if (transport !== 'broken' && transport.fragment !== 0) return undefined
  const bytes = bytesOf(packet).slice(where.at)
  const [size, source, destination] = { 1: ICMP, 58: ICMP, 6: PORTS, 17: PORTS, 132: PORTS, 136: PORTS }[
    where.protocol
  ] ?? [0]
  if (bytes.length < size!) return undefined
  const port = (at: number | undefined) => (at === undefined ? 0 : numberAt(bytes, at, 2))
  const addresses = addressesOf(packet)
  return tupleFrom(addresses.source, port(source), addresses.destination, port(destination), where.protocol)
}

/** Bytes that must be there, and where what stands for the ports is in them. */
const ICMP = [8, 4, 0]
const PORTS = [4, 0, 2]
