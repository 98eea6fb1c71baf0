/** Matches of IPv6's routing headers: net/ipv6/netfilter/ip6t_rt.c and ip6t_srh.c. */
import type { Packet } from '../../packet/packet.js'
import type { RoutingHeaderMatch, SegmentRoutingMatch, SrhComparison } from '../../ruleset/xtables.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { addressWords, prefixWords } from './addresses.js'
import { Bounds, BROKEN, extensionLength, Headers, ROUTING } from './headers.js'

const { break: BREAK, continue: CONTINUE, hotdrop: HOTDROP } = Outcome
const CUT = BROKEN
const ROUTING_HEADER = ROUTING
const SEGMENT_ROUTING = 4
const ADDRESS = 16

export function routingStep(match: RoutingHeaderMatch): Step {
  const { type, length, reserved = false, notStrict = false } = match
  const segments = new Bounds(match.segmentsLeft)
  const wanted = Int32Array.from(
    (match.addresses ?? []).flatMap((address) => [...addressWords(address, 128)]),
  )
  const count = match.addresses?.length ?? -1
  const headers = new Headers()

  /** How many of the wanted addresses the header names in their order, from its first address on. */
  const named = (packet: Packet, first: number, there: number): number => {
    let next = 0
    for (let i = 0; i < there && next < count; i++) {
      const same = holdsWords(packet, first + i * ADDRESS, wanted, next * 4)
      if (same) next++
      else if (!notStrict) break
    }
    return next
  }

  return {
    run(packet: Packet): OutcomeNumber {
      const at = headers.find(packet, ROUTING_HEADER)
      if (at < 0) return at === CUT ? HOTDROP : BREAK
      const { view, end } = packet
      const header = extensionLength(ROUTING_HEADER, view.getUint8(at + 1))
      if (end - at < header) return HOTDROP
      if (!segments.holds(view.getUint8(at + 3))) return BREAK
      if (length !== undefined && (header === length.bytes) === (length.invert ?? false)) return BREAK
      if (type !== undefined && (view.getUint8(at + 2) === type.number) === (type.invert ?? false))
        return BREAK
      if (reserved && view.getInt32(at + 4) !== 0) return BREAK
      if (count < 0) return CONTINUE
      const there = (header - 8) >> 4
      if (count > there || named(packet, at + 8, there) < count) return BREAK
      return notStrict || count === there ? CONTINUE : BREAK
    },
  }
}

function holdsWords(packet: Packet, at: number, words: Int32Array, from: number): boolean {
  for (let i = 0; i < 4; i++) if (packet.view.getInt32(at + i * 4) !== words[from + i]) return false
  return true
}

export function segmentRoutingStep(match: SegmentRoutingMatch): Step {
  const { nextHeader, tag } = match
  const headerLength = comparison(match.headerLength)
  const segmentsLeft = comparison(match.segmentsLeft)
  const lastEntry = comparison(match.lastEntry)
  const previous = segment(match.previous)
  const next = segment(match.next)
  const last = segment(match.last)
  const headers = new Headers()
  return {
    run(packet: Packet): OutcomeNumber {
      const { view, end } = packet
      const at = headers.find(packet, ROUTING_HEADER)
      if (at < 0 || end - at < 8) return BREAK
      const words = view.getUint8(at + 1)
      if (end - at < extensionLength(ROUTING_HEADER, words) || view.getUint8(at + 2) !== SEGMENT_ROUTING)
        return BREAK
      const left = view.getUint8(at + 3)
      const highest = view.getUint8(at + 4)
      if (left > highest) return BREAK
      if (
        nextHeader !== undefined &&
        (view.getUint8(at) === nextHeader.value) === (nextHeader.invert ?? false)
      )
        return BREAK
      if (!headerLength(words) || !segmentsLeft(left) || !lastEntry(highest)) return BREAK
      if (tag !== undefined && (view.getUint16(at + 6) === tag.value) === (tag.invert ?? false)) return BREAK
      if (previous !== undefined && (left === highest || !previous(packet, at + 8 + (left + 1) * ADDRESS)))
        return BREAK
      if (next !== undefined && (left === 0 || !next(packet, at + 8 + (left - 1) * ADDRESS))) return BREAK
      return last === undefined || last(packet, at + 8) ? CONTINUE : BREAK
    },
  }
}

function comparison(spec: SrhComparison | undefined): (value: number) => boolean {
  if (spec === undefined) return () => true
  const { operator, value, invert = false } = spec
  if (operator === '==') return (other) => (other === value) !== invert
  return operator === '<' ? (other) => other < value !== invert : (other) => other > value !== invert
}

/** Whether the segment at a place is in a prefix; what the packet does not hold is not. */
function segment(spec: SegmentRoutingMatch['last']): ((packet: Packet, at: number) => boolean) | undefined {
  if (spec === undefined) return undefined
  const mask = prefixWords(spec.length, 128)
  const base = addressWords(spec.base, 128)
  const invert = spec.invert ?? false
  return (packet, at) => {
    if (packet.end - at < ADDRESS) return false
    let same = true
    for (let i = 0; i < 4; i++) same &&= ((packet.view.getInt32(at + i * 4) ^ base[i]!) & mask[i]!) === 0
    return same !== invert
  }
}
