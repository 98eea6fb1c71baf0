/**
 * What the kernel sends for a `reject` (net/ipv4/netfilter/nf_reject_ipv4.c, net/ipv6/netfilter/nf_reject_ipv6.c,
 * net/ipv4/icmp.c, net/ipv6/icmp.c), or that it drops in silence.
 */
import { sumHolds } from '../../packet/checksum.js'
import type { Packet } from '../../packet/packet.js'
import type { Reject } from '../../ruleset/model.js'
import { skipExtensions } from './extensions.js'
import { isIPv4, isIPv6 } from './payload.js'
import type { Asked } from './protocols.js'

const TCP = 6
const TCP_HEADER = 20
const TCP_FLAGS = 13
const RST = 4
const ICMP = 1
const ICMPV6 = 58
const UNREACHABLE4 = 3
const UNREACHABLE6 = 1
/** ICMPv6 types from here on are no errors. */
const INFORMATIONAL = 128
/** ICMP types that are no errors; every other, and every unknown one, is never answered. */
const HARMLESS: readonly number[] = [0, 8, 13, 14, 15, 16, 17, 18]
/** Codes of icmpx (NFT_REJECT_ICMPX_*): no route, port unreachable, host unreachable, prohibited. */
const ICMPX_CODES = { ipv4: [0, 3, 1, 13], ipv6: [0, 4, 3, 1] } as const

/**
 * Whether packets like this one can be rejected so: others do not match the rule. nft asks for that before anything else, if
 * the rule itself has not asked for it up to its end.
 */
export function isAnswerable({ type }: Reject, packet: Packet, asked: Asked): boolean {
  switch (type) {
    case 'icmp':
      return asked.family || isIPv4(packet)
    case 'icmpv6':
      return asked.family || isIPv6(packet)
    case 'icmpx':
      return true
    case 'tcp reset':
      return asked.transport !== undefined || packet.l4proto === TCP
  }
}

/** The verdict: what is sent, or that nothing is. */
export function reject({ type, code = 0 }: Reject, packet: Packet): 'drop' | `reject:${string}` {
  if (type === 'tcp reset') return isReset(packet) ? 'reject:tcp-reset' : 'drop'
  if (isIPv4(packet)) {
    const sent = type === 'icmpx' ? ICMPX_CODES.ipv4[code] : code
    return isAnswered4(packet) ? `reject:icmp-${UNREACHABLE4}/${sent}` : 'drop'
  }
  const sent = type === 'icmpx' ? ICMPX_CODES.ipv6[code] : code
  return isAnswered6(packet) ? `reject:icmpv6-${UNREACHABLE6}/${sent}` : 'drop'
}

function isAnswered4(packet: Packet): boolean {
  const { view, network, end, fragmentOffset, transport } = packet
  if (fragmentOffset !== 0 || packet.pkttype !== 0) return false
  if (
    view.getUint8(network + 9) === ICMP &&
    (transport >= end || !HARMLESS.includes(view.getUint8(transport)))
  )
    return false
  return isSumRight(packet, view.getUint8(network + 9), transport)
}

function isAnswered6(packet: Packet): boolean {
  const { view, network, end } = packet
  const behind = skipExtensions(packet)
  if (behind === undefined || behind.at >= end || behind.isLaterFragment) return false
  if (packet.pkttype !== 0 || isMulticast6(packet, 24)) return false
  if (isMulticast6(packet, 8) || isUnspecified(packet, 8)) return false
  if (behind.protocol === ICMPV6 && view.getUint8(behind.at) < INFORMATIONAL) return false
  return network >= 0 && isSumRight(packet, behind.protocol, behind.at)
}

function isReset(packet: Packet): boolean {
  let at = packet.transport
  if (isIPv4(packet)) {
    if (packet.fragmentOffset !== 0) return false
    if (packet.view.getUint8(packet.network + 9) !== TCP) return false
  } else {
    const behind = skipExtensions(packet)
    if (behind === undefined || behind.protocol !== TCP || behind.isLaterFragment) return false
    if (!isUnicast6(packet, 8) || !isUnicast6(packet, 24)) return false
    at = behind.at
  }
  if (at + TCP_HEADER > packet.end) return false
  if ((packet.view.getUint8(at + TCP_FLAGS) & RST) !== 0) return false
  return isSumRight(packet, TCP, at)
}

/** The words of an address of an IPv6 header. */
const wordsAt = ({ view, network }: Packet, offset: number) =>
  [0, 4, 8, 12].map((word) => view.getUint32(network + offset + word))

const isMulticast6 = (packet: Packet, offset: number) =>
  packet.view.getUint8(packet.network + offset) === 0xff
const isUnspecified = (packet: Packet, offset: number) => wordsAt(packet, offset).every((word) => word === 0)

/** As __ipv6_addr_type has it (net/ipv6/addrconf_core.c): IPv4 in IPv6 is none, with old exceptions. */
function isUnicast6(packet: Packet, offset: number): boolean {
  const [first, second, third] = wordsAt(packet, offset)
  const isMapped = first === 0 && second === 0 && third === 0xffff
  return !isMulticast6(packet, offset) && !isUnspecified(packet, offset) && !isMapped
}

const UDP = 17
/** GRE, ESP, AH, SCTP and UDP-Lite: their checks are not looked at (nf_reject_verify_csum). */
const UNCHECKED: readonly number[] = [47, 50, 51, 132, 136]

/** Whether the checksum of what begins at `at` is right, or not to be looked at. */
function isSumRight(packet: Packet, protocol: number, at: number): boolean {
  const { view, end } = packet
  if (protocol === UDP && at + 8 <= end && view.getUint16(at + 6) === 0) return true
  if (UNCHECKED.includes(protocol)) return true
  // Over IPv4 only TCP's and UDP's covers the addresses.
  const covers = isIPv6(packet) || protocol === TCP || protocol === UDP
  return sumHolds(packet, at, packet.network + packet.length, covers ? protocol : -1)
}
