/** Numbers that are counted, drawn or hashed (net/netfilter/nft_numgen.c, nft_hash.c, include/linux/jhash.h). */
import { typeInfo } from '../../ruleset/datatypes.js'
import type { Hash, NumberGenerator } from '../../ruleset/model.js'
import type { PartType } from '../../ruleset/types.js'
import type { Context, Value } from './context.js'

/** Spreads 32 bits over `modulus` numbers (reciprocal_scale). */
function scale(value: number, modulus: number): bigint {
  return (BigInt(value >>> 0) * BigInt(modulus)) >> 32n
}

export function generate(generator: NumberGenerator, { memory, rule, environment }: Context): bigint {
  const { mode, modulus, offset } = generator
  if (mode === 'random') return scale(environment.random(), modulus) + BigInt(offset)
  const counter = memory.of(rule, generator, () => ({ next: 0 }))
  const { next } = counter
  counter.next = (next + 1) % modulus
  return BigInt(next + offset)
}

/** A number from the hash of a value. Without a seed of its own it takes the one given. */
export function hashOf(
  { modulus, seed, offset }: Hash,
  value: Value,
  parts: readonly PartType[],
  otherSeed: number,
): bigint {
  return scale(jhash(registers(value, parts), seed ?? otherSeed), modulus) + BigInt(offset)
}

/** A value as the kernel holds it: parts of a concatenation begin at every fourth byte. */
function registers(value: Value, parts: readonly PartType[]): Uint8Array {
  const all = parts.map((part, i) => bytesOf(value[i]!, part))
  if (all.length === 1) return all[0]!
  return Uint8Array.from(all.flatMap((bytes) => [...bytes, ...Array<number>(-bytes.length & 3).fill(0)]))
}

function bytesOf(value: bigint, { type, bits }: PartType): Uint8Array {
  const length = Math.ceil(bits / 8)
  const bytes = Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * (length - 1 - i))) & 255n))
  const { hostOrder, form } = typeInfo(type)
  return hostOrder === true && form !== 'text' ? bytes.reverse() : bytes
}

const INITIAL = 0xdeadbeef

/** Jenkins' hash of bytes, as the kernel computes it on a machine whose lowest byte comes first. */
export function jhash(bytes: Uint8Array, seed: number): number {
  const words = new Uint32Array(3).fill(INITIAL + bytes.length + seed)
  let at = 0
  for (; bytes.length - at > 12; at += 12) {
    for (let i = 0; i < 3; i++) words[i]! += wordAt(bytes, at + 4 * i)
    mix(words)
  }
  if (at === bytes.length) return words[2]!
  for (let i = 0; i < 3; i++) words[i]! += wordAt(bytes, at + 4 * i)
  finish(words)
  return words[2]!
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24)) >>>
    0
  )
}

const rotate = (word: number, by: number) => (word << by) | (word >>> (32 - by))

/** Each step: which word changes, by which other, rotated how far; and which word then grows by the third. */
const MIX: readonly (readonly [number, number, number, number])[] = [
  [0, 2, 4, 1],
  [1, 0, 6, 2],
  [2, 1, 8, 0],
  [0, 2, 16, 1],
  [1, 0, 19, 2],
  [2, 1, 4, 0],
]

function mix(words: Uint32Array): void {
  for (const [one, other, by, third] of MIX) {
    words[one]! -= words[other]!
    words[one]! ^= rotate(words[other]!, by)
    words[other]! += words[third]!
  }
}

const FINISH: readonly (readonly [number, number, number])[] = [
  [2, 1, 14],
  [0, 2, 11],
  [1, 0, 25],
  [2, 1, 16],
  [0, 2, 4],
  [1, 0, 14],
  [2, 1, 24],
]

function finish(words: Uint32Array): void {
  for (const [one, other, by] of FINISH) {
    words[one]! ^= words[other]!
    words[one]! -= rotate(words[other]!, by)
  }
}
