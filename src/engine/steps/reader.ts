import type { Packet } from '../../packet/packet.js'

/** Reads a value of a packet, or of what is known of it. Hot path: allocates nothing and cannot throw. */
export interface Reader {
  /** Bits of the value. */
  readonly bits: number
  /** Writes the value's words, most significant first; false where there is none: the rule breaks. */
  read(packet: Packet, into: Int32Array, at: number): boolean
}
