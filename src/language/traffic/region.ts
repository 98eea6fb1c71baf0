/** All the packets that a description of traffic means. */
import { CtState, type HookName } from '../../packet/packet.js'
import type { Expression, Match } from '../../ruleset/model.js'
import { ct, field, is, meta, span, value } from '../../ruleset/nodes.js'
import { PROTOCOLS } from '../../ruleset/symbols/protocols.js'
import type { AddressRange } from '../policy/values.js'
import type { Endpoint, PortRange } from './endpoint.js'
import { isIcmp, PORTED } from './protocols.js'
import type { Direction, Traffic } from './traffic.js'

/** Packets at a hook: those that all matches of any list of `include` hold of, but of none of `except`. */
export interface TrafficRegion {
  readonly hook: HookName
  readonly include: readonly (readonly Match[])[]
  readonly except: readonly (readonly Match[])[]
}

const HOOKS: Readonly<Record<Direction, HookName>> = { in: 'input', out: 'output', forward: 'forward' }
/** Begin: the types of ICMP that connection tracking takes for the begin of a connection; it calls no other message new. */
const FAMILIES = [
  { protocol: 'ip', bits: 32, number: 2, icmp: 'icmp', begin: [8, 13, 15, 17] },
  { protocol: 'ip6', bits: 128, number: 10, icmp: 'icmpv6', begin: [128, 139] },
] as const
type Family = (typeof FAMILIES)[number]

/** Traffic that does not say its state is that of connections that begin; without an interface, of any but loopback. */
export function regionOf(traffic: Traffic): TrafficRegion {
  const { direction, state } = traffic
  return {
    hook: HOOKS[direction],
    include: boxesOf(traffic),
    except: traffic.except.flatMap((one) => boxesOf(state === undefined ? one : { state, ...one })),
  }
}

function boxesOf(traffic: Traffic): Match[][] {
  const { direction, from, to, iif, oif, flags, code, state = CtState.new } = traffic
  return FAMILIES.flatMap((family) => {
    const sources = addressesOf(from, family, 'saddr')
    const destinations = addressesOf(to, family, 'daddr')
    return protocolsOf(traffic, family, state).flatMap((protocol) =>
      sources.flatMap((source) =>
        destinations.map((destination) => [
          is(meta('nfproto'), value(family.number)),
          is(ct('state'), { kind: 'flags', bits: BigInt(state) }),
          ...interfaces(direction !== 'out', 'iifname', iif),
          ...interfaces(direction !== 'in', 'oifname', oif),
          ...protocol,
          ...source,
          ...destination,
          ...portsOf(from.ports, 'sport'),
          ...portsOf(to.ports, 'dport'),
          ...(flags === undefined ? [] : [is(field('tcp', 'flags'), { kind: 'flags', bits: BigInt(flags) })]),
          ...(code === undefined ? [] : [is(field(family.icmp, 'code'), value(code))]),
        ]),
      ),
    )
  })
}

function interfaces(has: boolean, key: string, name: string | undefined): Match[] {
  if (!has) return []
  return [name === undefined ? is(meta(key), value('lo'), true) : is(meta(key), value(name))]
}

/** The matches of a protocol, of each that there may be; and of types of ICMP. */
function protocolsOf(
  { protocol, type, from, to }: Traffic,
  { icmp, begin }: Family,
  state: number,
): Match[][] {
  const number = PROTOCOLS[icmp]!
  const l4proto = meta('l4proto')
  if (protocol === undefined && (from.ports ?? to.ports) !== undefined)
    return PORTED.map((one) => [is(l4proto, value(one))])
  const types = type !== undefined ? [type] : state === CtState.new ? begin : []
  const ofIcmp = types.length === 0 ? [is(l4proto, value(number))] : [is(field(icmp, 'type'), setOf(types))]
  if (protocol === number) return [ofIcmp]
  if (protocol === undefined) return [[is(l4proto, value(number), true)], ofIcmp]
  // ICMP of the other IP version: nobody means that.
  return isIcmp(protocol) ? [] : [[is(l4proto, value(protocol))]]
}

function setOf(numbers: readonly number[]): Expression {
  return { kind: 'set', elements: numbers.map((number) => ({ kind: 'value', value: BigInt(number) })) }
}

function portsOf(ports: PortRange | undefined, name: 'sport' | 'dport'): Match[] {
  return ports === undefined ? [] : [is(field('th', name), span({ from: ports.first, to: ports.last }))]
}

/** The matches of each range of an IP version; none at all if no address was said. */
function addressesOf({ addresses }: Endpoint, { protocol, bits }: Family, name: string): Match[][] {
  if (addresses === undefined) return [[]]
  const own = addresses.filter((range: AddressRange) => range.bits === bits)
  return own.map(({ first, last }) => [is(field(protocol, name), span({ from: first, to: last }))])
}
