/** Packets of a capture in the words of those that are described. */
import { trackedFamilies } from '../engine/host/users.js'
import { hasPorts, isIcmp } from '../language/traffic/protocols.js'
import type { Sample } from '../language/traffic/samples.js'
import type { Address } from '../packet/address.js'
import { Column, Family, type Packet } from '../packet/packet.js'
import type { Ruleset } from '../ruleset/model.js'
import type { Way } from './host.js'

/** What a packet that was judged looks like, as far as a description goes. */
export function sampleOf(packet: Packet, { direction, iif, oif }: Way, ruleset: Ruleset): Sample {
  const { fields, l4proto: protocol } = packet
  const isTracked = trackedFamilies(ruleset).has(packet.family)
  return {
    direction,
    ...endsOf(packet),
    protocol: Math.max(0, protocol),
    ...(hasPorts(protocol) && { sport: fields[Column.sport]!, dport: fields[Column.dport]! }),
    ...(isIcmp(protocol) && { type: fields[Column.type]!, code: fields[Column.code]! }),
    ...((packet.present & (1 << Column.tcpFlags)) !== 0 && { flags: fields[Column.tcpFlags]! }),
    ...(isTracked && { state: packet.ctState }),
    ...(iif !== undefined && { iif }),
    ...(oif !== undefined && { oif }),
  }
}

/** Where a packet comes from and goes to. */
export function endsOf({ family, fields }: Packet): { source: Address; destination: Address } {
  const isIPv4 = family === Family.ipv4
  const words = isIPv4 ? 1 : 4
  const address = (column: number): Address => ({
    bits: isIPv4 ? 32 : 128,
    value: fields
      .subarray(column, column + words)
      .reduce((value, word) => (value << 32n) | BigInt(word >>> 0), 0n),
  })
  return isIPv4
    ? { source: address(Column.saddr4), destination: address(Column.daddr4) }
    : { source: address(Column.saddr6), destination: address(Column.daddr6) }
}
