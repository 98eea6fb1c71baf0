/** What the kernel looks at before any hook: packets that fail here are seen by no rule. */
import { addWords, fold } from '../../packet/checksum.js'
import { Column, Family, type Packet } from '../../packet/packet.js'

import { LOOPBACK } from './addresses.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const IPV4 = Family.ipv4
const { saddr6: SADDR6, daddr6: DADDR6 } = Column
const LO = LOOPBACK

const HEADER6 = 40
const NEXT_HEADER = 6
const HOP_BY_HOP = 0
/** Hop-by-hop options (include/uapi/linux/in6.h). */
const PAD1 = 0
const PADN = 1
const ROUTER_ALERT = 5
const CALIPSO = 7
const IOAM = 49
const JUMBO = 0xc2
/** Bytes of padding in a row, and options, that a header may have (RFC 2460, net.ipv6.max_hbh_opts_number). */
const LONGEST_PADDING = 7
const MOST_OPTIONS = 8

/**
 * Whether the packet gets as far as the first hook (ip_rcv_core, ip6_rcv_core). Wire: how many bytes the link brought
 * from the IP header on; a capture may have kept fewer of them, and what it cut off is taken to be right.
 */
export function isSound(packet: Packet, wire: number): boolean {
  if (packet.length > wire) return false
  return packet.family === IPV4 ? isSound4(packet) : isSound6(packet)
}

function isSound4({ view, network }: Packet): boolean {
  return fold(addWords(view, network, network + ((view.getUint8(network) & 15) << 2), 0)) === 0xffff
}

function isSound6(packet: Packet): boolean {
  const { view, network, fields, iif } = packet
  const source = fields[SADDR6]!
  const destination = fields[DADDR6]!
  if (iif !== LO && (isLoopback(fields, SADDR6) || isLoopback(fields, DADDR6))) return false
  if (source >>> 24 === 0xff) return false
  // Groups of scope 0, and those of scope 1, which is one node.
  const scope = (destination >>> 16) & 15
  if (destination >>> 24 === 0xff && (scope === 0 || (scope === 1 && iif !== LO))) return false
  return view.getUint8(network + NEXT_HEADER) !== HOP_BY_HOP || areSound(packet)
}

function isLoopback(fields: Int32Array, column: number): boolean {
  return (fields[column]! | fields[column + 1]! | fields[column + 2]!) === 0 && fields[column + 3] === 1
}

/** Whether the hop-by-hop options are such that the packet goes on (ip6_parse_tlv in net/ipv6/exthdrs.c). */
function areSound({ view, network, end }: Packet): boolean {
  let at = network + HEADER6
  if (at + 8 > end) return false
  const last = at + ((view.getUint8(at + 1) + 1) << 3)
  if (last > end) return false
  let padding = 0
  let options = 0
  for (at += 2; at < last; ) {
    const type = view.getUint8(at)
    if (type === PAD1) {
      if (++padding > LONGEST_PADDING) return false
      at++
      continue
    }
    if (at + 2 > last) return false
    const next = at + 2 + view.getUint8(at + 1)
    if (next > last) return false
    if (type === PADN) {
      padding += next - at
      if (padding > LONGEST_PADDING) return false
      for (let zero = at + 2; zero < next; zero++) if (view.getUint8(zero) !== 0) return false
    } else {
      padding = 0
      if (++options > MOST_OPTIONS || !isOptionSound(type, next - at - 2)) return false
    }
    at = next
  }
  return true
}

function isOptionSound(type: number, length: number): boolean {
  if (type === ROUTER_ALERT) return length === 2
  // Jumbograms do not fit into the length of a packet here; the others' settings are off.
  if (type === JUMBO || type === CALIPSO || type === IOAM) return false
  return type >> 6 === 0
}
