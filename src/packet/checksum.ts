import { Family, type Packet } from './packet.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const IPV4 = Family.ipv4

/** SCTP's polynomial (CRC32c), a byte at a time. */
const CRC = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/**
 * Whether the internet checksum over a packet's bytes from `transport` to `end` holds, with the pseudo-header of
 * `protocol`, or without one (-1). Where a capture has cut the packet nobody can tell: then it does.
 */
export function sumHolds(packet: Packet, transport: number, end: number, protocol: number): boolean {
  if (packet.isVerified || end > packet.end) return true
  const { view, network } = packet
  // The kernel sums IPv4's header too, which by itself makes 0xffff: so that nothing but zeros has the right sum.
  let sum = 0xffff
  if (protocol >= 0) {
    const first = packet.family === IPV4 ? network + 12 : network + 8
    sum = addWords(view, first, packet.family === IPV4 ? first + 8 : first + 32, sum)
    sum += protocol + network + packet.length - transport
  }
  sum = addWords(view, transport, end, sum)
  return fold(sum) === 0xffff
}

/** A sum in 16 bits: 0xffff of bytes that hold their own checksum. */
export function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}

/**
 * Adds the 16-bit words of some bytes, as far as `fold` can tell: no more than 65535 bytes. They are read in the
 * machine's order, four times four at a time, which takes half as long; that only exchanges the bytes of the sum (RFC 1071
 * §2).
 */
export function addWords(view: DataView, from: number, to: number, sum: number): number {
  let at = from
  let low = 0
  let high = 0
  for (; at + 16 <= to; at += 16) {
    const a = view.getInt32(at, true)
    const b = view.getInt32(at + 4, true)
    const c = view.getInt32(at + 8, true)
    const d = view.getInt32(at + 12, true)
    low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0
  }
  const exchanged = fold(low + high)
  sum += (exchanged >> 8) | ((exchanged & 0xff) << 8)
  for (; at + 2 <= to; at += 2) sum += view.getUint16(at)
  return at < to ? sum + (view.getUint8(at) << 8) : sum
}

/** The same of SCTP's checksum (RFC 9260 appendix A). */
export function crcHolds(packet: Packet, transport: number, end: number): boolean {
  if (end > packet.end) return true
  const { view } = packet
  return crcOf(view, transport, end) === view.getInt32(transport + 8, true)
}

/** SCTP's checksum of what lies from its header to the end, as it stands at byte 8: a word in little-endian order. */
export function crcOf(view: DataView, transport: number, end: number): number {
  let crc = -1
  for (let at = transport; at < end; at++) {
    const byte = at >= transport + 8 && at < transport + 12 ? 0 : view.getUint8(at)
    crc = CRC[(crc ^ byte) & 255]! ^ (crc >>> 8)
  }
  return ~crc
}
