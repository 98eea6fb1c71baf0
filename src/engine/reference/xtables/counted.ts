/** The reference of nf_conncount's lists of connections, for xt_connlimit and for nft's ct count. */
import { Family, type Packet } from '../../../packet/packet.js'
import type { Connections, ConnectionTuple } from '../../environment.js'
import { addressesOf, behindExtensions, bytesOf, isIPv6, numberAt, transportOf } from './bytes.js'

/** CONNCOUNT_GC_MAX_NODES. */
const MOST = 64
const [ASSURED, CONFIRMED] = [4, 8]
const [ICMP, TCP, UDP, GRE, ICMP6, SCTP, UDPLITE] = [1, 6, 17, 47, 58, 132, 136]
/** What GRE of version 1 carries. */
const PPP = 0x880b
const U32 = 0xffffffffn

export class CountedConnections {
  entries: ConnectionTuple[] = []
  /** The tick of the last walk, and how many there were behind it. */
  #walked = -1n
  #sizeThen = 0

  /** Adds the first of a list, whatever it is; false if conntrack could not take up the packet. */
  start(packet: Packet, now: bigint, connections: Connections): boolean {
    const tuple = tupleOf(packet, connections)
    if (tuple === undefined) return false
    this.#walked = now
    this.entries.push(tuple)
    return true
  }

  /** Adds the packet's connection unless it is there or long established; false as of `start`. */
  add(packet: Packet, now: bigint, connections: Connections): boolean {
    const tuple = tupleOf(packet, connections)
    if (tuple === undefined) return false
    const flow = packet.flow < 0 ? find(tuple, now, connections) : packet.flow
    const status = flow < 0 ? 0 : connections.status(flow)
    const confirmed = (status & CONFIRMED) !== 0
    if (confirmed && (status & ASSURED) !== 0) {
      this.collect(now, connections)
      return true
    }
    const recent = this.#walked === now && this.entries.length - this.#sizeThen < MOST
    if ((confirmed || !recent) && this.#walk(now, tuple, connections)) return true
    this.entries.push(tuple)
    return true
  }

  /** Removes what is gone or closing, once a tick. */
  collect(now: bigint, connections: Connections): void {
    if (this.#walked !== now) this.#walk(now, undefined, connections)
  }

  /** Removes no more than 65 entries; stops, and says so, at the tuple that is sought if it is of a connection. */
  #walk(now: bigint, sought: ConnectionTuple | undefined, connections: Connections): boolean {
    const kept: ConnectionTuple[] = []
    for (const [i, entry] of this.entries.entries()) {
      const flow = find(entry, now, connections)
      const removed = i - kept.length
      const met = removed <= MOST && flow >= 0 && sought !== undefined && isSame(entry, sought)
      if (met || removed > MOST) {
        kept.push(...this.entries.slice(i))
        this.entries = kept
        if (met) return true
        break
      }
      if (flow >= 0 && !connections.isClosing(flow)) kept.push(entry)
    }
    this.entries = kept
    this.#walked = now
    this.#sizeThen = kept.length
    return false
  }
}

const TICK = 4_000_000n
/** Of the table's own: the connection of a tuple, in either direction. */
const find = (tuple: ConnectionTuple, now: bigint, connections: Connections) =>
  connections.find(tuple, Number(now * TICK))

function isSame(one: ConnectionTuple, other: ConnectionTuple): boolean {
  return (
    one.kind === other.kind &&
    one.ports === other.ports &&
    one.addresses.every((word, i) => word === other.addresses[i])
  )
}

/** What conntrack knows a packet by: the beginning of its connection, or itself if it belongs to none. */
function tupleOf(packet: Packet, connections: Connections): ConnectionTuple | undefined {
  const { flow } = packet
  if (flow < 0) return ownTuple(packet)
  const words = [0, 1, 2, 3]
  const family = connections.l3proto(flow)
  const address = (of: 'source' | 'destination') =>
    words.map((word) => (word === 0 || family === Family.ipv6 ? connections[of](flow, 0, word) : 0))
  return {
    kind: family * 256 + connections.protocol(flow),
    ports: (connections.sourcePort(flow, 0) << 16) | connections.destinationPort(flow, 0),
    addresses: Int32Array.from([...address('source'), ...address('destination')]),
  }
}

/** Of a packet that is no later fragment, and has what its protocol is tracked by. */
function ownTuple(packet: Packet): ConnectionTuple | undefined {
  const where = behindExtensions(packet)
  if (where === undefined || where.protocol === 44) return undefined
  const transport = transportOf(packet)
  if (transport !== 'broken' && transport.fragment !== 0) return undefined
  const ports = portsOf(where.protocol, isIPv6(packet), bytesOf(packet).slice(where.at))
  if (ports === undefined) return undefined
  const { source, destination } = addressesOf(packet)
  const words = (address: bigint) =>
    isIPv6(packet)
      ? [96n, 64n, 32n, 0n].map((bits) => Number((address >> bits) & U32))
      : [Number(address), 0, 0, 0]
  return {
    kind: packet.family * 256 + where.protocol,
    ports,
    addresses: Int32Array.from([...words(source), ...words(destination)]),
  }
}

/** What a transport header has in place of ports; undefined if it must have some but has not. */
function portsOf(protocol: number, isIPv6: boolean, bytes: readonly number[]): number | undefined {
  if ([TCP, UDP, SCTP, UDPLITE].includes(protocol))
    return bytes.length < 4 ? undefined : numberAt(bytes, 0, 4) | 0
  if (protocol === (isIPv6 ? ICMP6 : ICMP))
    return bytes.length < 8 ? undefined : (numberAt(bytes, 4, 2) << 16) | numberAt(bytes, 0, 2)
  const isPptp = protocol === GRE && bytes.length >= 8 && (bytes[1]! & 7) === 1
  if (!isPptp) return 0
  return numberAt(bytes, 2, 2) === PPP ? numberAt(bytes, 6, 2) : undefined
}
