/** Packets as a host would send them: headers, checksums and all. */
import { addressBytes, buildPacket, type PacketSpec } from '../packets.js'

export const Protocol = { icmp: 1, tcp: 6, udp: 17, gre: 47, icmp6: 58, sctp: 132, udplite: 136 } as const

export const Flag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const

export interface Segment {
  sport: number
  dport: number
  seq: number
  ack?: number
  /** Bits of Flag. */
  flags: number
  /** As in the header: not yet scaled. */
  window?: number
  /** Bytes of options; padded with zeros to a multiple of 4. */
  options?: readonly number[]
  /** Bytes of payload, zeros. */
  length?: number
}

export function tcp({
  sport,
  dport,
  seq,
  ack = 0,
  flags,
  window = 65535,
  options = [],
  length = 0,
}: Segment): Uint8Array {
  const header = 20 + Math.ceil(options.length / 4) * 4
  const bytes = new Uint8Array(header + length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, sport)
  view.setUint16(2, dport)
  view.setUint32(4, seq)
  view.setUint32(8, ack)
  bytes[12] = header << 2
  bytes[13] = flags
  view.setUint16(14, window)
  bytes.set(options, 20)
  return bytes
}

/** UDP, and UDP-Lite, whose third field is the coverage of its checksum. */
export function udp(
  sport: number,
  dport: number,
  length: number,
  third = 8 + length,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 + length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, sport)
  view.setUint16(2, dport)
  view.setUint16(4, third)
  return bytes
}

/** ICMP and ICMPv6: `rest` is the word behind the checksum, for echos the id and the sequence number. */
export function icmp(
  type: number,
  code: number,
  rest: number,
  payload: Uint8Array = new Uint8Array(8),
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 + payload.length)
  const view = new DataView(bytes.buffer)
  bytes[0] = type
  bytes[1] = code
  view.setUint32(4, rest)
  bytes.set(payload, 8)
  return bytes
}

/** A chunk of SCTP. */
export interface Chunk {
  type: number
  flags?: number
  /** Its bytes behind type, flags and length. */
  value?: Uint8Array
}

export function sctp(sport: number, dport: number, tag: number, chunks: readonly Chunk[]): Uint8Array {
  const size = (value: Uint8Array | undefined) => 4 + Math.ceil((value?.length ?? 0) / 4) * 4
  const bytes = new Uint8Array(12 + chunks.reduce((sum, { value }) => sum + size(value), 0))
  const view = new DataView(bytes.buffer)
  view.setUint16(0, sport)
  view.setUint16(2, dport)
  view.setUint32(4, tag)
  let at = 12
  for (const { type, flags = 0, value = new Uint8Array(0) } of chunks) {
    bytes[at] = type
    bytes[at + 1] = flags
    view.setUint16(at + 2, 4 + value.length)
    bytes.set(value, at + 4)
    at += size(value)
  }
  view.setUint32(8, crc32c(bytes), true)
  return bytes
}

export interface WireSpec extends PacketSpec {
  ttl?: number
  id?: number
  tos?: number
  /** The protocol that the transport's checksum is told, if another. */
  summedAs?: number
}

/** An IP packet with its checksums, the transport's too where we know how. */
export function packet(spec: WireSpec): Uint8Array {
  const payload = Uint8Array.from(spec.payload)
  const place = checksumPlace(spec.protocol)
  if (place >= 0 && payload.length >= place + 2) {
    const sum = transportChecksum(spec, payload)
    new DataView(payload.buffer).setUint16(place, sum === 0 && spec.protocol !== Protocol.tcp ? 0xffff : sum)
  }
  return rawPacket({ ...spec, payload })
}

/** The same with the transport's checksum as it is. */
export function rawPacket(spec: WireSpec): Uint8Array {
  const bytes = buildPacket(spec)
  const view = new DataView(bytes.buffer)
  if (bytes[0]! >> 4 === 4) {
    bytes[1] = spec.tos ?? 0
    bytes[8] = spec.ttl ?? 64
    view.setUint16(4, spec.id ?? 1)
    view.setUint16(10, 0)
    view.setUint16(10, fold(sum(bytes.subarray(0, (bytes[0]! & 15) * 4))))
  } else {
    view.setUint16(0, 0x6000 | ((spec.tos ?? 0) << 4))
    bytes[7] = spec.ttl ?? 64
    const fragment = spec.fragmentOffset !== undefined || spec.moreFragments
    if (fragment) view.setUint32(40 + (spec.extensions?.length ?? 0) * 8 + 4, spec.id ?? 1)
  }
  return bytes
}

function checksumPlace(protocol: number): number {
  switch (protocol) {
    case Protocol.tcp:
      return 16
    case Protocol.udp:
    case Protocol.udplite:
      return 6
    case Protocol.icmp:
    case Protocol.icmp6:
      return 2
    default:
      return -1
  }
}

function transportChecksum(
  { source, destination, protocol, summedAs = protocol }: WireSpec,
  payload: Uint8Array<ArrayBuffer>,
): number {
  if (protocol === Protocol.icmp) return fold(sum(payload))
  const coverage = protocol === Protocol.udplite ? new DataView(payload.buffer).getUint16(4) : 0
  const covered = coverage === 0 || coverage > payload.length ? payload : payload.subarray(0, coverage)
  const pseudo = sum(addressBytes(source)) + sum(addressBytes(destination)) + summedAs + payload.length
  return fold(pseudo + sum(covered))
}

function sum(bytes: Uint8Array): number {
  let total = 0
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i]! << 8) | (bytes[i + 1] ?? 0)
  return total
}

function fold(total: number): number {
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000)
  return ~total & 0xffff
}

/** SCTP's checksum (RFC 9260 appendix A), bit by bit. */
function crc32c(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
