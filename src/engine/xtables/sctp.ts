/** net/netfilter/xt_sctp.c and xt_dccp.c */
import type { Packet } from '../../packet/packet.js'
import type { DccpMatch, SctpMatch } from '../../ruleset/xtables.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { Bounds, Headers } from './headers.js'

const { break: BREAK, continue: CONTINUE, hotdrop: HOTDROP } = Outcome
/** Bytes of either header. */
const LENGTH = 12
const CHUNK_HEADER = 4
const [ANY, ALL, ONLY] = [0, 1, 2]
const CHUNK_MATCHES = { any: ANY, all: ALL, only: ONLY }

type Chunks = NonNullable<SctpMatch['chunks']>

export function sctpStep({ sport, dport, chunks }: SctpMatch): Step {
  const source = new Bounds(sport)
  const destination = new Bounds(dport)
  const test = chunks && chunkTest(chunks)
  const headers = new Headers()
  return {
    run(packet: Packet): OutcomeNumber {
      if (!headers.transport(packet)) return BREAK
      if (headers.fragmentOffset !== 0) return BREAK
      const { view, end } = packet
      const { at } = headers
      if (end - at < LENGTH) return HOTDROP
      if (!source.holds(view.getUint16(at)) || !destination.holds(view.getUint16(at + 2))) return BREAK
      return test === undefined ? CONTINUE : test(packet, at + LENGTH)
    },
  }
}

/** Goes along the chunks; one that is cut short, or says that it has no length, drops the packet. */
function chunkTest({ match, types, invert = false }: Chunks): (packet: Packet, at: number) => OutcomeNumber {
  const how = CHUNK_MATCHES[match]
  const asked = new Uint8Array(256)
  const missing = new Uint8Array(256)
  const masks = new Uint8Array(256)
  const flags = new Uint8Array(256)
  for (const each of types) {
    asked[each.type] = 1
    masks[each.type] = each.flags?.mask ?? 0
    flags[each.type] = each.flags?.set ?? 0
  }
  const [yes, no] = invert ? ([BREAK, CONTINUE] as const) : ([CONTINUE, BREAK] as const)

  return ({ view, network, length, end }, first) => {
    if (how === ALL) missing.set(asked)
    let at = first
    do {
      const size = end - at < CHUNK_HEADER ? 0 : view.getUint16(at + 2)
      if (size === 0) return HOTDROP
      const type = view.getUint8(at)
      const fits = asked[type] === 1 && (view.getUint8(at + 1) & masks[type]!) === flags[type]
      if (fits) {
        if (how === ANY) return yes
        missing[type] = 0
      } else if (how === ONLY) return no
      at += (size + 3) & ~3
    } while (at < network + length)
    if (how !== ALL) return how === ONLY ? yes : no
    for (let type = 0; type < 256; type++) if (missing[type] === 1) return no
    return yes
  }
}

/** DCCP's first type that is none. */
const INVALID = 10
/** Bytes that a DCCP header of a type has behind the generic one. */
const DCCP_EXTRA = Uint8Array.of(4, 12, 0, 8, 8, 8, 8, 12, 8, 8, 12, 12, 12, 12, 12, 12)

export function dccpStep({ sport, dport, types, option }: DccpMatch): Step {
  const source = new Bounds(sport)
  const destination = new Bounds(dport)
  const wanted = types?.any.reduce((bits, type) => bits | (1 << type), 0) ?? 0
  const differ = types?.invert ?? false
  const headers = new Headers()
  return {
    run(packet: Packet): OutcomeNumber {
      if (!headers.transport(packet)) return BREAK
      if (headers.fragmentOffset !== 0) return BREAK
      const { view, end } = packet
      const { at } = headers
      if (end - at < LENGTH) return HOTDROP
      if (!source.holds(view.getUint16(at)) || !destination.holds(view.getUint16(at + 2))) return BREAK
      const byte = view.getUint8(at + 8)
      const type = (byte >> 1) & 15
      const known = type < INVALID ? type : INVALID
      if (types !== undefined && ((wanted >> known) & 1) === (differ ? 1 : 0)) return BREAK
      if (option === undefined) return CONTINUE
      const from = LENGTH + (byte & 1 ? 4 : 0) + DCCP_EXTRA[type]!
      const to = view.getUint8(at + 4) * 4
      if (to < from || (to > from && end - at < to)) return HOTDROP
      return hasOption(packet, at + from, at + to, option.type) !== (option.invert ?? false)
        ? CONTINUE
        : BREAK
    },
  }
}

function hasOption({ view }: Packet, from: number, to: number, wanted: number): boolean {
  for (let at = from; at < to; ) {
    const type = view.getUint8(at)
    if (type === wanted) return true
    at += type < 2 || at + 1 === to ? 1 : view.getUint8(at + 1) || 1
  }
  return false
}
