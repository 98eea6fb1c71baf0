import { parseAddress } from '../../src/packet/address.js'
import { Packet } from '../../src/packet/packet.js'

export interface PacketSpec {
  source: string
  destination: string
  protocol: number
  /** The first bytes of the transport header, and what follows. */
  payload: Uint8Array
  /** IPv4: bytes of options, a multiple of 4. */
  options?: number
  /** Fragment offset in bytes, a multiple of 8. */
  fragmentOffset?: number
  moreFragments?: boolean
  /** IPv6: extension headers before the transport header, by their numbers. */
  extensions?: readonly number[]
}

/** The bytes of an IP packet; checksums are left 0, as nothing here looks at them. */
export function buildPacket(spec: PacketSpec): Uint8Array {
  return addressBytes(spec.source).length === 4 ? buildIPv4(spec) : buildIPv6(spec)
}

/** The parsed packet of these bytes, or of what they are built from. */
export function packetOf(spec: PacketSpec | Uint8Array): Packet {
  const bytes = spec instanceof Uint8Array ? spec : buildPacket(spec)
  const packet = new Packet()
  packet.attach(bytes)
  packet.parse(0, bytes.length)
  return packet
}

/** A TCP SYN or a UDP datagram. */
export function segment(
  protocol: 'tcp' | 'udp',
  source: string,
  destination: string,
  destinationPort: number,
  sourcePort = 40000,
): Uint8Array {
  const payload = new Uint8Array(protocol === 'tcp' ? 20 : 8)
  const view = new DataView(payload.buffer)
  view.setUint16(0, sourcePort)
  view.setUint16(2, destinationPort)
  if (protocol === 'tcp') view.setUint16(12, 0x5002)
  else view.setUint16(4, 8)
  return buildPacket({ source, destination, protocol: protocol === 'tcp' ? 6 : 17, payload })
}

const known = new Map<string, Uint8Array<ArrayBuffer>>()

/** The bytes of an address, in network order: not to be changed. */
export function addressBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = known.get(text)
  if (bytes !== undefined) return bytes
  const { bits, value } = parseAddress(text)!
  const fresh = Uint8Array.from({ length: bits / 8 }, (_, i) =>
    Number((value >> BigInt(bits - 8 - 8 * i)) & 255n),
  )
  known.set(text, fresh)
  return fresh
}

function buildIPv4(spec: PacketSpec): Uint8Array {
  const header = 20 + (spec.options ?? 0)
  const packet = new Uint8Array(header + spec.payload.length)
  const view = new DataView(packet.buffer)
  packet[0] = 0x40 | (header / 4)
  view.setUint16(2, packet.length)
  view.setUint16(6, (spec.moreFragments ? 0x2000 : 0) | ((spec.fragmentOffset ?? 0) / 8))
  packet[8] = 64
  packet[9] = spec.protocol
  packet.set(addressBytes(spec.source), 12)
  packet.set(addressBytes(spec.destination), 16)
  packet.fill(1, 20, header)
  packet.set(spec.payload, header)
  return packet
}

function buildIPv6(spec: PacketSpec): Uint8Array {
  const fragment = spec.fragmentOffset !== undefined || spec.moreFragments
  const chain = [...(spec.extensions ?? []), ...(fragment ? [44] : [])]
  const packet = new Uint8Array(40 + chain.length * 8 + spec.payload.length)
  const view = new DataView(packet.buffer)
  packet[0] = 0x60
  view.setUint16(4, packet.length - 40)
  packet[6] = chain[0] ?? spec.protocol
  packet[7] = 255
  packet.set(addressBytes(spec.source), 8)
  packet.set(addressBytes(spec.destination), 24)
  chain.forEach((number, i) => {
    const at = 40 + i * 8
    packet[at] = chain[i + 1] ?? spec.protocol
    if (number === 44) view.setUint16(at + 2, (spec.fragmentOffset ?? 0) | (spec.moreFragments ? 1 : 0))
  })
  packet.set(spec.payload, 40 + chain.length * 8)
  return packet
}
