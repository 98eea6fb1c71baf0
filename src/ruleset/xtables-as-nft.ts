/**
 * Rules of iptables in nft's own words, where nft can say exactly the same. xtables' matches drop a header that is cut short
 * at once (hotdrop), where nft's do not match: such a packet is the one difference that is not looked at here.
 */
import type { Element, Expression, Match, Rule, Selector, Statement } from './model.js'
import { and, compare, ct, field, is, meta, span, value } from './nodes.js'
import {
  ADDRESS_TYPES,
  type AddrtypeMatch,
  type ConntrackMatch,
  type ConntrackState,
  type IcmpMatch,
  type Masked,
  type MaskedAddress,
  type MultiportMatch,
  type OwnerMatch,
  type RoutingHeaderMatch,
  type TcpMatch,
  type XtablesMatch,
} from './xtables.js'

type Family = 'ip' | 'ip6'

export interface Facts {
  readonly family: Family
  /** The transport protocol that matches before have made sure of. */
  readonly protocol: number | undefined
}

/** A rule without xtables' nodes; undefined if one of them has no equivalent. */
export function ruleAsNft(rule: Rule, family: Family): Rule | undefined {
  const protocol = rule.statements.map(protocolOf).find((number) => number !== undefined)
  const statements: Statement[] = []
  for (const statement of rule.statements) {
    if (statement.kind === 'xtables target') return undefined
    if (statement.kind !== 'xtables') statements.push(statement)
    else {
      const said = matchAsNft(statement, { family, protocol })
      if (said === undefined) return undefined
      statements.push(...said)
    }
  }
  return { ...rule, statements }
}

/** The protocol that a match asks for. */
export function protocolOf(statement: Statement): number | undefined {
  if (statement.kind === 'xtables' && statement.name === 'protocol')
    return statement.invert ? undefined : statement.protocol
  if (statement.kind !== 'match' || statement.operator !== 'in') return undefined
  const { left, right } = statement
  const asked = left.kind === 'meta' && left.key === 'l4proto' && right.kind === 'value'
  return asked ? Number(right.value) : undefined
}

function masked(selector: Selector, { value: bits, mask, invert }: Masked): Match[] {
  if (mask === 0xffffffff) return [is(selector, value(bits), invert)]
  return [is(and(selector, mask), value(bits), invert)]
}

const STATES: Readonly<Record<ConntrackState, number>> = {
  invalid: 1,
  established: 2,
  related: 4,
  new: 8,
  untracked: 64,
  snat: 0,
  dnat: 0,
}
const STATUSES = {
  none: 0,
  expected: 1,
  'seen-reply': 2,
  assured: 4,
  confirmed: 8,
  snat: 16,
  dnat: 32,
} as const

/** Whether one of the bits is there. */
function bits(selector: Selector, numbers: readonly number[], invert?: boolean): Match {
  const all = numbers.reduce((sum, bit) => sum | bit, 0)
  return compare(selector, invert ? '!' : 'in', { kind: 'flags', bits: BigInt(all) })
}

function states(any: readonly ConntrackState[], invert?: boolean): Match[] | undefined {
  const translated = any.filter((state) => STATES[state] === 0) as ('snat' | 'dnat')[]
  if (translated.length === 0)
    return [
      bits(
        ct('state'),
        any.map((state) => STATES[state]),
        invert,
      ),
    ]
  // Where there is no connection, what is inverted holds for xtables alone.
  if (translated.length < any.length || invert) return undefined
  return [
    bits(
      ct('status'),
      translated.map((state) => STATUSES[state]),
    ),
  ]
}

function conntrack(match: ConntrackMatch, { family, protocol: known }: Facts): Match[] | undefined {
  const { states: asked, protocol, status, expire, direction } = match
  if (expire !== undefined || status?.any.includes('none')) return undefined
  const said = asked === undefined ? [] : states(asked.any, asked.invert)
  // nft knows what a port of a connection is where it knows the protocol.
  const ports = Object.keys(match).some((key) => key.endsWith('Port'))
  // And it takes two protocols, of the packet and its connection, for a contradiction.
  const two = protocol !== undefined && known !== undefined && protocol.number !== known
  if (said === undefined || two || (ports && known === undefined)) return undefined
  const address = (way: 'original' | 'reply', side: string, given: MaskedAddress | undefined) => {
    if (given === undefined) return []
    const selector = ct(`${family} ${side}`, way)
    const left = isAll(given.mask, family) ? selector : and(selector, given.mask)
    return [is(left, value(given.value), given.invert)]
  }
  const port = (way: 'original' | 'reply', side: string, given: ConntrackMatch['replySourcePort']) =>
    given === undefined ? [] : [is(ct(`proto-${side}`, way), span(given), given.invert)]
  return [
    ...said,
    ...(protocol === undefined
      ? []
      : [is(ct('protocol', 'original'), value(protocol.number), protocol.invert)]),
    ...address('original', 'saddr', match.originalSource),
    ...address('original', 'daddr', match.originalDestination),
    ...address('reply', 'saddr', match.replySource),
    ...address('reply', 'daddr', match.replyDestination),
    ...port('original', 'src', match.originalSourcePort),
    ...port('original', 'dst', match.originalDestinationPort),
    ...port('reply', 'src', match.replySourcePort),
    ...port('reply', 'dst', match.replyDestinationPort),
    ...(status === undefined
      ? []
      : [
          bits(
            ct('status'),
            status.any.map((name) => STATUSES[name]),
            status.invert,
          ),
        ]),
    ...(direction === undefined ? [] : [is(ct('direction'), value(direction === 'original' ? 0 : 1))]),
  ]
}

const isAll = (mask: bigint, family: Family) => mask === (1n << (family === 'ip' ? 32n : 128n)) - 1n

const TRANSPORTS: Readonly<Record<number, string>> = {
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  132: 'sctp',
  136: 'udplite',
}
const ANY_PORT: Element = { kind: 'range', from: 0n, to: 65_535n }

function multiport({ side, ports, invert }: MultiportMatch, { protocol = 0 }: Facts): Match[] | undefined {
  const name = TRANSPORTS[protocol]
  if (name === undefined) return undefined
  const elements = merged(ports).map((range) => span(range)) as Element[]
  const set: Expression = { kind: 'set', elements }
  const sport = field(name, 'sport')
  const dport = field(name, 'dport')
  if (side !== 'either') return [is(side === 'source' ? sport : dport, set, invert)]
  if (invert) return [is(sport, set, true), is(dport, set, true)]
  // nft takes no elements that overlap: where the source port is none of them, the destination port is.
  const pair = (source: Element, destination: Element): Element => ({
    kind: 'concat',
    parts: [source, destination] as Expression[],
  })
  const pairs = [
    ...elements.map((element) => pair(element, ANY_PORT)),
    ...gaps(merged(ports)).flatMap((gap) => elements.map((element) => pair(gap, element))),
  ]
  return [is({ kind: 'concat', parts: [sport, dport] }, { kind: 'set', elements: pairs })]
}

/** What is between ranges of ports that are in their order. */
function gaps(ranges: readonly { from: number; to: number }[]): Element[] {
  const found: { from: number; to: number }[] = []
  let at = 0
  for (const { from, to } of ranges) {
    if (at < from) found.push({ from: at, to: from - 1 })
    at = to + 1
  }
  if (at <= 65_535) found.push({ from: at, to: 65_535 })
  return found.map((range) => span(range)) as Element[]
}

/** Ranges in their order, those that touch or overlap as one: nft's sets take no others. */
function merged(ranges: readonly { from: number; to: number }[]): { from: number; to: number }[] {
  const out: { from: number; to: number }[] = []
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = out.at(-1)
    if (last !== undefined && range.from <= last.to) last.to = Math.max(last.to, range.to)
    else out.push({ ...range })
  }
  return out
}

function addrtype(
  { source, destination, limitInterface }: AddrtypeMatch,
  family: Family,
): Match[] | undefined {
  // Of IPv6 the kernel has two ways of telling what an address is.
  if (family === 'ip6' || limitInterface !== undefined) return undefined
  const type = (side: 'saddr' | 'daddr', asked: typeof source) => {
    if (asked === undefined) return []
    const elements = asked.any.map((name) => value(ADDRESS_TYPES.indexOf(name))) as Element[]
    const [only, more] = elements
    const right = more === undefined ? (only as Expression) : ({ kind: 'set', elements } as const)
    return [is({ kind: 'fib', flags: [side], result: 'type' }, right, asked.invert)]
  }
  return [...type('saddr', source), ...type('daddr', destination)]
}

function icmp({ name, type, code, invert }: IcmpMatch): Match[] | undefined {
  const protocol = name === 'icmp' ? 'icmp' : 'icmpv6'
  const every = code.from === 0 && code.to === 255
  if (name === 'icmp' && type === 255) return invert ? undefined : []
  if (every) return [is(field(protocol, 'type'), value(type), invert)]
  if (invert) return undefined
  return [is(field(protocol, 'type'), value(type)), is(field(protocol, 'code'), span(code))]
}

type PortSpan = { readonly from: number; readonly to: number; readonly invert?: boolean } | undefined

function ports(protocol: string, sides: { sport?: PortSpan; dport?: PortSpan }): Match[] {
  return (['sport', 'dport'] as const).flatMap((side) => {
    const range = sides[side]
    const all = range === undefined || (range.from === 0 && range.to === 65_535 && !range.invert)
    return all ? [] : [is(field(protocol, side), span(range), range.invert)]
  })
}

function tcp({ flags, option, ...sides }: TcpMatch): Match[] | undefined {
  const exists = option && ({ kind: 'tcp option', name: String(option.kind) } as const)
  const flagged = flags === undefined ? [] : tcpFlags(flags)
  if (flagged === undefined) return undefined
  return [
    ...ports('tcp', sides),
    ...flagged,
    ...(exists === undefined ? [] : [is(exists, value(option!.invert ? 0 : 1))]),
  ]
}

function tcpFlags({ mask, set, invert }: NonNullable<TcpMatch['flags']>): Match[] | undefined {
  // Nothing is looked at: that always holds, or never.
  if (mask === 0) return (set === 0) !== (invert ?? false) ? [] : undefined
  const flags = { kind: 'flags', bits: BigInt(mask) } as const
  const masked = { kind: 'binary', operator: '&', left: field('tcp', 'flags'), right: flags } as const
  return [compare(masked, invert ? '!=' : '==', value(set))]
}

/** Undefined where nft has no word for it, or one that means something else. */
export function matchAsNft(match: XtablesMatch, facts: Facts): readonly Statement[] | undefined {
  const { family } = facts
  switch (match.name) {
    case 'state':
      return states(match.any, match.invert)
    case 'conntrack':
      return conntrack(match, facts)
    case 'multiport':
      return multiport(match, facts)
    case 'iprange': {
      const range = (side: string, given: typeof match.source) =>
        given === undefined ? [] : [is(field(family, side), span(given), given.invert)]
      return [...range('saddr', match.source), ...range('daddr', match.destination)]
    }
    case 'mark':
      return masked(meta('mark'), match)
    case 'connmark':
      return masked(ct('mark'), match)
    case 'ttl':
    case 'hl': {
      const operator = match.operator === '==' ? 'in' : match.operator
      return [compare(field(family, family === 'ip' ? 'ttl' : 'hoplimit'), operator, value(match.value))]
    }
    case 'length':
      return [is(meta('length'), span(match), match.invert)]
    case 'pkttype':
      return [is(meta('pkttype'), value(match.type), match.invert)]
    case 'dscp':
      return [is(field(family, 'dscp'), value(match.value), match.invert)]
    case 'addrtype':
      return addrtype(match, family)
    case 'icmp':
    case 'icmp6':
      return icmp(match)
    case 'tcp':
      return tcp(match)
    case 'udp':
      return ports('udp', match)
    case 'protocol':
      return [is(meta('l4proto'), value(match.protocol), match.invert)]
    case 'esp':
      return match.spi === undefined ? [] : [is(field('esp', 'spi'), span(match.spi), match.spi.invert)]
    case 'cpu':
      return [is(meta('cpu'), value(match.cpu), match.invert)]
    case 'rt':
      return routingType(match)
    case 'owner':
      return owner(match)
    default:
      return undefined
  }
}

function routingType(match: RoutingHeaderMatch): Match[] | undefined {
  const { type } = match
  const only = Object.keys(match).every((key) => ['kind', 'name', 'type'].includes(key))
  if (!only || type === undefined || type.invert || type.number > 255) return undefined
  return [is({ kind: 'exthdr', name: 'rt', field: 'type' }, value(type.number))]
}

/** What is inverted holds for xtables where there is no socket, and for nft does not. */
function owner({ uid, gid, supplementary, socketExists }: OwnerMatch): Match[] | undefined {
  if (supplementary || socketExists !== undefined || uid?.invert || gid?.invert) return undefined
  const id = (key: string, range: typeof uid) => (range === undefined ? [] : [is(meta(key), span(range))])
  return [...id('skuid', uid), ...id('skgid', gid)]
}
