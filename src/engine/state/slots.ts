/** State that statements keep: of a rule's own in one slot, of a set's elements in a slot for each. */
import type { Packet } from '../../packet/packet.js'
import type { Stateful } from '../../ruleset/model.js'
import type { OutcomeNumber } from '../environment.js'

export interface Slots {
  /** Makes room for so many slots; what they hold stays. */
  grow(slots: number): void
  /** A slot as it is at first; of another statement of its kind, with the counts that it starts from. */
  reset(slot: number, statement?: Stateful): void
  /** Whether what a slot counts is all over, so that an element has nothing to keep it for; now: jiffies. */
  isOver?(slot: number, now: number): boolean
  /** Hot path. */
  run(slot: number, packet: Packet): OutcomeNumber
}

/** An array of twice or more the size with the same beginning. */
export function grown(array: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(size)
  larger.set(array)
  return larger
}
