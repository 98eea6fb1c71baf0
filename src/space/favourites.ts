/** Values that examples have where nothing speaks against them: those of everyday packets. */
import { nameValue } from '../engine/state/names.js'
import { parseAddress } from '../packet/address.js'
import type { Field, Fields } from './fields.js'

const address = (text: string) => parseAddress(text)!.value
/** Kept for documentation (RFC 5737, RFC 3849). */
const ADDRESSES = {
  saddr4: [address('198.51.100.7'), address('10.0.0.7')],
  daddr4: [address('192.0.2.1'), address('10.0.0.1')],
  saddr6: [address('2001:db8::7'), address('fd00::7')],
  daddr6: [address('2001:db8::1'), address('fd00::1')],
} as const
const NAMES = ['eth0', 'eth1', 'wlan0', 'lo', ''].map(nameValue)
const PROTOCOLS = [6n, 17n, 1n, 58n]
const TCP = 6n
const [ICMP, ICMPV6] = [1n, 58n]
/** An echo request, as ICMP and ICMPv6 have it in their first two bytes. */
const [ECHO, ECHO6] = [0x0800n, 0x8000n]
const CLIENT_PORT = 40_000n
const PORTS = [443n, 22n, 80n, 53n]
const [SYN, ACK] = [2n, 0x10n]
const NEW = 0n
const HOP_LIMIT = 64n

/** Values of a field, the most common first, by what a packet has of the fields before it. */
export function favourites(
  name: Field['name'],
  point: ReadonlyMap<number, boolean>,
  fields: Fields,
): readonly bigint[] {
  const numberOf = (other: 'l4proto' | 'ctState') =>
    fields.field(other).bits.reduce((value, bit) => value * 2n + BigInt(point.get(bit) ?? false), 0n)
  switch (name) {
    case 'l4proto':
      return PROTOCOLS
    case 'sport': {
      const protocol = numberOf('l4proto')
      if (protocol === ICMP) return [ECHO]
      return protocol === ICMPV6 ? [ECHO6] : [CLIENT_PORT]
    }
    case 'dport':
      return PORTS
    case 'ctState':
      return [NEW]
    case 'iifname':
    case 'oifname':
      return NAMES
    case 'tcpFlags':
      if (numberOf('l4proto') !== TCP) return []
      return numberOf('ctState') === NEW ? [SYN, ACK] : [ACK, SYN]
    case 'mark':
      return [0n]
    case 'other':
      return [HOP_LIMIT]
    default:
      return ADDRESSES[name]
  }
}
