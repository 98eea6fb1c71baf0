/** Single packets that stand for what a description of traffic means. */
import { type Address, formatAddress, parseAddress } from '../../packet/address.js'
import type { PacketDescription } from '../../packet/build.js'
import { CT_STATES } from '../../ruleset/symbols/host.js'
import { ICMP_TYPES, ICMPV6_TYPES, TCP_FLAGS } from '../../ruleset/symbols/messages.js'
import { PROTOCOLS } from '../../ruleset/symbols/protocols.js'
import { type Symbols, symbolName } from '../../ruleset/symbols/symbols.js'
import type { AddressRange } from '../policy/values.js'
import type { Endpoint } from './endpoint.js'
import { hasPorts, isIcmp } from './protocols.js'
import { type Direction, protocolName, type Traffic } from './traffic.js'
import { TextError } from './words.js'

/** A packet, and what of it is not in its bytes. */
export interface Sample extends PacketDescription {
  readonly direction: Direction
  readonly iif?: string
  readonly oif?: string
  /** A bit of CtState; missing: what connection tracking finds. */
  readonly state?: number
}

/** Addresses for documentation (RFC 5737, RFC 3849): this host, where the text does not name it. */
const OURSELVES = [parseAddress('192.0.2.1')!, parseAddress('2001:db8::1')!] as const
/** Where connections come from unless it is said. */
export const SOURCE_PORT = 40_000
/** More than that are no example. */
const MOST = 256

/**
 * The packets: for a range or several addresses the first and the last of each, so that an end that is wrong by one shows.
 * Text: its length, for errors. Throws TextError if it leaves open what a packet must have.
 */
export function samplesOf(traffic: Traffic, text: { readonly length: number }): Sample[] {
  const fail = (message: string, hint: string) => new TextError({ start: 0, end: text.length }, message, hint)
  const { direction, from, to, protocol, type, except, ...rest } = traffic
  if (except.length > 0)
    throw fail('except goes with never and always', 'write packets without exceptions here')
  if (direction !== 'out' && from.addresses === undefined)
    throw fail(
      'it does not say where the packet comes from',
      'add from 203.0.113.9, or claim it of all with never or always',
    )
  if (direction !== 'in' && to.addresses === undefined)
    throw fail(
      'it does not say where the packet goes',
      'add to 198.51.100.1:443, or claim it of all with never or always',
    )
  const ports = (from.ports ?? to.ports) !== undefined
  const samples: Sample[] = []
  for (const [source, destination] of pairsOf(from, to)) {
    for (const one of protocolsOf(protocol, ports, source.bits)) {
      const common = { direction, source, destination, protocol: one, ...options(rest) }
      if (!hasPorts(one)) {
        if (ports) throw fail(`${protocolName(one)} has no ports`, 'write it without a port')
        samples.push({ ...common, ...(isIcmp(one) && { type: type ?? echoOf(one) }) })
        continue
      }
      if (to.ports === undefined)
        throw fail('it does not say which port', 'add to :443, or claim it of all with never or always')
      for (const sport of cornersOf(from.ports ?? { first: SOURCE_PORT, last: SOURCE_PORT }))
        for (const dport of cornersOf(to.ports)) samples.push({ ...common, sport, dport })
    }
  }
  if (samples.length === 0)
    throw fail('there is no such packet', 'both ends are of one IP version, and ICMP of its own')
  if (samples.length > MOST)
    throw fail(`these are ${samples.length} packets`, 'claim it of all with never or always')
  return samples
}

function options({ iif, oif, state, flags, code }: Omit<Traffic, 'direction' | 'from' | 'to' | 'except'>) {
  return {
    ...(iif !== undefined && { iif }),
    ...(oif !== undefined && { oif }),
    ...(state !== undefined && { state }),
    ...(flags !== undefined && { flags }),
    ...(code !== undefined && { code }),
  }
}

/** Ends of packets, of one IP version each. */
function pairsOf(from: Endpoint, to: Endpoint): [Address, Address][] {
  const sources = addressesOf(from.addresses)
  const destinations = addressesOf(to.addresses)
  return sources.flatMap((source) =>
    destinations
      .filter(({ bits }) => bits === source.bits)
      .map((destination): [Address, Address] => [source, destination]),
  )
}

function addressesOf(ranges: readonly AddressRange[] | undefined): readonly Address[] {
  if (ranges === undefined) return OURSELVES
  return ranges.flatMap(({ bits, first, last }) =>
    cornersOf({ first, last }).map((value) => ({ bits, value })),
  )
}

function cornersOf<T>({ first, last }: { first: T; last: T }): T[] {
  return first === last ? [first] : [first, last]
}

function protocolsOf(protocol: number | undefined, ports: boolean, bits: number): number[] {
  const { tcp, udp, icmp, icmpv6 } = PROTOCOLS
  const own = bits === 32 ? icmp! : icmpv6!
  if (protocol === undefined) return ports ? [tcp!, udp!] : [tcp!, udp!, own]
  return isIcmp(protocol) && protocol !== own ? [] : [protocol]
}

function echoOf(protocol: number): number {
  return protocol === PROTOCOLS.icmp ? ICMP_TYPES['echo-request'] : ICMPV6_TYPES['echo-request']
}

const SYN = TCP_FLAGS.syn!

/** A packet as `parseTraffic` reads it. */
export function formatSample(sample: Sample): string {
  const { direction, protocol, source, destination, sport, dport, type, code, iif, oif, state, flags } =
    sample
  const isTcp = protocol === PROTOCOLS.tcp
  const types = protocol === PROTOCOLS.icmp ? ICMP_TYPES : ICMPV6_TYPES
  return [
    direction,
    protocolName(protocol),
    endText(source, sport),
    '>',
    endText(destination, dport),
    ...(type === undefined ? [] : [`type ${name(types, type)}`]),
    ...(code === undefined || code === 0 ? [] : [`code ${code}`]),
    ...(isTcp && flags !== undefined && flags !== SYN ? [`flags ${flagNames(flags)}`] : []),
    ...(state === undefined ? [] : [`state ${name(CT_STATES, state)}`]),
    ...(iif === undefined ? [] : [`iif ${iif}`]),
    ...(oif === undefined ? [] : [`oif ${oif}`]),
  ].join(' ')
}

function endText(address: Address, port: number | undefined): string {
  const text = formatAddress(address)
  if (port === undefined) return text
  return address.bits === 32 ? `${text}:${port}` : `[${text}]:${port}`
}

function name(symbols: Symbols, value: number): string {
  return symbolName(symbols, value) ?? String(value)
}

function flagNames(flags: number): string {
  const names = Object.entries(TCP_FLAGS).filter(([, bit]) => (flags & bit) !== 0)
  return names.length === 0 ? '0' : names.map(([flag]) => flag).join(',')
}
