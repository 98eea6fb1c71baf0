import { type Walk, walk } from '../../packet/ipv6.js'
import { Family, type Packet } from '../../packet/packet.js'
import type { Connlimit } from '../../ruleset/model.js'
import { type Connections, Outcome, type OutcomeNumber } from '../environment.js'
import { ConnectionLists } from './connlimit.js'
import type { Slots } from './slots.js'

const { break: BREAK, continue: CONTINUE, hotdrop: HOTDROP } = Outcome
const JIFFY = 4e6
/** Connections that all slots together remember at most. */
const ENTRIES = 65_536
const IPV6 = Family.ipv6
const NO_NEXT_HEADER = 59
const ICMP = 1
const ICMPV6 = 58
const WITH_PORTS = [6, 17, 132, 136]

const found: Walk = { protocol: -1, at: 0, fragmentOffset: 0, moreFragments: false }

/** How many connections there are, of a rule or of each element of a set (net/netfilter/nft_connlimit.c). */
export class ConnectionCounts implements Slots {
  readonly #most: number
  readonly #over: boolean
  readonly #lists: ConnectionLists

  constructor({ count, over }: Connlimit, connections: Connections) {
    this.#most = count
    this.#over = over
    this.#lists = new ConnectionLists(connections, 1, ENTRIES)
  }

  grow(slots: number): void {
    this.#lists.grow(slots)
  }

  reset(slot: number): void {
    this.#lists.clear(slot)
  }

  isOver(slot: number, now: number): boolean {
    this.#lists.collect(slot, now)
    return this.#lists.size(slot) === 0
  }

  /** A packet that no connection can be named of is dropped, and one for which there is no room. */
  run(slot: number, packet: Packet): OutcomeNumber {
    if (packet.flow < 0 && !isNameable(packet)) return HOTDROP
    if (!this.#lists.add(slot, packet, Math.floor(packet.time[0]! / JIFFY))) return HOTDROP
    return this.#lists.size(slot) > this.#most === this.#over ? CONTINUE : BREAK
  }
}

/** Whether connection tracking could name the packet's connection (nf_ct_get_tuplepr). */
function isNameable(packet: Packet): boolean {
  const { view, network, end } = packet
  if (packet.family !== IPV6)
    return hasPorts(packet.l4proto, packet.fragmentOffset !== 0, end - packet.transport, ICMP)
  walk(view, network, end, found, true)
  return hasPorts(found.protocol, found.fragmentOffset !== 0, end - found.at, ICMPV6)
}

/** there: bytes from the transport header on. */
function hasPorts(protocol: number, isLaterFragment: boolean, there: number, icmp: number): boolean {
  if (protocol < 0 || protocol === NO_NEXT_HEADER || isLaterFragment || there < 0) return false
  if (protocol === icmp) return there >= 8
  return !WITH_PORTS.includes(protocol) || there >= 4
}
