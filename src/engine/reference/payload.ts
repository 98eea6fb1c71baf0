/** Bytes of the packet (net/netfilter/nft_payload.c). */
import { Family, type Packet } from '../../packet/packet.js'
import type { Implied } from '../../ruleset/selectors.js'

const UDP = 17
const TCP = 6
const GRE = 47
const IPIP = 4
const UDP_HEADER = 8
const TCP_HEADER = 20
const GRE_HEADER = 4

/** Whether the packet is of the protocols that a selector belongs to. */
export function isImplied(packet: Packet, implies: readonly Implied[]): boolean {
  return implies.every(
    ({ column, value }) => (column === 'nfproto' ? packet.family : packet.l4proto) === value,
  )
}

/** Bytes as an unsigned number, most significant first; undefined if the packet ends before. */
export function bytesAt(packet: Packet, at: number, length: number): bigint | undefined {
  if (at < packet.network || at + length > packet.end) return undefined
  let value = 0n
  for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(packet.view.getUint8(at + i))
  return value
}

/** `bits` bits from bit `offset` of a place on, of which whole bytes must be there. */
export function bitsAt(packet: Packet, start: number, offset: number, bits: number): bigint | undefined {
  const [first, length] = bytesOf(offset, bits)
  const value = bytesAt(packet, start + first, length)
  if (value === undefined) return undefined
  const behind = BigInt((first + length) * 8 - offset - bits)
  return (value >> behind) & ((1n << BigInt(bits)) - 1n)
}

/** The bytes that hold some bits: the first one, and how many. */
function bytesOf(offset: number, bits: number): [first: number, length: number] {
  const first = Math.floor(offset / 8)
  return [first, Math.ceil((offset + bits) / 8) - first]
}

/** Bits of a header; undefined if the packet does not have them. */
export function load(
  packet: Packet,
  base: 'nh' | 'th' | 'ih',
  offset: number,
  bits: number,
): bigint | undefined {
  const [first, length] = bytesOf(offset, bits)
  const start =
    base === 'nh'
      ? packet.network
      : base === 'th'
        ? transportStart(packet, isFast(first, length))
        : innerStart(packet)
  return start < 0 ? undefined : bitsAt(packet, start, offset, bits)
}

/** Loads that the kernel makes without a look at the fragment offset. Offset and length: bytes. */
export function isFast(offset: number, length: number): boolean {
  return (length === 1 || length === 2 || length === 4) && offset % length === 0
}

function transportStart(packet: Packet, fast: boolean): number {
  return packet.fragmentOffset !== 0 && !fast ? -1 : packet.transport
}

/** Where what the transport header carries begins, or -1. */
function innerStart(packet: Packet): number {
  const { transport } = packet
  if (transport < 0 || packet.fragmentOffset !== 0) return -1
  switch (packet.l4proto) {
    case UDP:
      return transport + UDP_HEADER
    case TCP: {
      if (transport + TCP_HEADER > packet.end) return -1
      return transport + (packet.view.getUint8(transport + 12) >> 4) * 4
    }
    case GRE: {
      if (transport + GRE_HEADER > packet.end) return -1
      const flags = packet.view.getUint16(transport)
      const isRouted = (flags & 0x4000) !== 0
      if ((flags & 7) !== 0 || isRouted) return -1
      return (
        transport + GRE_HEADER + [0x8000, 0x2000, 0x1000].filter((flag) => (flags & flag) !== 0).length * 4
      )
    }
    case IPIP:
      return transport
    default:
      return -1
  }
}

export const isIPv4 = (packet: Packet) => packet.family === Family.ipv4
export const isIPv6 = (packet: Packet) => packet.family === Family.ipv6
