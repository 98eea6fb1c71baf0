import type { Packet } from '../../packet/packet.js'
import { typeInfo } from '../../ruleset/datatypes.js'
import type { Hash } from '../../ruleset/model.js'
import type { PartType } from '../../ruleset/types.js'
import { widthOf } from '../state/sets/words.js'
import type { Reader } from './reader.js'

const WORD = 2 ** 32

/** Counts up and around (nft_ng_inc). */
export class IncrementReader implements Reader {
  readonly bits = 32
  readonly #modulus: number
  readonly #offset: number
  #last: number

  constructor(modulus: number, offset: number) {
    this.#modulus = modulus
    this.#offset = offset
    this.#last = modulus - 1
  }

  read(_packet: Packet, into: Int32Array, at: number): boolean {
    this.#last = this.#last + 1 < this.#modulus ? this.#last + 1 : 0
    into[at] = this.#last + this.#offset
    return true
  }
}

/** A random number below the modulus (nft_ng_random). */
export class RandomReader implements Reader {
  readonly bits = 32
  readonly #modulus: number
  readonly #offset: number
  readonly #random: () => number

  constructor(modulus: number, offset: number, random: () => number) {
    this.#modulus = modulus
    this.#offset = offset
    this.#random = random
  }

  read(_packet: Packet, into: Int32Array, at: number): boolean {
    into[at] = Math.floor(((this.#random() >>> 0) * this.#modulus) / WORD) + this.#offset
    return true
  }
}

const MOST_WORDS = 16

/** Bob Jenkins' hash of a value's bytes, below the modulus (nft_jhash; jhash in linux/jhash.h). */
export class HashReader implements Reader {
  readonly bits = 32
  readonly #of: Reader
  readonly #modulus: number
  readonly #offset: number
  readonly #seed: number
  readonly #words = new Int32Array(MOST_WORDS)
  readonly #bytes: Uint8Array
  /** Of each byte that is hashed: its word, and the shift that brings it down. */
  readonly #places: readonly (readonly [word: number, shift: number])[]

  constructor(of: Reader, types: readonly PartType[], spec: Hash, random: () => number) {
    this.#of = of
    this.#modulus = spec.modulus
    this.#offset = spec.offset
    this.#seed = (spec.seed ?? random()) | 0
    this.#places = placesOf(types)
    this.#bytes = new Uint8Array(this.#places.length)
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    if (!this.#of.read(packet, this.#words, 0)) return false
    for (let i = 0; i < this.#places.length; i++) {
      const place = this.#places[i]!
      this.#bytes[i] = place[0] < 0 ? 0 : this.#words[place[0]]! >>> place[1]
    }
    const hash = jhash(this.#bytes, this.#seed) >>> 0
    into[at] = Math.floor((hash * this.#modulus) / WORD) + this.#offset
    return true
  }
}

/**
 * The bytes of the parts as the kernel's registers hold them: in network order, or in the host's, which is taken to be
 * little-endian. In a concatenation each part is filled up to whole words.
 */
function placesOf(types: readonly PartType[]): (readonly [number, number])[] {
  const places: (readonly [number, number])[] = []
  let first = 0
  for (const { type, bits } of types) {
    const bytes = Math.ceil(bits / 8)
    const words = widthOf(bits)
    const own = Array.from({ length: bytes }, (_, byte): readonly [number, number] => [
      first + words - 1 - (byte >> 2),
      (byte & 3) * 8,
    ])
    const { hostOrder, form } = typeInfo(type)
    places.push(...(hostOrder && form !== 'text' ? own : own.reverse()))
    if (types.length > 1) for (let fill = bytes; fill % 4 !== 0; fill++) places.push([-1, 0])
    first += words
  }
  return places
}

/** Four bytes, the first the least significant; 0 for those behind the end. */
function wordAt(bytes: Uint8Array, from: number): number {
  let value = 0
  for (let i = 0; i < 4 && from + i < bytes.length; i++) value |= bytes[from + i]! << (8 * i)
  return value
}

const rotate = (value: number, by: number) => (value << by) | (value >>> (32 - by))

function jhash(bytes: Uint8Array, seed: number): number {
  const start = (0xdeadbeef + bytes.length + seed) | 0
  let a = start
  let b = start
  let c = start
  let at = 0
  for (; bytes.length - at > 12; at += 12) {
    a = (a + wordAt(bytes, at)) | 0
    b = (b + wordAt(bytes, at + 4)) | 0
    c = (c + wordAt(bytes, at + 8)) | 0
    a = ((a - c) ^ rotate(c, 4)) | 0
    c = (c + b) | 0
    b = ((b - a) ^ rotate(a, 6)) | 0
    a = (a + c) | 0
    c = ((c - b) ^ rotate(b, 8)) | 0
    b = (b + a) | 0
    a = ((a - c) ^ rotate(c, 16)) | 0
    c = (c + b) | 0
    b = ((b - a) ^ rotate(a, 19)) | 0
    a = (a + c) | 0
    c = ((c - b) ^ rotate(b, 4)) | 0
    b = (b + a) | 0
  }
  if (bytes.length === at) return c
  a = (a + wordAt(bytes, at)) | 0
  b = (b + wordAt(bytes, at + 4)) | 0
  c = (c + wordAt(bytes, at + 8)) | 0
  c = ((c ^ b) - rotate(b, 14)) | 0
  a = ((a ^ c) - rotate(c, 11)) | 0
  b = ((b ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  return ((c ^ b) - rotate(b, 24)) | 0
}
