import type { Packet } from '../../packet/packet.js'
import type { Counter, Stateful } from '../../ruleset/model.js'
import { Outcome, type OutcomeNumber } from '../environment.js'
import { grown, type Slots } from './slots.js'

const { continue: CONTINUE } = Outcome

/** Counters of packets and bytes, beside those of rules, which are the engine's own. */
export class CounterSlots implements Slots {
  /** Of each slot its packets and its bytes. */
  counts = new Float64Array(2)

  /** Where they start. */
  constructor(start: Pick<Counter, 'packets' | 'bytes'>) {
    this.#start(0, start)
  }

  grow(slots: number): void {
    this.counts = grown(this.counts, slots * 2)
  }

  reset(slot: number, statement?: Stateful): void {
    this.#start(slot, statement?.kind === 'counter' ? statement : {})
  }

  #start(slot: number, { packets = 0n, bytes = 0n }: Pick<Counter, 'packets' | 'bytes'>): void {
    this.counts[slot * 2] = Number(packets)
    this.counts[slot * 2 + 1] = Number(bytes)
  }

  run(slot: number, packet: Packet): OutcomeNumber {
    this.counts[slot * 2]!++
    this.counts[slot * 2 + 1]! += packet.length
    return CONTINUE
  }
}
