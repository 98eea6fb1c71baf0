/** Whether the kernel answers a packet with an ICMP error: icmp_send in net/ipv4/icmp.c, icmp6_send in net/ipv6/icmp.c. */
import * as ipv6 from '../../packet/ipv6.js'
import { Column, Family, Hook, type Packet } from '../../packet/packet.js'
import { ExtensionWalk, skipExtensions } from '../state/extension-headers.js'
import { type Addresses, AddressType, LOOPBACK } from './addresses.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const IPV4 = Family.ipv4
const { prerouting: PREROUTING, output: OUTPUT } = Hook
const { saddr4: SADDR4, daddr4: DADDR4, saddr6: SADDR6, daddr6: DADDR6 } = Column
const { local: LOCAL, broadcast: BROADCAST, multicast: MULTICAST } = AddressType

const { NEXT_HEADER: NEXT_HEADER6, LENGTH: HEADER6 } = ipv6
const LINK_LOCAL = 0xfe80 >>> 6
const PROTOCOL4 = 9
const ICMP = 1
const ICMP6 = 58
/** Types of ICMP that are neither errors nor unknown, as bits (icmp_pointers). */
const HARMLESS = (1 << 0) | (1 << 8) | (0x3f << 13)
const LAST_TYPE = 18
const INFORMATIONAL6 = 128

/** Filled for each packet anew. */
const found = new ExtensionWalk()

/** Whether an ICMP error of the kernel's own about a packet is sent: not about errors, nor to whom could not be told apart, … */
export function sendsError(packet: Packet, addresses: Addresses): boolean {
  if (packet.pkttype !== 0 || isToMany(packet, addresses)) return false
  if (packet.family === IPV4) return sendsError4(packet)
  return sendsError6(packet) && reachesSource(packet, addresses)
}

/**
 * Whether what a rule answers to a packet gets out, as far as the packet's addresses decide. In prerouting there is no
 * route yet, and the one to its source stands in for it (nf_reject_fill_skb_dst).
 */
export function getsOut(packet: Packet, addresses: Addresses, isReset: boolean): boolean {
  if (packet.family !== IPV4)
    return !isToMany(packet, addresses) && (isReset || reachesSource(packet, addresses))
  if (packet.hook !== PREROUTING) return !isToMany(packet, addresses)
  const source = packet.fields[SADDR4]!
  const type = addresses.type4(source, 0)
  const isOurs = source === 0 || type === LOCAL
  if (isOurs) return isReset || addresses.type4(packet.fields[DADDR4]!, 0) === LOCAL
  return type !== BROADCAST && type !== MULTICAST
}

/** Whether a packet goes to many, by a broadcast or multicast route. */
function isToMany(packet: Packet, addresses: Addresses): boolean {
  if (packet.family !== IPV4) return packet.fields[DADDR6]! >>> 24 === 0xff
  const destination = packet.fields[DADDR4]!
  // What we send to the unspecified address goes to ourselves.
  if (destination === 0 && packet.hook >= OUTPUT) return false
  const type = addresses.type4(destination, 0)
  return type === BROADCAST || type === MULTICAST
}

/**
 * Whether an error gets to an IPv6 packet's source: none to the routers of a network, and to one that is known on its link
 * only by that link, or not at all (icmpv6_route_lookup).
 */
function reachesSource(packet: Packet, addresses: Addresses): boolean {
  if (addresses.isOfRouters6(packet.fields, SADDR6)) return false
  if (!isLinkLocal(packet)) return true
  const { fields, iif, oif } = packet
  const link = iif === 0 ? oif : iif
  // What goes to ourselves stands on the link of the address that it goes to.
  return (
    addresses.route6(fields, SADDR6, link === LOOPBACK ? addresses.route6(fields, DADDR6, 0) : link) !== 0
  )
}

/** Whether an IPv6 packet's source is known on its link only (fe80::/10). */
export function isLinkLocal({ fields }: Packet): boolean {
  return fields[SADDR6]! >>> 22 === LINK_LOCAL
}

function sendsError4({ view, network, end, fragmentOffset }: Packet): boolean {
  if (fragmentOffset !== 0) return false
  if (view.getUint8(network + PROTOCOL4) !== ICMP) return true
  const message = network + ((view.getUint8(network) & 15) << 2)
  if (message >= end) return false
  const type = view.getUint8(message)
  return type <= LAST_TYPE && ((HARMLESS >> type) & 1) === 1
}

function sendsError6({ view, network, end, fields, moreFragments }: Packet): boolean {
  if (fields[SADDR6]! >>> 24 === 0xff) return false
  if ((fields[SADDR6]! | fields[SADDR6 + 1]! | fields[SADDR6 + 2]! | fields[SADDR6 + 3]!) === 0) return false
  // Only a chain of headers that can be followed says that it is an error.
  const next = view.getUint8(network + NEXT_HEADER6)
  if (!skipExtensions(view, next, network + HEADER6, end, found) || found.protocol !== ICMP6) return true
  return found.at >= end ? moreFragments : view.getUint8(found.at) >= INFORMATIONAL6
}
