import type { Packet } from '../../packet/packet.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import type { Slots } from '../state/slots.js'
import type { Reader } from './reader.js'

const { break: BREAK } = Outcome

/** A statement with a state of its own, or a named object's. */
export class SlotStep implements Step {
  readonly slots: Slots

  constructor(slots: Slots) {
    this.slots = slots
  }

  run(packet: Packet): OutcomeNumber {
    return this.slots.run(0, packet)
  }
}

/** The named object that a map leads to. */
export class ObjectMapStep implements Step {
  readonly #place: Reader
  readonly #objects: readonly Slots[]
  readonly #word = new Int32Array(4)

  /** place: reads the object's place in the list. */
  constructor(place: Reader, objects: readonly Slots[]) {
    this.#place = place
    this.#objects = objects
  }

  run(packet: Packet): OutcomeNumber {
    if (!this.#place.read(packet, this.#word, 0)) return BREAK
    return this.#objects[this.#word[0]!]!.run(0, packet)
  }
}
