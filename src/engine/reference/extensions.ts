/** IPv6 extension headers as the kernel finds them (ipv6_find_hdr in net/ipv6/exthdrs_core.c). */

import { LENGTH, NEXT_HEADER } from '../../packet/ipv6.js'
import type { Packet } from '../../packet/packet.js'

const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const NONE = 59
const DESTINATION = 60
const CHAINED: readonly number[] = [HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, NONE, DESTINATION]

/** Where the header with a number begins, or -1 if there is none. */
export function findExtension(packet: Packet, wanted: number): number {
  const { view, end } = packet
  let next = view.getUint8(packet.network + NEXT_HEADER)
  let at = packet.network + LENGTH
  for (;;) {
    if (!CHAINED.includes(next) || next === NONE) return next === wanted ? at : -1
    if (at + 2 > end || (next === ROUTING && at + 4 > end)) return -1
    if (next === FRAGMENT) {
      if (at + 4 > end) return -1
      const isLater = (view.getUint16(at + 2) & ~7) !== 0
      if (isLater) return next === wanted ? at : -1
    }
    if (next === wanted) return at
    const length = lengthOf(packet, at, next)
    next = view.getUint8(at)
    at += length
  }
}

function lengthOf(packet: Packet, at: number, number: number): number {
  const units = packet.view.getUint8(at + 1)
  if (number === FRAGMENT) return 8
  return number === AUTHENTICATION ? (units + 2) * 4 : (units + 1) * 8
}

/** The transport header behind all extension headers. */
export interface Behind {
  readonly protocol: number
  readonly at: number
  readonly isLaterFragment: boolean
}

/** Skips all extension headers, authentication too (ipv6_skip_exthdr); undefined if the chain is broken or leads nowhere. */
export function skipExtensions(packet: Packet): Behind | undefined {
  const { view, end } = packet
  let protocol = view.getUint8(packet.network + NEXT_HEADER)
  let at = packet.network + LENGTH
  while (CHAINED.includes(protocol)) {
    if (protocol === NONE || at + 2 > end) return undefined
    if (protocol === FRAGMENT) {
      if (at + 4 > end) return undefined
      if ((view.getUint16(at + 2) & ~7) !== 0) return { protocol, at, isLaterFragment: true }
    }
    const length = lengthOf(packet, at, protocol)
    protocol = view.getUint8(at)
    at += length
  }
  return { protocol, at, isLaterFragment: false }
}
