/** What the kernel sends to the source of a rejected packet (nf_reject_ipv4.c, nf_reject_ipv6.c, icmp.c). */

import { sumHolds } from '../../packet/checksum.js'
import { type Walk, walk } from '../../packet/ipv6.js'
import { Family, type Packet } from '../../packet/packet.js'
import type { Reject } from '../../ruleset/model.js'

const IPV4 = Family.ipv4
const TCP = 6
const UDP = 17
const ICMP = 1
const ICMPV6 = 58
const TCP_HEADER = 20
const FLAGS = 13
const RST = 4
const HOST = 0
const UNREACHABLE = 3
const UNREACHABLE6 = 1
/** Codes of icmpx, by their numbers: no-route, port-unreachable, host-unreachable, admin-prohibited. */
const ICMPX4 = [0, 3, 1, 13]
const ICMPX6 = [0, 4, 3, 1]
/** ICMP's types that are errors or unknown (icmp_pointers in net/ipv4/icmp.c), and the last type that there is. */
const ERRORS = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12]
const LAST_TYPE = 18
/** Protocols whose checksums are optional, partial, or another kind of their own: they are not looked at. */
const UNCHECKED = [47, 50, 51, 132, 136]

const found: Walk = { protocol: -1, at: 0, fragmentOffset: 0, moreFragments: false }

/** What `Engine.rejection` holds: nothing is sent, a tcp reset, or ICMP's type × 256 + code. */
export const Rejection = { none: -1, tcpReset: 0x10000 } as const

/** What goes back to the source of a packet that a statement rejects: see Rejection. Hot path. */
export function rejectionOf(packet: Packet, { type, code = 0 }: Reject): number {
  if (packet.transport < 0) return Rejection.none
  if (type === 'tcp reset') return resets(packet) ? Rejection.tcpReset : Rejection.none
  if (packet.family === IPV4) {
    if (type === 'icmpv6' || !answers4(packet)) return Rejection.none
    return UNREACHABLE * 256 + (type === 'icmpx' ? ICMPX4[code]! : code)
  }
  if (type === 'icmp' || !answers6(packet)) return Rejection.none
  return UNREACHABLE6 * 256 + (type === 'icmpx' ? ICMPX6[code]! : code)
}

/** A verdict in words, as `reject:icmp-3/3`. */
export function rejectionText(rejection: number, family: number): `reject:${string}` {
  if (rejection === Rejection.tcpReset) return 'reject:tcp-reset'
  const kind = family === IPV4 ? 'icmp' : 'icmpv6'
  return `reject:${kind}-${rejection >> 8}/${rejection & 0xff}`
}

function resets(packet: Packet): boolean {
  const { view, transport, end } = packet
  if (packet.fragmentOffset !== 0 || packet.l4proto !== TCP) return false
  if (transport + TCP_HEADER > end || (view.getUint8(transport + FLAGS) & RST) !== 0) return false
  if (packet.family !== IPV4 && !isUnicast6(packet)) return false
  return sumHolds(packet, transport, packet.network + packet.length, TCP)
}

function answers4(packet: Packet): boolean {
  const { view, transport, end, l4proto } = packet
  if (packet.fragmentOffset !== 0 || packet.pkttype !== HOST) return false
  if (l4proto === ICMP) {
    if (transport >= end) return false
    const type = view.getUint8(transport)
    if (type > LAST_TYPE || ERRORS.includes(type)) return false
  }
  const pseudo = l4proto === TCP || l4proto === UDP ? l4proto : -1
  if (isUnchecked(packet, l4proto, transport)) return true
  return sumHolds(packet, transport, packet.network + packet.length, pseudo)
}

function answers6(packet: Packet): boolean {
  const { view, network, end } = packet
  if (packet.fragmentOffset !== 0 || packet.pkttype !== HOST) return false
  const isMulticast = view.getUint8(network + 24) === 0xff
  if (isMulticast || !isSource6(packet)) return false
  // Unlike nft's own, this look for the transport header goes past authentication headers.
  walk(view, network, end, found, true)
  const { protocol, at } = found
  if (protocol < 0 || at >= end) return false
  if (protocol === ICMPV6 && view.getUint8(at) < 128) return false
  if (isUnchecked(packet, protocol, at)) return true
  return sumHolds(packet, at, network + packet.length, protocol)
}

/** Whether the kernel answers whatever the checksum is of what the packet carries: there is none over all of it. */
export function isUnchecked({ view, end }: Packet, protocol: number, at: number): boolean {
  if (protocol === UDP) return at + 8 <= end && view.getUint16(at + 6) === 0
  return UNCHECKED.includes(protocol)
}

/** Whether the source is one host: no multicast, and not the unspecified address. */
function isSource6({ view, network }: Packet): boolean {
  if (view.getUint8(network + 8) === 0xff) return false
  for (let word = 8; word < 24; word += 4) if (view.getInt32(network + word) !== 0) return true
  return false
}

function isUnicast6(packet: Packet): boolean {
  return isSource6(packet) && packet.view.getUint8(packet.network + 24) !== 0xff
}
