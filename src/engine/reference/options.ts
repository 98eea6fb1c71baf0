/** Options of TCP, IPv4 and DCCP, and SCTP's chunks (net/netfilter/nft_exthdr.c): where each is, or that it is not there. */
import type { Packet } from '../../packet/packet.js'

/** An option in the view: its first byte, and how many bytes it has. */
export interface Found {
  readonly at: number
  readonly length: number
}

const TCP = 6
const DCCP = 33
const SCTP = 132
const TCP_HEADER = 20
const SCTP_HEADER = 12
const NO_OPERATION = 1

/** Where the transport header begins, if it is one of a protocol and of the first fragment; else -1. */
function headerOf(packet: Packet, protocol: number, length: number): number {
  const { transport, fragmentOffset, end } = packet
  if (packet.l4proto !== protocol || fragmentOffset !== 0) return -1
  return transport >= 0 && transport + length <= end ? transport : -1
}

/** The first option of a kind. What has only one byte, or claims to have none, is stepped over by one. */
export function findTcpOption(packet: Packet, kind: number): Found | undefined {
  const start = headerOf(packet, TCP, TCP_HEADER)
  if (start < 0) return undefined
  const { view } = packet
  const end = start + (view.getUint8(start + 12) >> 4) * 4
  if (end < start + TCP_HEADER || end > packet.end) return undefined
  let length = 0
  for (let at = start + TCP_HEADER; at < end - 1; at += length) {
    const type = view.getUint8(at)
    const said = view.getUint8(at + 1)
    length = type <= NO_OPERATION || said === 0 ? 1 : said
    if (type === kind) return at + length > end ? undefined : { at, length }
  }
  return undefined
}

/** The first chunk of a type; its length is what it says. Unlike options, chunks are looked for in later fragments too. */
export function findSctpChunk(packet: Packet, type: number): Found | undefined {
  const { view, end, transport } = packet
  if (packet.l4proto !== SCTP) return undefined
  let at = transport + SCTP_HEADER
  do {
    if (at + 4 > end) return undefined
    const length = view.getUint16(at + 2)
    if (length === 0) return undefined
    if (view.getUint8(at) === type) return { at, length }
    at += (length + 3) & ~3
  } while (at < end)
  return undefined
}

const DCCP_HEADER = 12
/** Bytes behind the first header, by the packet's type (dccp_packet_hdr_len in include/linux/dccp.h). */
const DCCP_TYPES: readonly number[] = [4, 12, 0, 8, 8, 8, 8, 12, 8, 8]
const DCCP_OTHER = 12
/** Options up to this type have one byte. */
const DCCP_SHORT = 31

export function hasDccpOption(packet: Packet, wanted: number): boolean {
  const start = headerOf(packet, DCCP, DCCP_HEADER)
  if (start < 0) return false
  const { view } = packet
  const flags = view.getUint8(start + 8)
  const type = (flags >> 1) & 15
  const extended = (flags & 1) !== 0
  const end = start + view.getUint8(start + 4) * 4
  for (let at = start + DCCP_HEADER + (extended ? 4 : 0) + (DCCP_TYPES[type] ?? DCCP_OTHER); at < end; ) {
    if (at + 1 > packet.end) return false
    const option = view.getUint8(at)
    if (option === wanted) return true
    if (option <= DCCP_SHORT) at++
    else {
      if (at + 1 >= end || at + 2 > packet.end) return false
      const length = view.getUint8(at + 1)
      if (length < 2) return false
      at += length
    }
  }
  return false
}

const END = 0
const RECORD_ROUTE = 7
const TIMESTAMP = 68
/** A timestamp only where one of the addresses is the host's. */
const PRESPECIFIED = 3
const LOOSE_ROUTE = 131
const STRICT_ROUTE = 137
const ROUTER_ALERT = 148
const IPV4_HEADER = 20

/** Where an option of an IPv4 header begins, all of whose options are sound (ip_options_compile in net/ipv4/ip_options.c); or -1. */
export function findIpOption(packet: Packet, wanted: number): number {
  const { view, network } = packet
  const end = network + (view.getUint8(network) & 15) * 4
  const found = new Map<number, number>()
  for (let at = network + IPV4_HEADER; at < end; ) {
    const type = view.getUint8(at)
    if (type === END) break
    if (type === NO_OPERATION) {
      at++
      continue
    }
    const length = at + 1 < end ? view.getUint8(at + 1) : 0
    if (length < 2 || at + length > end) return -1
    const option = Array.from({ length }, (_, i) => view.getUint8(at + i))
    const route = type === LOOSE_ROUTE || type === STRICT_ROUTE
    const twice = route ? found.has(LOOSE_ROUTE) || found.has(STRICT_ROUTE) : found.has(type)
    const once = route || type === RECORD_ROUTE || type === TIMESTAMP
    if ((once && twice) || !isSound(type, option)) return -1
    const isAlert = type !== ROUTER_ALERT || (option[2] === 0 && option[3] === 0)
    if (isAlert) found.set(type, at)
    at += length
  }
  return found.get(wanted) ?? -1
}

function isSound(type: number, option: readonly number[]): boolean {
  const [, length = 0, pointer = 0, flags = 0] = option
  switch (type) {
    case LOOSE_ROUTE:
    case STRICT_ROUTE:
      return length >= 7 && pointer === 4 && (length - 3) % 4 === 0
    case RECORD_ROUTE:
      return length >= 3 && pointer >= 4 && (pointer > length || pointer + 3 <= length)
    case TIMESTAMP: {
      if (length < 4 || pointer < 5) return false
      const kind = flags & 15
      if (pointer > length) return kind === PRESPECIFIED || flags >> 4 !== 15
      return pointer + (kind === 1 || kind === PRESPECIFIED ? 7 : 3) <= length
    }
    case ROUTER_ALERT:
      return length >= 4
    default:
      return true
  }
}
