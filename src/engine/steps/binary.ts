import type { Packet } from '../../packet/packet.js'
import type { Binary } from '../../ruleset/model.js'
import { widthOf } from '../state/sets/words.js'
import type { Reader } from './reader.js'

const WIDEST = 4

/** Bits of two values put together, or shifted: as many as the type has, what goes over them is lost. */
export class BinaryReader implements Reader {
  readonly bits: number
  readonly #operator: Binary['operator']
  readonly #left: Reader
  readonly #right: Reader
  readonly #width: number
  readonly #top: number
  readonly #a = new Int32Array(2 * WIDEST)
  readonly #b = new Int32Array(2 * WIDEST)

  constructor(operator: Binary['operator'], left: Reader, right: Reader, bits: number) {
    this.bits = bits
    this.#operator = operator
    this.#left = left
    this.#right = right
    this.#width = widthOf(bits)
    const rest = bits % 32
    this.#top = rest === 0 ? -1 : (1 << rest) - 1
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    const a = this.#a
    const b = this.#b
    if (!readAligned(this.#left, packet, a, this.#width)) return false
    if (!readAligned(this.#right, packet, b, this.#width)) return false
    const width = this.#width
    switch (this.#operator) {
      case '&':
        for (let word = 0; word < width; word++) into[at + word] = a[word]! & b[word]!
        break
      case '|':
        for (let word = 0; word < width; word++) into[at + word] = a[word]! | b[word]!
        break
      case '^':
        for (let word = 0; word < width; word++) into[at + word] = a[word]! ^ b[word]!
        break
      case '<<':
        for (let word = 0; word < width; word++) into[at + word] = shifted(a, width, word, b[width - 1]!)
        break
      case '>>':
        for (let word = 0; word < width; word++) into[at + word] = shifted(a, width, word, -b[width - 1]!)
        break
    }
    into[at]! &= this.#top
    return true
  }
}

/** Reads a value into the last of `width` words, with zeros before it. */
function readAligned(reader: Reader, packet: Packet, into: Int32Array, width: number): boolean {
  const own = widthOf(reader.bits)
  if (own <= width) {
    for (let word = 0; word < width - own; word++) into[word] = 0
    return reader.read(packet, into, width - own)
  }
  if (!reader.read(packet, into, 0)) return false
  for (let word = 0; word < width; word++) into[word] = into[word + own - width]!
  return true
}

/** A word of a value shifted to the left by so many bits, to the right if they are under 0. */
function shifted(words: Int32Array, width: number, word: number, bits: number): number {
  const from = word + (bits >> 5)
  const rest = bits & 31
  const here = from >= 0 && from < width ? words[from]! : 0
  if (rest === 0) return here
  const next = from + 1 >= 0 && from + 1 < width ? words[from + 1]! : 0
  return (here << rest) | (next >>> (32 - rest))
}
