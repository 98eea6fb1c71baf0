import type { Packet } from '../../packet/packet.js'
import type { Connlimit } from '../../ruleset/model.js'
import { type Connections, Outcome, type OutcomeNumber } from '../environment.js'
import { ConnectionLists } from './connlimit.js'
import type { Slots } from './slots.js'

const { break: BREAK, continue: CONTINUE, hotdrop: HOTDROP } = Outcome
/** Connections that all slots together remember at most. */
const ENTRIES = 65_536

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
    if (!this.#lists.add(slot, packet)) return HOTDROP
    return this.#lists.size(slot) > this.#most === this.#over ? CONTINUE : BREAK
  }
}
