/** The reference of xt_string. */
import type { Packet } from '../../../packet/packet.js'
import type { StringMatch } from '../../../ruleset/xtables.js'
import { bytesOf } from './bytes.js'
import { outcome, type XtablesOutcome } from './outcome.js'

export function string(match: StringMatch, packet: Packet): XtablesOutcome {
  const { algorithm, pattern, ignoreCase, from = 0, to = 65535, invert = false } = match
  const text = String.fromCharCode(...bytesOf(packet).slice(from, to))
  const found =
    algorithm === 'bm' && ignoreCase
      ? leaps(text, capitals(pattern))
      : (ignoreCase ? capitals(text) : text).includes(ignoreCase ? capitals(pattern) : pattern)
  return outcome(found !== invert)
}

/** The kernel's toupper and tolower, of latin1; they are not the reverse of each other. */
function capitals(text: string): string {
  return text.replace(/[a-z\u00df-\u00f6\u00f8-\u00ff]/g, (one) =>
    String.fromCharCode(one.charCodeAt(0) - 32),
  )
}

function small(text: string): string {
  return text.replace(/[A-Z\u00c0-\u00d6\u00d8-\u00de]/g, (one) =>
    String.fromCharCode(one.charCodeAt(0) + 32),
  )
}

/** Boyer and Moore's search, which leaps over what its table of small letters does not know. */
function leaps(text: string, wanted: string): boolean {
  const length = wanted.length
  for (let end = length; end <= text.length; ) {
    const seen = capitals(text.slice(end - length, end))
    let matched = 0
    while (matched < length && seen.at(-1 - matched) === wanted.at(-1 - matched)) matched++
    if (matched === length) return true
    const byte = text[end - 1 - matched]!
    const before = wanted.slice(0, -1)
    const place = Math.max(before.lastIndexOf(byte), small(before).lastIndexOf(byte))
    const byByte = place < 0 ? length : length - 1 - place
    end += Math.max(byByte - matched, suffixLeap(wanted, matched))
  }
  return false
}

/** How far on the pattern has the same last characters, and another before them. */
function suffixLeap(wanted: string, matched: number): number {
  if (matched === 0) return 1
  const suffix = wanted.slice(wanted.length - matched)
  for (let leap = 1; leap < wanted.length; leap++) {
    const there = wanted.slice(0, wanted.length - leap)
    const same = there.length >= matched ? there.endsWith(suffix) : suffix.endsWith(there)
    const other = there.length <= matched || there.at(-1 - matched) !== wanted.at(-1 - matched)
    if (same && other) return leap
  }
  return wanted.length
}
