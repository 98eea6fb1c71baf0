/** Link types whose frames hold IP packets, by their numbers in capture files (tcpdump.org/linktypes.html). */
export const LinkType = {
  null: 0,
  ethernet: 1,
  ppp: 9,
  /** DLT_RAW, which some systems wrote into files as it is. */
  dltRaw: 12,
  dltRawOpenbsd: 14,
  pppHdlc: 50,
  raw: 101,
  loop: 108,
  linuxSll: 113,
  ipv4: 228,
  ipv6: 229,
  linuxSll2: 276,
} as const

const KNOWN = new Set<number>(Object.values(LinkType))

/** Whether IP packets are found in frames of a link type. */
export function holdsIP(linkType: number): boolean {
  return KNOWN.has(linkType)
}

const { null: NULL, ethernet: ETHERNET, ppp: PPP, pppHdlc: PPP_HDLC, loop: LOOP } = LinkType
const { dltRaw: DLT_RAW, dltRawOpenbsd: DLT_RAW_OPENBSD, raw: RAW, ipv4: IPV4, ipv6: IPV6 } = LinkType
const { linuxSll: SLL, linuxSll2: SLL2 } = LinkType

const ETHERTYPE_IPV4 = 0x0800
const ETHERTYPE_IPV6 = 0x86dd
/** 802.1Q, 802.1ad, and what switches used for the outer tag before that. */
const ETHERTYPE_VLAN = 0x8100
const ETHERTYPE_QINQ = 0x88a8
const ETHERTYPE_OLD_QINQ = 0x9100

const ETHERNET_LENGTH = 14
const SLL_LENGTH = 16
const SLL2_LENGTH = 20

/** Way of a packet, in the numbers of pcapng's epb_flags. */
export const Direction = { unknown: 0, inbound: 1, outbound: 2 } as const
const { unknown: UNKNOWN, inbound: INBOUND, outbound: OUTBOUND } = Direction

/** PACKET_OTHERHOST and PACKET_OUTGOING; what is less came for this host, by address, broadcast or multicast. */
const OTHER_HOST = 3
const OUTGOING = 4

/** Offset of the IP header in the frame that lies from `at` to `end`; -1 if it holds none. */
export function findIP(view: DataView, linkType: number, at: number, end: number): number {
  const length = end - at
  switch (linkType) {
    case ETHERNET:
      return length < ETHERNET_LENGTH ? -1 : behind(view, view.getUint16(at + 12), at + ETHERNET_LENGTH, end)
    case SLL:
      return length < SLL_LENGTH ? -1 : behind(view, view.getUint16(at + 14), at + SLL_LENGTH, end)
    case SLL2:
      return length < SLL2_LENGTH ? -1 : behind(view, view.getUint16(at), at + SLL2_LENGTH, end)
    case RAW:
    case DLT_RAW:
    case DLT_RAW_OPENBSD: {
      const found = version(view, at, end)
      return found === 4 || found === 6 ? at : -1
    }
    case IPV4:
      return version(view, at, end) === 4 ? at : -1
    case IPV6:
      return version(view, at, end) === 6 ? at : -1
    case NULL:
    case LOOP:
      return length < 4 ? -1 : loopback(view, at, end)
    case PPP:
    case PPP_HDLC:
      return length < 4 ? -1 : ppp(view, at, end)
    default:
      return -1
  }
}

/** The way that a frame of Linux' cooked link types went; unknown for all others, and for what was for another host. */
export function cookedDirection(view: DataView, linkType: number, at: number, end: number): number {
  let type: number
  if (linkType === SLL && end - at >= SLL_LENGTH) type = view.getUint16(at)
  else if (linkType === SLL2 && end - at >= SLL2_LENGTH) type = view.getUint8(at + 10)
  else return UNKNOWN
  if (type === OUTGOING) return OUTBOUND
  return type < OTHER_HOST ? INBOUND : UNKNOWN
}

function version(view: DataView, at: number, end: number): number {
  return at < end ? view.getUint8(at) >> 4 : 0
}

/** What an EtherType announces at `at`, behind any VLAN tags. */
function behind(view: DataView, type: number, at: number, end: number): number {
  for (;;) {
    // The kernel does not take for IP what is of another version than was announced.
    if (type === ETHERTYPE_IPV4) return version(view, at, end) === 4 ? at : -1
    if (type === ETHERTYPE_IPV6) return version(view, at, end) === 6 ? at : -1
    if (type !== ETHERTYPE_VLAN && type !== ETHERTYPE_QINQ && type !== ETHERTYPE_OLD_QINQ) return -1
    if (end - at < 4) return -1
    type = view.getUint16(at + 2)
    at += 4
  }
}

/** An address family in four bytes, of the machine that captured or in network order; IPv6 has several numbers. */
function loopback(view: DataView, at: number, end: number): number {
  const number = view.getUint32(at)
  const family = number > 0xffff ? view.getUint32(at, true) : number
  switch (family) {
    case 2:
      return version(view, at + 4, end) === 4 ? at + 4 : -1
    case 10: // Linux
    case 23: // Windows
    case 24: // NetBSD, OpenBSD
    case 28: // FreeBSD
    case 30: // macOS
      return version(view, at + 4, end) === 6 ? at + 4 : -1
    default:
      return -1
  }
}

/** PPP (RFC 1661 §2) with or without HDLC's address and control (RFC 1662 §3), or Cisco's HDLC; 4 bytes are there. */
function ppp(view: DataView, at: number, end: number): number {
  const first = view.getUint8(at)
  if (first === 0x0f || first === 0x8f) return behind(view, view.getUint16(at + 2), at + 4, end)
  let next = view.getUint16(at) === 0xff03 ? at + 2 : at
  // An odd first byte is a whole protocol number, compressed (RFC 1661 §6.5).
  let protocol = view.getUint8(next++)
  if ((protocol & 1) === 0) protocol = (protocol << 8) | view.getUint8(next++)
  if (protocol === 0x21) return version(view, next, end) === 4 ? next : -1
  if (protocol === 0x57) return version(view, next, end) === 6 ? next : -1
  return -1
}
