/** net/netfilter/xt_string.c: bytes within the packet. */
import type { Packet } from '../../packet/packet.js'
import type { StringMatch } from '../../ruleset/xtables.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'

const { break: BREAK, continue: CONTINUE } = Outcome

/** What `to` is where it is not said. */
const TO = 65535

/** By either algorithm the same are found, but for what Boyer and Moore's misses in the kernel (see `leaps`). */
export function stringStep(match: StringMatch): Step {
  const { algorithm, ignoreCase = false, from = 0, to = TO, invert = false } = match
  const fold = Uint8Array.from({ length: 256 }, (_, byte) => (ignoreCase ? upperCase(byte) : byte))
  const wanted = Uint8Array.from(match.pattern, (character) => fold[character.charCodeAt(0) & 0xff]!)
  const misses = algorithm === 'bm' && ignoreCase && /[\xdf\xff]/.test(match.pattern)
  const find = misses ? leaps(wanted, fold) : onePass(wanted, fold)
  return {
    run({ view, network, end }: Packet): OutcomeNumber {
      const found = find(view, network + from, Math.min(end, network + to))
      return found !== invert ? CONTINUE : BREAK
    },
  }
}

type Find = (view: DataView, from: number, to: number) => boolean

/** Searches in one pass over the bytes, after Knuth, Morris and Pratt: no packet makes it slow. */
function onePass(wanted: Uint8Array, fold: Uint8Array): Find {
  const length = wanted.length
  const back = bordersOf(wanted)
  return (view, from, to) => {
    let matched = 0
    for (let at = from; at < to; at++) {
      const byte = fold[view.getUint8(at)]!
      while (matched > 0 && wanted[matched] !== byte) matched = back[matched - 1]!
      if (wanted[matched] === byte) matched++
      if (matched === length) return true
    }
    return false
  }
}

/**
 * Boyer and Moore's search as lib/ts_bm.c does it: it leaps by where in the pattern a byte stands, as it is or as a small
 * letter. ß and ÿ are neither, once they have been folded, so it leaps over them.
 */
function leaps(wanted: Uint8Array, fold: Uint8Array): Find {
  const last = wanted.length - 1
  const byByte = new Uint8Array(256).fill(wanted.length)
  for (let i = 0; i < last; i++) {
    const byte = wanted[i]!
    byByte[byte] = byByte[lowerCase(byte)] = last - i
  }
  const bySuffix = Uint8Array.from(wanted, (_, matched) => suffixLeap(wanted, matched))
  return (view, from, to) => {
    for (let at = from + last; at < to; ) {
      let matched = 0
      while (matched <= last && fold[view.getUint8(at - matched)] === wanted[last - matched]) matched++
      if (matched > last) return true
      at += Math.max(byByte[view.getUint8(at - matched)]! - matched, bySuffix[matched]!)
    }
    return false
  }
}

/** How far on the pattern may next have the same last bytes, with another before them. */
function suffixLeap(wanted: Uint8Array, matched: number): number {
  if (matched === 0) return 1
  const last = wanted.length - 1
  for (let leap = 1; leap <= last; leap++) {
    let same = true
    for (let i = 0; i < matched && last - i - leap >= 0; i++)
      same &&= wanted[last - i - leap] === wanted[last - i]
    const before = last - matched - leap
    if (same && (before < 0 || wanted[before] !== wanted[last - matched])) return leap
  }
  return wanted.length
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

/** Its tolower. */
function lowerCase(byte: number): number {
  const upper = (byte >= 0x41 && byte <= 0x5a) || (byte >= 0xc0 && byte <= 0xde && byte !== 0xd7)
  return upper ? byte + 32 : byte
}
