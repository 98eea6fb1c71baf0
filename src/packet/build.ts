/** Whole packets from what they are to be: headers, checksums and all, as a host would send them. */
import type { Address } from './address.js'
import { addWords, crcOf, fold } from './checksum.js'
import * as ipv4 from './ipv4.js'
import * as ipv6 from './ipv6.js'

const [ICMP, TCP, UDP, ICMP6, SCTP, UDPLITE] = [1, 6, 17, 58, 132, 136] as const
const TTL = 64
/** Hops of ICMPv6 to neighbours: of their discovery (RFC 4861 §6, §7), and of multicast listeners (RFC 2710 §3, RFC 3810 §5). */
const HOPS = new Map([
  ...[133, 134, 135, 136, 137].map((type) => [type, 255] as const),
  ...[130, 131, 132, 143].map((type) => [type, 1] as const),
])
const IDENTIFICATION = 4
const HOPS4 = 8
const CHECKSUM4 = 10
const HOPS6 = 7
/** Where the transport's checksum stands; other protocols have none that we fill in. */
const CHECKSUMS: Readonly<Record<number, number>> = {
  [ICMP]: 2,
  [TCP]: 16,
  [UDP]: 6,
  [ICMP6]: 2,
  [UDPLITE]: 6,
}

/** What a packet is to be. Addresses are of one IP version. */
export interface PacketDescription {
  readonly source: Address
  readonly destination: Address
  /** Of the transport, as in the IP header. */
  readonly protocol: number
  /** Of protocols that have ports; default 0. */
  readonly sport?: number
  readonly dport?: number
  /** TCP's flags; default SYN. */
  readonly flags?: number
  /** Of ICMP and ICMPv6; default 0. */
  readonly type?: number
  readonly code?: number
}

/** The packet's bytes, from its IP header on, with right checksums. */
export function buildPacket(description: PacketDescription): Uint8Array<ArrayBuffer> {
  const { source, destination, protocol } = description
  const segment = segmentOf(description)
  const header = source.bits === 32 ? ipv4.MINIMUM_LENGTH : ipv6.LENGTH
  const bytes = new Uint8Array(header + segment.length)
  const view = new DataView(bytes.buffer)
  bytes.set(segment, header)
  if (source.bits === 32) {
    bytes[0] = 0x45
    view.setUint16(ipv4.TOTAL_LENGTH, bytes.length)
    view.setUint16(IDENTIFICATION, 1)
    bytes[HOPS4] = TTL
    bytes[ipv4.PROTOCOL] = protocol
    writeAddress(view, ipv4.SOURCE, source)
    writeAddress(view, ipv4.DESTINATION, destination)
    view.setUint16(CHECKSUM4, ~fold(addWords(view, 0, header, 0)) & 0xffff)
  } else {
    bytes[0] = 0x60
    view.setUint16(ipv6.PAYLOAD_LENGTH, segment.length)
    bytes[ipv6.NEXT_HEADER] = protocol
    bytes[HOPS6] = hopsOf(description)
    writeAddress(view, ipv6.SOURCE, source)
    writeAddress(view, ipv6.DESTINATION, destination)
  }
  writeChecksum(view, header, protocol, source.bits)
  return bytes
}

/** Bytes of the flags that a SYN has, of a window, and of the echo that ICMP's usual messages carry. */
const SYN = 2
const WINDOW = 65_535
const DATA_OFFSET = 5 << 4
/** SCTP's INIT (RFC 9260 §3.3.2), which begins an association: its chunk, without parameters. */
const INIT = [1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 255, 255, 0, 1, 0, 1, 0, 0, 0, 1]
const SCTP_HEADER = 12

/** Bytes of segments; others have 16, as an echo has. */
const LENGTHS: Readonly<Record<number, number>> = {
  [TCP]: 20,
  [UDP]: 8,
  [UDPLITE]: 8,
  [SCTP]: SCTP_HEADER + INIT.length,
}

function hopsOf({ protocol, type = 0 }: PacketDescription): number {
  return (protocol === ICMP6 ? HOPS.get(type) : undefined) ?? TTL
}

function segmentOf({ protocol, sport = 0, dport = 0, flags = SYN, type = 0, code = 0 }: PacketDescription) {
  const bytes = new Uint8Array(LENGTHS[protocol] ?? 16)
  const view = new DataView(bytes.buffer)
  if (protocol === ICMP || protocol === ICMP6) {
    bytes[0] = type
    bytes[1] = code
    return bytes
  }
  view.setUint16(0, sport)
  view.setUint16(2, dport)
  if (protocol === SCTP) bytes.set(INIT, SCTP_HEADER)
  if (protocol === UDP || protocol === UDPLITE) view.setUint16(4, bytes.length)
  if (protocol === TCP) {
    bytes[12] = DATA_OFFSET
    bytes[13] = flags
    view.setUint16(14, WINDOW)
  }
  return bytes
}

function writeAddress(view: DataView, at: number, { bits, value }: Address): void {
  for (let word = bits / 32 - 1, rest = value; word >= 0; word--, rest >>= 32n)
    view.setUint32(at + word * 4, Number(rest & 0xffffffffn))
}

function writeChecksum(view: DataView, header: number, protocol: number, bits: number): void {
  if (protocol === SCTP) view.setInt32(header + 8, crcOf(view, header, view.byteLength), true)
  const place = CHECKSUMS[protocol]
  if (place === undefined) return
  const end = view.byteLength
  // ICMP of IPv4 alone does not sum the addresses.
  const first = bits === 32 ? ipv4.SOURCE : ipv6.SOURCE
  const pseudo = protocol === ICMP ? 0 : addWords(view, first, header, protocol + end - header)
  const sum = ~fold(addWords(view, header, end, pseudo)) & 0xffff
  view.setUint16(header + place, sum === 0 && protocol !== TCP ? 0xffff : sum)
}
