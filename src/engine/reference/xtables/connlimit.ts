/** The reference of xt_connlimit's lists of connections. */
import type { Packet } from '../../../packet/packet.js'
import type { ConnlimitMatch } from '../../../ruleset/xtables.js'
import type { Connections } from '../../environment.js'
import { addressesOf, behindExtensions, bytesOf, isIPv6, masked, numberAt, transportOf } from './bytes.js'
import { outcome, type XtablesOutcome } from './outcome.js'
import { tick } from './time.js'

interface CountedList {
  tuples: string[]
  /** When it was last walked, and how many it had then. */
  walked: bigint
  sizeThen: number
}

export class Connlimit {
  readonly #lists = new Map<bigint, CountedList>()
  /** The latest connection of each tuple. */
  readonly #latest = new Map<string, { flow: number; generation: number }>()

  matches(match: ConnlimitMatch, packet: Packet, connections: Connections): XtablesOutcome {
    const count = this.#count(match, packet, connections)
    return count === 0 ? 'hotdrop' : outcome(count > match.count === match.above)
  }

  #count({ side, mask }: ConnlimitMatch, packet: Packet, connections: Connections): number {
    const { flow } = packet
    const tuple = flow < 0 ? tupleOf(packet) : tupleOfFlow(packet, connections)
    if (tuple === undefined) return 0
    if (flow >= 0) this.#latest.set(tuple.there, { flow, generation: connections.generation(flow) })
    const { source, destination } = addressesOf(packet)
    const key = masked(side === 'source' ? source : destination, mask, isIPv6(packet) ? 128 : 32)
    const now = tick(packet)
    const list = this.#lists.get(key)
    if (list === undefined) {
      this.#lists.set(key, { tuples: [tuple.there], walked: now, sizeThen: 0 })
      return 1
    }
    // The kernel finds connections by their tuples, also those of packets that it takes for invalid.
    const listed = [tuple.there, tuple.back].filter((each) => this.#isListed(each))
    const known = listed.map((each) => this.#flowOf(each, connections)).find((each) => each >= 0)
    const own = flow < 0 ? (known ?? -1) : flow
    const status = own < 0 ? 0 : connections.status(own)
    const confirmed = (status & 8) !== 0
    if (confirmed && (status & 4) !== 0) {
      if (list.walked !== now) this.#walk(list, now, -1, connections)
      return list.tuples.length
    }
    const skips = !confirmed && list.walked === now && list.tuples.length - list.sizeThen < 64
    if (skips || !this.#walk(list, now, own, connections)) list.tuples.push(tuple.there)
    return list.tuples.length
  }

  #isListed(tuple: string): boolean {
    return [...this.#lists.values()].some(({ tuples }) => tuples.includes(tuple))
  }

  /** The connection in the table that has a tuple; -1 if there is none. */
  #flowOf(tuple: string, connections: Connections): number {
    const { flow, generation } = this.#latest.get(tuple) ?? { flow: -1, generation: 0 }
    return flow >= 0 && connections.generation(flow) === generation && connections.isConfirmed(flow)
      ? flow
      : -1
  }

  /** Removes what is gone or closing, no more than 65 of them; stops, and says so, at the connection itself. */
  #walk(list: CountedList, now: bigint, own: number, connections: Connections): boolean {
    const kept: string[] = []
    for (const [i, tuple] of list.tuples.entries()) {
      const flow = this.#flowOf(tuple, connections)
      if (flow >= 0 && flow === own) {
        list.tuples = [...kept, ...list.tuples.slice(i)]
        return true
      }
      const removed = i - kept.length
      if (removed > 64) {
        kept.push(...list.tuples.slice(i))
        break
      }
      if (flow >= 0 && !connections.isClosing(flow)) kept.push(tuple)
    }
    list.tuples = kept
    list.walked = now
    list.sizeThen = kept.length
    return false
  }
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
