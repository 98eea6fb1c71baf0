/** Matches of headers as iptables -S prints them. */
import type { XtablesMatch } from '../../../ruleset/xtables.js'
import type { DccpMatch, SctpMatch, SrhComparison } from '../../../ruleset/xtables-headers.js'
import { DCCP_TYPES, SCTP_CHUNKS, SCTP_FLAGS } from '../extensions/names.js'
import { addressText, flag, type IpFamily, option, range } from './words.js'

const TCP_FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG']

/** The names of bits of the TCP header. */
export function tcpFlagNames(bits: number): string {
  return TCP_FLAGS.filter((_, bit) => (bits & (1 << bit)) !== 0).join(',') || 'NONE'
}

export function printHeader(match: XtablesMatch, family: IpFamily): string[] | undefined {
  switch (match.name) {
    case 'tcp': {
      const { flags, option: kind } = match
      return [
        ...range('sport', match.sport),
        ...range('dport', match.dport),
        ...(kind === undefined ? [] : option('tcp-option', kind.kind, kind.invert)),
        ...(flags === undefined
          ? []
          : [...option('tcp-flags', tcpFlagNames(flags.mask), flags.invert), tcpFlagNames(flags.set)]),
      ]
    }
    case 'udp':
    case 'udplite':
      return [...range('sport', match.sport), ...range('dport', match.dport)]
    case 'sctp':
      return sctp(match)
    case 'dccp':
      return dccp(match)
    case 'icmp':
    case 'icmp6': {
      const code = match.code.from === 0 && match.code.to === 255 ? '' : `/${match.code.from}`
      const type = match.name === 'icmp' && match.type === 255 ? 'any' : `${match.type}${code}`
      return option(match.name === 'icmp' ? 'icmp-type' : 'icmpv6-type', type, match.invert)
    }
    case 'esp':
      return range('espspi', match.spi)
    case 'ah':
      return [...range('ahspi', match.spi), ...bytes('ahlen', match.length), ...flag('ahres', match.reserved)]
    case 'ipcomp':
      return [...range('ipcompspi', match.spi), ...flag('compres', match.reserved)]
    case 'frag':
      return [
        ...range('fragid', match.id),
        ...bytes('fraglen', match.length),
        ...flag('fragres', match.reserved),
        ...flag('fragfirst', match.first),
        ...flag('fragmore', match.more),
        ...flag('fraglast', match.last),
      ]
    case 'hbh':
    case 'dst': {
      const options = match.options?.map(({ type, length }) =>
        length === undefined ? type : `${type}:${length}`,
      )
      return [
        ...bytes(`${match.name}-len`, match.length),
        ...option(`${match.name}-opts`, options?.join(',')),
      ]
    }
    case 'rt': {
      const addresses = match.addresses?.map((address) => addressText(address, family))
      return [
        ...(match.type === undefined ? [] : option('rt-type', match.type.number, match.type.invert)),
        ...range('rt-segsleft', match.segmentsLeft),
        ...bytes('rt-len', match.length),
        ...flag('rt-0-res', match.reserved),
        ...option('rt-0-addrs', addresses?.join(',')),
        ...flag('rt-0-not-strict', match.notStrict),
      ]
    }
    case 'srh':
      return srh(match)
    case 'mh':
      return range('mh-type', match.type)
    case 'ipv6header': {
      const names = match.headers.map((name) => (name === 'proto' ? 'protocol' : name))
      return [...option('header', names.join(','), match.invert), ...flag('soft', match.soft)]
    }
    case 'eui64':
      return []
    default:
      return undefined
  }
}

function bytes(
  name: string,
  given: { readonly bytes: number; readonly invert?: boolean } | undefined,
): string[] {
  return given === undefined ? [] : option(name, given.bytes, given.invert)
}

function nameOf(number: number, names: Readonly<Record<string, number>>): string {
  return Object.keys(names).find((name) => names[name] === number) ?? String(number)
}

function sctp({ chunks, ...ports }: SctpMatch): string[] {
  const sides = [...range('sport', ports.sport), ...range('dport', ports.dport)]
  if (chunks === undefined) return sides
  const { types, match, invert } = chunks
  const named = types.map(({ type, flags }) => {
    const letters = [...(SCTP_FLAGS[type] ?? '')].flatMap((letter, bit) => {
      if (flags === undefined || (flags.mask & (1 << bit)) === 0) return []
      return (flags.set & (1 << bit)) === 0 ? letter.toLowerCase() : letter
    })
    const suffix = letters.length === 0 ? '' : `:${letters.reverse().join('')}`
    return `${nameOf(type, SCTP_CHUNKS)}${suffix}`
  })
  const list = types.length === 256 ? 'ALL' : types.length === 0 ? 'NONE' : named.join(',')
  return [...sides, ...option('chunk-types', match, invert), list]
}

function dccp({ types, option: kind, ...ports }: DccpMatch): string[] {
  const names = types?.any.map((type) => nameOf(type, DCCP_TYPES))
  return [
    ...range('sport', ports.sport),
    ...range('dport', ports.dport),
    ...option('dccp-types', names?.join(','), types?.invert),
    ...(kind === undefined ? [] : option('dccp-option', kind.type, kind.invert)),
  ]
}

const OPERATORS = { '==': 'eq', '<': 'lt', '>': 'gt' } as const

function srh(match: Extract<XtablesMatch, { name: 'srh' }>): string[] {
  const compared = (name: string, given: SrhComparison | undefined) =>
    given === undefined ? [] : option(`${name}-${OPERATORS[given.operator]}`, given.value, given.invert)
  const valued = (name: string, given: typeof match.tag) =>
    given === undefined ? [] : option(name, given.value, given.invert)
  const prefix = (name: string, given: typeof match.next) =>
    given === undefined ? [] : option(name, `${addressText(given.base, 'ip6')}/${given.length}`, given.invert)
  return [
    ...valued('srh-next-hdr', match.nextHeader),
    ...compared('srh-hdr-len', match.headerLength),
    ...compared('srh-segs-left', match.segmentsLeft),
    ...compared('srh-last-entry', match.lastEntry),
    ...valued('srh-tag', match.tag),
    ...prefix('srh-psid', match.previous),
    ...prefix('srh-nsid', match.next),
    ...prefix('srh-lsid', match.last),
  ]
}
