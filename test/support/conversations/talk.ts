import type { Random } from './random.js'
import { packet, type WireSpec } from './wire.js'

/** A packet of a conversation, from its first party (0) or from its second. */
export interface Said {
  readonly from: 0 | 1
  readonly bytes: Uint8Array
}

/** A conversation between two hosts: what is said next; some of it at once, as the fragments of a datagram. */
export interface Talk {
  next(): readonly Said[]
}

/** Who talks, and what has been said before by anybody, for errors to quote. */
export interface Setting {
  readonly random: Random
  readonly addresses: readonly [string, string]
  readonly ports: readonly [number, number]
  readonly heard: readonly Uint8Array[]
}

/** Packets of this time to live are for rulesets to drop. */
export const DOOMED_TTL = 13
const DOOMED = 0.02

export function ttl(random: Random): number {
  return random.chance(DOOMED) ? DOOMED_TTL : 64
}

/** A packet between the two parties. */
export function between(
  { random, addresses }: Setting,
  from: 0 | 1,
  spec: Omit<WireSpec, 'source' | 'destination'>,
  build = packet,
): Said {
  const bytes = build({
    ttl: ttl(random),
    source: addresses[from],
    destination: addresses[1 - from]!,
    ...spec,
  })
  return { from, bytes }
}
