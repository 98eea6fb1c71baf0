/** The reference of xt_connlimit's lists of connections. */
import type { Packet } from '../../../packet/packet.js'
import type { ConnlimitMatch } from '../../../ruleset/xtables.js'
import type { Connections } from '../../environment.js'
import { addressesOf, behindExtensions, bytesOf, isIPv6, masked, transportOf } from './bytes.js'
import { outcome, type XtablesOutcome } from './outcome.js'
import { tick } from './time.js'

interface Counted {
  readonly flow: number
  readonly generation: number
}

interface CountedList {
  entries: Counted[]
  walked: bigint
  sizeThen: number
}

export class Connlimit {
  readonly #lists = new Map<bigint, CountedList>()

  matches(match: ConnlimitMatch, packet: Packet, connections: Connections): XtablesOutcome {
    const count = this.#count(match, packet, connections)
    return count === 0 ? 'hotdrop' : outcome(count > match.count === match.above)
  }

  #count({ side, mask }: ConnlimitMatch, packet: Packet, connections: Connections): number {
    if (packet.flow < 0 && !couldBeTracked(packet)) return 0
    const { source, destination } = addressesOf(packet)
    const key = masked(side === 'source' ? source : destination, mask, isIPv6(packet) ? 128 : 32)
    const now = tick(packet)
    const { flow } = packet
    const own = { flow, generation: flow < 0 ? 0 : connections.generation(flow) }
    const list = this.#lists.get(key)
    if (list === undefined) {
      this.#lists.set(key, { entries: [own], walked: now, sizeThen: 0 })
      return 1
    }
    const confirmed = flow >= 0 && connections.isConfirmed(flow)
    if (confirmed && (connections.status(flow) & 4) !== 0) {
      if (list.walked !== now) walk(list, now, -1, connections)
      return list.entries.length
    }
    const skips = !confirmed && list.walked === now && list.entries.length - list.sizeThen < 64
    if (skips || !walk(list, now, flow, connections)) list.entries.push(own)
    return list.entries.length
  }
}

/** Removes what is gone or closing, no more than 65 of them; stops, and says so, at the connection itself. */
function walk(list: CountedList, now: bigint, own: number, connections: Connections): boolean {
  let removed = 0
  const kept: Counted[] = []
  for (const [i, entry] of list.entries.entries()) {
    const there =
      entry.flow >= 0 &&
      connections.generation(entry.flow) === entry.generation &&
      connections.isConfirmed(entry.flow)
    if (removed > 64 || (there && entry.flow === own)) {
      kept.push(...list.entries.slice(i))
      list.entries = kept
      if (removed <= 64) return true
      break
    }
    if (there && !connections.isClosing(entry.flow)) kept.push(entry)
    else removed++
  }
  list.entries = kept
  list.walked = now
  list.sizeThen = kept.length
  return false
}

/** Whether conntrack could take up the packet: it is no later fragment, and has what its protocol is tracked by. */
function couldBeTracked(packet: Packet): boolean {
  const where = behindExtensions(packet)
  if (where === undefined || where.protocol === 44) return false
  const transport = transportOf(packet)
  if (transport !== 'broken' && transport.fragment !== 0) return false
  const least = { 1: 8, 58: 8, 6: 4, 17: 4, 132: 4, 136: 4 }[where.protocol] ?? 0
  return bytesOf(packet).length - where.at >= least
}
