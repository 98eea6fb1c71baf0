import { parseAddress } from '../../src/packet/address.js'
import { pick } from '../traffic.js'
import { checksum } from './mutate.js'

const ADDRESSES4 = ['10.0.0.7', '10.0.1.7', '192.0.2.7', '198.51.100.5', '127.0.0.1', '224.0.0.1']
const ADDRESSES6 = ['fd00:10::7', 'fd00::1', '2001:db8::7', 'fe80::1', 'ff02::1', '::1']
const OWN4 = '10.0.0.50'
const OWN6 = 'fd00:10::50'
const PROTOCOLS = [1, 2, 4, 6, 6, 6, 17, 17, 33, 47, 50, 51, 58, 89, 108, 132, 136]
const PORTS = [22, 23, 53, 80, 443, 8080, 9999, 11434]
const EXTENSIONS = [0, 43, 44, 51, 60, 135]

/** Packets of all protocols, with options, extension headers and fragments: what their bytes say is half random. */
export function shapes(count: number, next: () => number): Uint8Array[] {
  return Array.from({ length: count }, () => (next() < 0.5 ? ipv4(next) : ipv6(next)))
}

function ipv4(next: () => number): Uint8Array {
  const payload = transport(next)
  const options = next() < 0.2 ? Math.floor(next() * 11) * 4 : 0
  const bytes = Buffer.alloc(20 + options + payload.length)
  bytes[0] = 0x40 | (5 + options / 4)
  bytes.writeUInt16BE(bytes.length, 2)
  bytes.writeUInt16BE(Math.floor(next() * 4), 4)
  if (next() < 0.2) bytes.writeUInt16BE(pick([0x2000, 0x2001, 1, 5, 0x1fff], next), 6)
  bytes[8] = pick([1, 64, 255], next)
  bytes[9] = pick(PROTOCOLS, next)
  address(bytes, 12, pick(ADDRESSES4, next))
  address(bytes, 16, next() < 0.7 ? OWN4 : pick(ADDRESSES4, next))
  for (let i = 0; i < options; i++) bytes[20 + i] = pick([0, 1, 1, 7, 68, 131, 137, 148, 4, 11], next)
  payload.copy(bytes, 20 + options)
  bytes.writeUInt16BE(checksum(bytes.subarray(0, 20 + options)), 10)
  return bytes
}

function ipv6(next: () => number): Uint8Array {
  const payload = transport(next)
  const chain = next() < 0.3 ? [pick(EXTENSIONS, next), pick(EXTENSIONS, next)] : []
  const bytes = Buffer.alloc(40 + chain.length * 8 + payload.length)
  bytes[0] = 0x60
  bytes.writeUInt16BE(bytes.length - 40, 4)
  bytes[7] = pick([1, 64, 255], next)
  address(bytes, 8, pick(ADDRESSES6, next))
  address(bytes, 24, next() < 0.7 ? OWN6 : pick(ADDRESSES6, next))
  let link = 6
  for (const [i, header] of chain.entries()) {
    bytes[link] = header
    link = 40 + i * 8
    for (let byte = 2; byte < 8; byte++) bytes[link + byte] = pick([0, 0, 1, 2, 4, 8], next)
  }
  bytes[link] = pick(PROTOCOLS, next)
  payload.copy(bytes, 40 + chain.length * 8)
  return bytes
}

/** Ports that rules know, then bytes that look like header lengths, chunks and options as often as not. */
function transport(next: () => number): Buffer {
  const bytes = Buffer.alloc(Math.floor(next() * 60))
  for (let i = 4; i < bytes.length; i++)
    bytes[i] = next() < 0.5 ? Math.floor(next() * 256) : pick([0, 1, 2, 4, 5, 8, 10, 16, 0x50, 0xa0], next)
  if (bytes.length >= 4) {
    bytes.writeUInt16BE(pick(PORTS, next), 0)
    bytes.writeUInt16BE(pick(PORTS, next), 2)
  }
  return bytes
}

function address(bytes: Buffer, at: number, text: string): void {
  const { bits, value } = parseAddress(text)!
  for (let byte = 0; byte < bits / 8; byte++)
    bytes[at + byte] = Number((value >> BigInt(bits - 8 - byte * 8)) & 255n)
}
