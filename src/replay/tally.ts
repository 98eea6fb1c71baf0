/** What a replay counts: all of it in typed arrays, and bounded. */
import { CtState, type Packet } from '../packet/packet.js'
import { FlowCount } from './flow-count.js'
import { OUTCOMES, Outcome } from './host.js'
import { TopAddresses } from './top.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const { accept: ACCEPT, reject: REJECT } = Outcome
const NEW = CtState.new

/** What was decided by one decider with one verdict; see Tally.of. */
export interface Count {
  readonly packets: number
  /** Bytes from the IP header on, as nft counts them. */
  readonly bytes: number
  /** Pairs of addresses and ports that differ, either way round. */
  readonly flows: number
  /** When, in nanoseconds of the packets' clock. */
  readonly first: number
  readonly last: number
}

/** Hot path: `add` allocates nothing but where FlowCount's table grows. */
export class Tally {
  /** Packets by Outcome. */
  readonly outcomes = new Float64Array(OUTCOMES.length)
  readonly bytes = new Float64Array(OUTCOMES.length)
  readonly sources: TopAddresses
  readonly destinations: TopAddresses
  readonly flows: FlowCount
  /** Of each decider, twice: what it dropped, and what it accepted. */
  readonly #packets: Float64Array
  readonly #bytes: Float64Array
  readonly #first: Float64Array
  readonly #last: Float64Array
  /** Of each flow of the tracker and direction: the place above where it was counted last, and 1; 0: nowhere. */
  readonly #counted: Int32Array

  constructor(deciders: number, flows: number, seeds: readonly [number, number]) {
    this.#packets = new Float64Array(deciders * 2)
    this.#bytes = new Float64Array(deciders * 2)
    this.#first = new Float64Array(deciders * 2)
    this.#last = new Float64Array(deciders * 2)
    this.#counted = new Int32Array(flows * 2)
    this.flows = new FlowCount(deciders * 2, seeds)
    this.sources = new TopAddresses('source', seeds)
    this.destinations = new TopAddresses('destination', seeds)
  }

  /** Counts a packet. Flow: its index in the tracker, or -1. */
  add(
    packet: Packet,
    outcome: number,
    decider: number,
    flow: number,
    direction: number,
    state: number,
  ): void {
    this.outcomes[outcome]!++
    this.bytes[outcome]! += packet.length
    if (outcome > REJECT) return
    const place = decider * 2 + (outcome === ACCEPT ? 1 : 0)
    const time = packet.time[0]!
    if (this.#packets[place]!++ === 0) this.#first[place] = time
    this.#bytes[place]! += packet.length
    this.#last[place] = time
    this.#countFlow(packet, place, flow, direction, state)
    if (outcome === ACCEPT) return
    this.sources.add(packet)
    this.destinations.add(packet)
  }

  /** What a decider has decided with a verdict. */
  of(decider: number, accepted: boolean): Count {
    const place = decider * 2 + (accepted ? 1 : 0)
    return {
      packets: this.#packets[place]!,
      bytes: this.#bytes[place]!,
      flows: this.flows.counts[place]!,
      first: this.#first[place]!,
      last: this.#last[place]!,
    }
  }

  /** Most packets are of flows that were counted where they are now: of those nothing has to be looked up. */
  #countFlow(packet: Packet, place: number, flow: number, direction: number, state: number): void {
    if (flow < 0) {
      this.flows.add(packet, place)
      return
    }
    const counted = this.#counted
    const at = flow * 2 + direction
    // A flow's first packets may be those of another one that has the same index.
    if (state !== NEW && counted[at] === place + 1) return
    counted[at] = place + 1
    this.flows.add(packet, place)
  }
}
