/**
 * Options, extension headers and chunks (net/netfilter/nft_exthdr.c). Each `find…` gives the offset in the view of the
 * one that was asked for, or -1; no option, no header and no packet that is not of the protocol are the same to rules.
 */
import { checkOptions, Options } from '../../packet/ip-options.js'
import { Family, type Packet } from '../../packet/packet.js'
import { readField } from './bits.js'
import type { Reader } from './reader.js'

type Find = (packet: Packet, number: number) => number

const { ipv4: IPV4, ipv6: IPV6 } = Family
const MALFORMED = Options.malformed
const TCP = 6
const DCCP = 33
const SCTP = 132

/** Whether an option is there: 1 or 0, and never missing itself. */
export class PresenceReader implements Reader {
  readonly bits = 1
  readonly #find: Find
  readonly #number: number

  constructor(find: Find, number: number) {
    this.#find = find
    this.#number = number
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    into[at] = this.#find(packet, this.#number) < 0 ? 0 : 1
    return true
  }
}

/** Bits of an option. */
export class OptionReader implements Reader {
  readonly bits: number
  readonly #find: Find
  readonly #number: number
  readonly #offset: number
  readonly #end: number
  readonly #length: (packet: Packet, option: number) => number

  /** Offset: bits from the option's first byte. Length: how many bytes there may be read from an option's start on. */
  constructor(
    find: Find,
    number: number,
    offset: number,
    bits: number,
    length: (packet: Packet, option: number) => number,
  ) {
    this.#find = find
    this.#number = number
    this.#offset = offset
    this.bits = bits
    this.#end = (offset + bits + 7) >> 3
    this.#length = length
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    const option = this.#find(packet, this.#number)
    if (option < 0 || this.#end > this.#length(packet, option)) return false
    readField(packet.view, option, this.#offset, this.bits, into, at)
    return true
  }
}

/** What is left of the packet. */
export function untilEnd(packet: Packet, option: number): number {
  return packet.end - option
}

const TCP_HEADER = 20
const TCP_NOP = 1

/** The length of a TCP option as the kernel takes it: one byte where it says none. */
export function tcpOptionLength({ view }: Packet, option: number): number {
  if (view.getUint8(option) <= TCP_NOP) return 1
  return view.getUint8(option + 1) || 1
}

export function findTcpOption(packet: Packet, kind: number): number {
  const { view, transport, end } = packet
  if (packet.l4proto !== TCP || packet.fragmentOffset !== 0 || transport + TCP_HEADER > end) return -1
  const header = (view.getUint8(transport + 12) >> 4) << 2
  if (header < TCP_HEADER || transport + header > end) return -1
  const last = transport + header - 1
  for (let at = transport + TCP_HEADER; at < last; at += tcpOptionLength(packet, at)) {
    if (view.getUint8(at) !== kind) continue
    return at + tcpOptionLength(packet, at) > last + 1 ? -1 : at
  }
  return -1
}

const FRAGMENT = 44
const AUTHENTICATION = 51
const ROUTING = 43
const IPV6_HEADER = 40
const FRAGMENT_OFFSET_MASK = 0xfff8

/** An IPv6 extension header or the protocol behind them (ipv6_find_hdr in net/ipv6/exthdrs_core.c). */
export function findExtensionHeader(packet: Packet, number: number): number {
  const { view, network, end } = packet
  if (packet.family !== IPV6) return -1
  let next = view.getUint8(network + 6)
  let at = network + IPV6_HEADER
  for (;;) {
    const found = next === number
    if (!isExtensionHeader(next)) return found ? at : -1
    const needed = next === ROUTING || next === FRAGMENT ? 4 : 2
    if (at + needed > end) return -1
    if (found) return at
    if (next === FRAGMENT && (view.getUint16(at + 2) & FRAGMENT_OFFSET_MASK) !== 0) return -1
    const length = view.getUint8(at + 1)
    const here = next
    next = view.getUint8(at)
    at += here === FRAGMENT ? 8 : here === AUTHENTICATION ? (length + 2) << 2 : (length + 1) << 3
  }
}

function isExtensionHeader(next: number): boolean {
  return next === 0 || next === ROUTING || next === FRAGMENT || next === AUTHENTICATION || next === 60
}

const IPV4_HEADER = 20
const IP_NOP = 1
const IP_END = 0
const LOOSE_ROUTE = 131
const STRICT_ROUTE = 137
const ROUTER_ALERT = 148
/** A source route as a sender writes it: nothing of it is used up, and its addresses are whole. */
const FIRST_ADDRESS = 4
const SHORTEST_ROUTE = 7

/** An IPv4 option (ipv4_find_option); if one of them is malformed, there are none. */
export function findIpOption(packet: Packet, type: number): number {
  const { view, network, end } = packet
  if (packet.family !== IPV4) return -1
  const stop = network + ((view.getUint8(network) & 15) << 2)
  if (stop > end || checkOptions(packet) === MALFORMED) return -1
  let found = -1
  for (let at = network + IPV4_HEADER; at < stop; ) {
    const here = view.getUint8(at)
    if (here === IP_END) break
    if (here === IP_NOP) {
      at++
      continue
    }
    const length = view.getUint8(at + 1)
    const isRoute = here === LOOSE_ROUTE || here === STRICT_ROUTE
    if (isRoute && !isFreshRoute(view, at, length)) return -1
    if (here === type && (here !== ROUTER_ALERT || view.getUint16(at + 2) === 0)) found = at
    at += length
  }
  return found
}

function isFreshRoute(view: DataView, at: number, length: number): boolean {
  return view.getUint8(at + 2) === FIRST_ADDRESS && length >= SHORTEST_ROUTE && (length - 3) % 4 === 0
}

const SCTP_HEADER = 12

export function sctpChunkLength({ view }: Packet, chunk: number): number {
  return view.getUint16(chunk + 2)
}

export function findSctpChunk(packet: Packet, type: number): number {
  const { view, transport, end } = packet
  if (packet.l4proto !== SCTP || packet.fragmentOffset !== 0) return -1
  for (let at = transport + SCTP_HEADER; at + 4 <= end; ) {
    const length = view.getUint16(at + 2)
    if (length === 0) return -1
    if (view.getUint8(at) === type) return at + length > end ? -1 : at
    at += (length + 3) & ~3
  }
  return -1
}

const DCCP_EXTENDED = 1
const DCCP_LAST_RESERVED = 31

/** A DCCP option (RFC 4340 §5.8). */
export function findDccpOption(packet: Packet, type: number): number {
  const { view, transport, end } = packet
  if (packet.l4proto !== DCCP || packet.fragmentOffset !== 0 || transport + 12 > end) return -1
  const stop = transport + (view.getUint8(transport + 4) << 2)
  if (stop > end) return -1
  for (let at = transport + dccpHeader(view, transport); at < stop; ) {
    const here = view.getUint8(at)
    if (here === type) return at
    if (here <= DCCP_LAST_RESERVED) {
      at++
      continue
    }
    const length = at + 1 < stop ? view.getUint8(at + 1) : 0
    if (length < 2 || at + length > stop) return -1
    at += length
  }
  return -1
}

/** Bytes of a DCCP header before its options, by its packet type (__dccp_hdr_len in linux/dccp.h). */
function dccpHeader(view: DataView, at: number): number {
  const byte = view.getUint8(at + 8)
  const basic = (byte & DCCP_EXTENDED) === 0 ? 12 : 16
  switch ((byte >> 1) & 15) {
    case 0: // request: a service code
      return basic + 4
    case 1: // response: acknowledgement and a service code
      return basic + 12
    case 2: // data: nothing
      return basic
    case 3: // acknowledgements
    case 4:
    case 5:
    case 6:
    case 8:
    case 9:
      return basic + 8
    case 7: // reset: acknowledgement and a code
      return basic + 12
    default:
      return basic
  }
}
