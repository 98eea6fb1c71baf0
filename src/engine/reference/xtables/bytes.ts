/** A packet as plain bytes from its IP header on, and the headers in it, as xtables' matches find them. */
import { Family, type Packet } from '../../../packet/packet.js'

/** What the packet holds, up to its end. */
export function bytesOf({ view, network, end }: Packet): number[] {
  return Array.from({ length: end - network }, (_, i) => view.getUint8(network + i))
}

/** An unsigned number of some bytes. */
export function numberAt(bytes: readonly number[], at: number, size: number): number {
  return bytes.slice(at, at + size).reduce((value, byte) => value * 256 + byte, 0)
}

export function addressAt(bytes: readonly number[], at: number, size: number): bigint {
  return bytes.slice(at, at + size).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

export function isIPv6(packet: Packet): boolean {
  return packet.family === Family.ipv6
}

/** Source and destination. */
export function addressesOf(packet: Packet): { source: bigint; destination: bigint } {
  const bytes = bytesOf(packet)
  return isIPv6(packet)
    ? { source: addressAt(bytes, 8, 16), destination: addressAt(bytes, 24, 16) }
    : { source: addressAt(bytes, 12, 4), destination: addressAt(bytes, 16, 4) }
}

/** The address with all bits behind the first `length` cleared. */
export function masked(address: bigint, length: number, bits: number): bigint {
  const host = BigInt(bits - length)
  return (address >> host) << host
}

interface Header {
  readonly kind: number
  readonly at: number
}

export interface Transport {
  readonly protocol: number
  readonly at: number
  /** Bytes of the datagram before this fragment. */
  readonly fragment: number
}

const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const NOTHING = 59
const EXTENSIONS = [0, ROUTING, FRAGMENT, AUTHENTICATION, NOTHING, 60]

export function lengthOfExtension(kind: number, byte: number): number {
  if (kind === FRAGMENT) return 8
  return kind === AUTHENTICATION ? (byte + 2) * 4 : (byte + 1) * 8
}

/** The extension headers of an IPv6 packet, and what follows them; `broken` where the packet ends too early. */
export function chainOf(bytes: readonly number[]): { headers: Header[]; last: Transport | 'broken' } {
  const headers: Header[] = []
  let kind = bytes[6]!
  let at = 40
  while (EXTENSIONS.includes(kind) && kind !== NOTHING) {
    const least = kind === ROUTING || kind === FRAGMENT ? 4 : 2
    if (bytes.length - at < least) return { headers, last: 'broken' }
    headers.push({ kind, at })
    const following = bytes[at]!
    const fragment = kind === FRAGMENT ? numberAt(bytes, at + 2, 2) & ~7 : 0
    if (fragment !== 0) {
      // What follows is in another fragment: the kernel has it begin where the packet does.
      const known = !EXTENSIONS.includes(following) || following === NOTHING
      return { headers, last: known ? { protocol: following, at: 0, fragment } : 'broken' }
    }
    at += lengthOfExtension(kind, bytes[at + 1]!)
    kind = following
  }
  return { headers, last: { protocol: kind, at, fragment: 0 } }
}

/** What follows the IP header and its extensions. */
export function transportOf(packet: Packet): Transport | 'broken' {
  const bytes = bytesOf(packet)
  if (isIPv6(packet)) return chainOf(bytes).last
  return { protocol: bytes[9]!, at: (bytes[0]! & 15) * 4, fragment: (numberAt(bytes, 6, 2) & 0x1fff) * 8 }
}

/** Where the first extension header of a kind is. */
export function extensionAt(bytes: readonly number[], kind: number): number | 'none' | 'broken' {
  const { headers, last } = chainOf(bytes)
  const found = headers.find((header) => header.kind === kind)
  if (found !== undefined) return found.at
  const fragmented = headers.some(
    ({ kind, at }) => kind === FRAGMENT && (numberAt(bytes, at + 2, 2) & ~7) !== 0,
  )
  return last === 'broken' && !fragmented ? 'broken' : 'none'
}

/** The four bytes that hold the ports or the like, by protocol; 0 of one without; undefined if they are not there. */
export function portsOf(packet: Packet): { source: number; destination: number } | undefined {
  const bytes = bytesOf(packet)
  const where = behindExtensions(packet)
  if (where === undefined) return undefined
  const before = { 6: 0, 17: 0, 33: 0, 50: 0, 132: 0, 136: 0, 51: 4 }[where.protocol]
  if (before === undefined) return { source: 0, destination: 0 }
  const at = where.at + before
  if (bytes.length - at < 4) return undefined
  return { source: numberAt(bytes, at, 2), destination: numberAt(bytes, at + 2, 2) }
}

/** As `transportOf`, but a later fragment of IPv6 has its fragment header there, and a packet with nothing next has none. */
export function behindExtensions(packet: Packet): Transport | undefined {
  const bytes = bytesOf(packet)
  if (!isIPv6(packet)) return transportOf(packet) as Transport
  let kind = bytes[6]!
  let at = 40
  while (EXTENSIONS.includes(kind)) {
    if (kind === NOTHING || bytes.length - at < (kind === FRAGMENT ? 4 : 2)) return undefined
    if (kind === FRAGMENT && (numberAt(bytes, at + 2, 2) & ~7) !== 0) break
    const length = lengthOfExtension(kind, bytes[at + 1]!)
    kind = bytes[at]!
    at += length
  }
  return { protocol: kind, at, fragment: 0 }
}
