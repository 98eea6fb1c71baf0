/** Addresses as words, and their matches: net/netfilter/xt_iprange.c and xt_addrtype.c. */
import { Column, Family, type Packet } from '../../packet/packet.js'
import {
  ADDRESS_TYPES,
  type AddressSpan,
  type AddrtypeMatch,
  type IprangeMatch,
} from '../../ruleset/xtables.js'
import { type Host, Outcome, type OutcomeNumber, type Step } from '../environment.js'

const { break: BREAK, continue: CONTINUE } = Outcome
const { saddr4: SADDR4, daddr4: DADDR4, saddr6: SADDR6, daddr6: DADDR6 } = Column
const IPV6 = Family.ipv6

/** The words of an address, most significant first; IPv4 has one. */
export function addressWords(address: bigint, bits: 32 | 128): Int32Array {
  return Int32Array.from({ length: bits / 32 }, (_, i) =>
    Number(BigInt.asIntN(32, address >> BigInt(bits - 32 - 32 * i))),
  )
}

/** The words of the mask of a prefix. */
export function prefixWords(length: number, bits: 32 | 128): Int32Array {
  return addressWords(((1n << BigInt(length)) - 1n) << BigInt(bits - length), bits)
}

export function iprangeStep({ source, destination }: IprangeMatch, bits: 32 | 128): Step {
  const [saddr, daddr] = bits === 32 ? [SADDR4, DADDR4] : [SADDR6, DADDR6]
  const sources = span(source, bits, saddr)
  const destinations = span(destination, bits, daddr)
  return {
    run: (packet: Packet): OutcomeNumber => (sources(packet) && destinations(packet) ? CONTINUE : BREAK),
  }
}

function span(range: AddressSpan | undefined, bits: 32 | 128, column: number): (packet: Packet) => boolean {
  if (range === undefined) return () => true
  const from = addressWords(range.from, bits)
  const to = addressWords(range.to, bits)
  const invert = range.invert ?? false
  return ({ fields }) => (compare(fields, column, from) >= 0 && compare(fields, column, to) <= 0) !== invert
}

/** Whether an address in the columns is before (-1), at (0) or behind another (1). */
function compare(fields: Int32Array, column: number, words: Int32Array): number {
  for (let i = 0; i < words.length; i++) {
    const a = fields[column + i]! >>> 0
    const b = words[i]! >>> 0
    if (a !== b) return a < b ? -1 : 1
  }
  return 0
}

const typeBit = (type: (typeof ADDRESS_TYPES)[number]) => 1 << ADDRESS_TYPES.indexOf(type)
const UNSPEC = typeBit('unspec')
const UNICAST = typeBit('unicast')
const MULTICAST = typeBit('multicast')
/** What of an IPv6 address its route tells; all else its bits tell. */
const ROUTED = typeBit('local') | typeBit('anycast') | typeBit('unreachable')

export function addrtypeStep({ source, destination, limitInterface }: AddrtypeMatch, host: Host): Step {
  const test = (side: typeof source, which: 'source' | 'destination', column: number) => {
    const types = side?.any.reduce((bits, type) => bits | typeBit(type), 0) ?? 0
    const invert = side?.invert ?? false
    return (packet: Packet): boolean => {
      if (types === 0) return true
      const limit = limitInterface === undefined ? 0 : limitInterface === 'in' ? packet.iif : packet.oif
      if (packet.family !== IPV6)
        return ((types >>> host.addressType(packet, which, limit)) & 1) !== (invert ? 1 : 0)
      return isOfTypes6(packet, column, types, host, which, limit) !== invert
    }
  }
  const sources = test(source, 'source', SADDR6)
  const destinations = test(destination, 'destination', DADDR6)
  return {
    run: (packet: Packet): OutcomeNumber => (sources(packet) && destinations(packet) ? CONTINUE : BREAK),
  }
}

/** match_type6: the address must be of all the types that its bits tell, and of one of those that its route tells. */
function isOfTypes6(
  packet: Packet,
  column: number,
  types: number,
  host: Host,
  which: 'source' | 'destination',
  limit: number,
): boolean {
  const { fields } = packet
  const first = fields[column]! >>> 0
  const none = first === 0 && fields[column + 1] === 0 && fields[column + 2] === 0 && fields[column + 3] === 0
  const multicast = first >>> 24 === 0xff
  if (types & MULTICAST && !multicast) return false
  if (types & UNICAST && (multicast || none)) return false
  if (types & UNSPEC && !none) return false
  return (types & ROUTED) === 0 || (((types & ROUTED) >>> host.addressType(packet, which, limit)) & 1) === 1
}
