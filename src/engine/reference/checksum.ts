/** Checksums of transport headers, as far as the kernel looks at them before it answers a packet. */
import type { Packet } from '../../packet/packet.js'
import { isIPv4 } from './payload.js'

const TCP = 6
const UDP = 17
const GRE = 47
/** ESP, AH, SCTP, UDP-Lite and DCCP: their checks are not of this kind (nf_reject_verify_csum). */
const UNCHECKED: readonly number[] = [50, 51, 132, 136, 33]

/** Whether the checksum of what begins at `at` is right, or not to be looked at; what a capture cut off is not. */
export function isSumRight(packet: Packet, protocol: number, at: number): boolean {
  const { view, network, end, length } = packet
  if (end < network + length || isUnchecked(packet, protocol, at)) return true
  let sum = isIPv4(packet) && protocol !== TCP && protocol !== UDP ? 0 : pseudoSum(packet, protocol, end - at)
  for (let i = at; i < end; i += 2) sum += (view.getUint8(i) << 8) | (i + 1 < end ? view.getUint8(i + 1) : 0)
  return sum % 0xffff === 0
}

function isUnchecked({ view, end }: Packet, protocol: number, at: number): boolean {
  if (protocol === UDP) return at + 8 <= end && view.getUint16(at + 6) === 0
  if (protocol === GRE) return at + 4 <= end && (view.getUint8(at) & 0x80) === 0
  return UNCHECKED.includes(protocol)
}

/** The addresses, the length and the protocol, which the sum covers as well. */
function pseudoSum(packet: Packet, protocol: number, length: number): number {
  const [from, bytes] = isIPv4(packet) ? [12, 8] : [8, 32]
  let sum = protocol + length
  for (let i = 0; i < bytes; i += 2) sum += packet.view.getUint16(packet.network + from + i)
  return sum
}
