import { PROTOCOLS } from '../../ruleset/symbols/protocols.js'

/** The protocols that have ports. */
export const PORTED: readonly number[] = ['tcp', 'udp', 'sctp', 'dccp', 'udplite'].map(
  (name) => PROTOCOLS[name]!,
)

export function hasPorts(protocol: number): boolean {
  return PORTED.includes(protocol)
}

export function isIcmp(protocol: number): boolean {
  return protocol === PROTOCOLS.icmp || protocol === PROTOCOLS.icmpv6
}
