/** What a raw socket with IP_HDRINCL sends: raw_send_hdrinc in net/ipv4/raw.c, rawv6_send_hdrinc in net/ipv6/raw.c. */
import { addWords, fold } from '../../packet/checksum.js'
import * as ipv4 from '../../packet/ipv4.js'
import * as ipv6 from '../../packet/ipv6.js'
import { type Addresses, AddressType, LOOPBACK } from './addresses.js'

const CHECKSUM4 = 10

/** What `completeRaw` says of a packet that the socket does not take, or that has no route. */
export const NOT_SENT = 0

/**
 * Fills in what the kernel fills in of an IPv4 header: its length, its checksum, and a source address of 0. Returns the
 * interface through which the packet goes, or NOT_SENT. Bound: the interface that the socket is bound to, or 0.
 */
export function completeRaw(
  bytes: Buffer,
  length: number,
  bound: number,
  addresses: Addresses,
  mtu: number,
): number {
  const isIPv4 = bytes[0]! >> 4 === 4
  if (length < (isIPv4 ? ipv4.MINIMUM_LENGTH : ipv6.LENGTH)) return NOT_SENT
  const through = isIPv4 ? route4(bytes, bound, addresses) : route6(bytes, bound, addresses)
  if (through !== LOOPBACK && length > mtu) return NOT_SENT
  if (isIPv4) complete4(bytes, length, through, addresses)
  return through
}

function complete4(bytes: Buffer, length: number, through: number, addresses: Addresses): void {
  const header = (bytes[0]! & 15) << 2
  if (header < ipv4.MINIMUM_LENGTH || header > length) return
  if (bytes.readInt32BE(ipv4.SOURCE) === 0) {
    const destination = bytes.readInt32BE(ipv4.DESTINATION)
    const isOurs = addresses.type4(destination, 0) === AddressType.local
    bytes.writeInt32BE(isOurs && through === LOOPBACK ? destination : addresses.source4(through), ipv4.SOURCE)
  }
  bytes.writeUInt16BE(length, ipv4.TOTAL_LENGTH)
  bytes.writeUInt16BE(0, CHECKSUM4)
  const view = new DataView(bytes.buffer, bytes.byteOffset, header)
  bytes.writeUInt16BE(~fold(addWords(view, 0, header, 0)) & 0xffff, CHECKSUM4)
}

function route4(bytes: Buffer, bound: number, addresses: Addresses): number {
  const destination = bytes.readInt32BE(ipv4.DESTINATION)
  const type = addresses.type4(destination, 0)
  if (destination === 0) return LOOPBACK
  // A bound socket takes what is not ours for being on its link.
  if (bound !== 0) return bound
  if (type === AddressType.local || destination >>> 24 === 127) return LOOPBACK
  return addresses.route4(destination)
}

function route6(bytes: Buffer, bound: number, addresses: Addresses): number {
  const fields = Int32Array.from([0, 4, 8, 12], (at) => bytes.readInt32BE(ipv6.DESTINATION + at))
  const type = addresses.type6(fields, 0, 0)
  const isOurs = type === AddressType.local || type === AddressType.unspecified
  if (isOurs) return bound === 0 ? LOOPBACK : NOT_SENT
  return addresses.route6(fields, 0, bound)
}
