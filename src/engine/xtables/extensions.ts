/** Matches of IPv6's extension headers: net/ipv6/netfilter/ip6t_frag.c, ip6t_hbh.c, ip6t_ipv6header.c. */
import type { Packet } from '../../packet/packet.js'
import type {
  FragmentHeaderMatch,
  Ipv6HeaderMatch,
  Ipv6HeaderName,
  OptionsHeaderMatch,
} from '../../ruleset/xtables.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import {
  AUTHENTICATION,
  Bounds,
  BROKEN,
  DESTINATION_OPTIONS,
  extensionLength,
  FRAGMENT,
  Headers,
  HOP_BY_HOP,
  NO_NEXT_HEADER,
  ROUTING,
} from './headers.js'

const { break: BREAK, continue: CONTINUE, hotdrop: HOTDROP } = Outcome
const CUT = BROKEN
const FRAGMENT_HEADER = FRAGMENT
const NO_MORE = NO_NEXT_HEADER
const ESP = 50

export function fragmentStep({ id, reserved, first, more, last }: FragmentHeaderMatch): Step {
  const bounds = new Bounds(id)
  const headers = new Headers()
  return {
    run(packet: Packet): OutcomeNumber {
      const at = headers.find(packet, FRAGMENT_HEADER)
      if (at < 0) return at === CUT ? HOTDROP : BREAK
      const { view, end } = packet
      if (end - at < 8) return HOTDROP
      const offset = view.getUint16(at + 2)
      if (!bounds.holds(view.getUint32(at + 4))) return BREAK
      if (reserved && (view.getUint8(at + 1) !== 0 || (offset & 6) !== 0)) return BREAK
      if (first && offset & ~7) return BREAK
      if (more && (offset & 1) === 0) return BREAK
      return last && offset & 1 ? BREAK : CONTINUE
    },
  }
}

export function optionsHeaderStep({ name, length, options }: OptionsHeaderMatch): Step {
  const kind = name === 'hbh' ? HOP_BY_HOP : DESTINATION_OPTIONS
  const types = Int32Array.from(options ?? [], ({ type }) => type)
  const lengths = Int32Array.from(options ?? [], (option) => option.length ?? -1)
  const headers = new Headers()
  return {
    run(packet: Packet): OutcomeNumber {
      const at = headers.find(packet, kind)
      if (at < 0) return at === CUT ? HOTDROP : BREAK
      const { view } = packet
      const header = extensionLength(kind, view.getUint8(at + 1))
      if (packet.end - at < header) return HOTDROP
      if (length !== undefined && (header === length.bytes) === (length.invert ?? false)) return BREAK
      let left = header - 2
      let place = at + 2
      for (let i = 0; i < types.length; i++) {
        if (left < 1) return BREAK
        const type = view.getUint8(place)
        if (type !== types[i]) return BREAK
        let size = 1
        if (type !== 0) {
          if (left < 2) return BREAK
          const data = view.getUint8(place + 1)
          if (lengths[i] !== -1 && lengths[i] !== data) return BREAK
          size = data + 2
        }
        // Only the last option may run over the header's end.
        if (left < size && i < types.length - 1) return BREAK
        place += size
        left -= size
      }
      return CONTINUE
    },
  }
}

const HEADER_BITS: Readonly<Record<Ipv6HeaderName, number>> = {
  'hop-by-hop': 128,
  'ipv6-opts': 64,
  'ipv6-route': 32,
  'ipv6-frag': 16,
  ah: 8,
  esp: 4,
  'ipv6-nonxt': 2,
  proto: 1,
}

const HEADER_OF: Readonly<Record<number, number>> = {
  [HOP_BY_HOP]: HEADER_BITS['hop-by-hop'],
  [DESTINATION_OPTIONS]: HEADER_BITS['ipv6-opts'],
  [ROUTING]: HEADER_BITS['ipv6-route'],
  [FRAGMENT]: HEADER_BITS['ipv6-frag'],
  [AUTHENTICATION]: HEADER_BITS.ah,
  [ESP]: HEADER_BITS.esp,
  [NO_NEXT_HEADER]: HEADER_BITS['ipv6-nonxt'],
}
const PROTOCOL_BIT = HEADER_BITS.proto

/** The bits of the kinds of header, by their numbers. */
const BIT_OF = Uint8Array.from({ length: 256 }, (_, kind) => HEADER_OF[kind] ?? 0)

export function ipv6HeaderStep({ headers, soft = false, invert = false }: Ipv6HeaderMatch): Step {
  const wanted = headers.reduce((bits, header) => bits | HEADER_BITS[header], 0)
  const flip = invert ? wanted : 0
  return {
    run(packet: Packet): OutcomeNumber {
      const found = headersOf(packet)
      if (found < 0) return BREAK
      if (soft) return ((found ^ wanted ^ flip) & wanted) === 0 ? CONTINUE : BREAK
      return (found === wanted) !== invert ? CONTINUE : BREAK
    },
  }
}

/** The bits of all the headers that a packet has; -1 if it ends within them. */
function headersOf(packet: Packet): number {
  const { view, network, end } = packet
  let at = network + 40
  let kind = view.getUint8(network + 6)
  let found = 0
  while (BIT_OF[kind] !== 0) {
    if (kind !== NO_MORE && end - at < 2) return -1
    found |= BIT_OF[kind]!
    if (kind === NO_MORE || kind === ESP) return found
    const following = view.getUint8(at)
    at += extensionLength(kind, view.getUint8(at + 1))
    kind = following
    if (at > end) break
  }
  return kind === NO_MORE || kind === ESP ? found : found | PROTOCOL_BIT
}
