/** net/netfilter/xt_string.c: bytes within the packet; by either algorithm the same are found. */
import type { Packet } from '../../packet/packet.js'
import type { StringMatch } from '../../ruleset/xtables.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'

const { break: BREAK, continue: CONTINUE } = Outcome

/** What `to` is where it is not said. */
const TO = 65535

/** Searches in one pass over the bytes, after Knuth, Morris and Pratt: no packet makes it slow. */
export function stringStep({
  pattern,
  ignoreCase = false,
  from = 0,
  to = TO,
  invert = false,
}: StringMatch): Step {
  const fold = Uint8Array.from({ length: 256 }, (_, byte) => (ignoreCase ? upperCase(byte) : byte))
  const wanted = Uint8Array.from(pattern, (character) => fold[character.charCodeAt(0) & 0xff]!)
  const length = wanted.length
  const back = bordersOf(wanted)
  const found = ({ view, network, end }: Packet): boolean => {
    const limit = Math.min(end, network + to)
    let matched = 0
    for (let at = network + from; at < limit; at++) {
      const byte = fold[view.getUint8(at)]!
      while (matched > 0 && wanted[matched] !== byte) matched = back[matched - 1]!
      if (wanted[matched] === byte) matched++
      if (matched === length) return true
    }
    return false
  }
  return { run: (packet: Packet): OutcomeNumber => (found(packet) !== invert ? CONTINUE : BREAK) }
}

/** Of each beginning of the pattern, how long the longest is that it both begins and ends with. */
function bordersOf(wanted: Uint8Array): Uint8Array {
  const borders = new Uint8Array(wanted.length)
  for (let i = 1, matched = 0; i < wanted.length; i++) {
    while (matched > 0 && wanted[matched] !== wanted[i]) matched = borders[matched - 1]!
    if (wanted[matched] === wanted[i]) matched++
    borders[i] = matched
  }
  return borders
}

/** The kernel's toupper (lib/ctype.c), which knows latin1: ß and ÿ become what is 32 below them. */
export function upperCase(byte: number): number {
  const lower = (byte >= 0x61 && byte <= 0x7a) || (byte >= 0xdf && byte !== 0xf7)
  return lower ? byte - 32 : byte
}
