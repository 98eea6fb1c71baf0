import type { Packet } from '../../packet/packet.js'
import type { QuotaSpec, Stateful } from '../../ruleset/model.js'
import { Outcome, type OutcomeNumber } from '../environment.js'
import { inBytes } from './limit.js'
import { grown, type Slots } from './slots.js'

const { break: BREAK, continue: CONTINUE } = Outcome

/** Bytes used up, of an amount (net/netfilter/nft_quota.c): it is over when, with this packet, more than that is used. */
export class QuotaSlots implements Slots {
  readonly #amount: number
  readonly #over: boolean
  #bytes = new Float64Array(1)

  constructor(spec: QuotaSpec) {
    this.#amount = inBytes(spec.amount, spec.unit)
    this.#over = spec.over
    this.#bytes[0] = startOf(spec)
  }

  grow(slots: number): void {
    this.#bytes = grown(this.#bytes, slots)
  }

  reset(slot: number, statement?: Stateful): void {
    this.#bytes[slot] = statement?.kind === 'quota' ? startOf(statement) : 0
  }

  run(slot: number, packet: Packet): OutcomeNumber {
    const used = this.#bytes[slot]! + packet.length
    this.#bytes[slot] = used
    return used > this.#amount === this.#over ? CONTINUE : BREAK
  }

  usedOf(slot: number): number {
    return this.#bytes[slot]!
  }
}

function startOf({ used = 0, usedUnit }: QuotaSpec): number {
  return inBytes(used, usedUnit)
}
