import { pick } from '../traffic.js'

/** What numbers of protocols, header lengths and versions are drawn from. */
const TELLING = [0, 1, 4, 6, 17, 43, 44, 51, 58, 60, 132, 0x45, 0x4f, 0x60, 0xff]

/** A packet with some of its bytes changed, cut short, or made longer; most of them pass for IP all the same. */
export function mutate(original: Uint8Array, next: () => number): Uint8Array {
  const whole = Buffer.alloc(original.length + (next() < 0.2 ? Math.floor(next() * 64) : 0))
  whole.set(original)
  for (let changes = Math.floor(next() * 6); changes > 0; changes--) {
    // Many changes go where the headers say lengths and what comes next.
    const at = Math.floor(next() * (next() < 0.4 ? 12 : whole.length))
    whole[at] = next() < 0.5 ? Math.floor(next() * 256) : pick(TELLING, next)
  }
  const bytes = next() < 0.3 ? whole.subarray(0, Math.floor(next() * (whole.length + 1))) : whole
  if (next() < 0.8) repair(bytes)
  return bytes
}

/** Makes the length and the checksum of the IP header right again, if there is room for them. */
function repair(bytes: Buffer): void {
  if (bytes.length >= 40 && bytes[0]! >> 4 === 6) bytes.writeUInt16BE(bytes.length - 40, 4)
  const header = (bytes[0]! & 15) * 4
  if (bytes[0]! >> 4 !== 4 || header < 20 || header > bytes.length) return
  bytes.writeUInt16BE(bytes.length, 2)
  bytes.writeUInt16BE(0, 10)
  bytes.writeUInt16BE(checksum(bytes.subarray(0, header)), 10)
}

/** The internet checksum (RFC 1071) of an even number of bytes. */
export function checksum(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
