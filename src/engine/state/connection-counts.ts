import type { Packet } from '../../packet/packet.js'
import type { Connlimit } from '../../ruleset/model.js'
import { type Connections, Outcome, type OutcomeNumber } from '../environment.js'
import { ConnectionLists } from './connlimit.js'
import type { Slots } from './slots.js'

const { break: BREAK, continue: CONTINUE, hotdrop: HOTDROP } = Outcome
const JIFFY = 4e6
/** Connections that all slots together remember at most. */
const ENTRIES = 65_536
const ICMP = 1
const ICMPV6 = 58
const WITH_PORTS = [6, 17, 132, 136]

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

  /** A packet that no connection can be named of is dropped, and one for which there is no room. */
  run(slot: number, packet: Packet): OutcomeNumber {
    if (packet.flow < 0 && !isNameable(packet)) return HOTDROP
    if (!this.#lists.add(slot, packet, Math.floor(packet.time[0]! / JIFFY))) return HOTDROP
    return this.#lists.size(slot) > this.#most === this.#over ? CONTINUE : BREAK
  }
}

/** Whether connection tracking could name the packet's connection (nf_ct_get_tuplepr). */
function isNameable({ transport, fragmentOffset, end, l4proto }: Packet): boolean {
  const there = end - transport
  if (transport < 0 || fragmentOffset !== 0 || there < 0) return false
  if (l4proto === ICMP || l4proto === ICMPV6) return there >= 8
  return !WITH_PORTS.includes(l4proto) || there >= 4
}
