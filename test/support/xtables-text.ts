/** xtables' matches as iptables-restore reads them, for the tests that ask the kernel. */
import { formatAddress } from '../../src/packet/address.js'
import type { Invertible, Span, SrhComparison, XtablesMatch } from '../../src/ruleset/xtables.js'
import type { XtablesFamily, XtablesRule } from './xtables-arbitrary.js'

/** The `-p` and the matches of a rule. */
export function ruleText({ protocol, matches }: XtablesRule, family: XtablesFamily): string {
  const words = matches.map((match) => matchText(match, family))
  return [...(protocol === undefined ? [] : [`-p ${protocol}`]), ...words].join(' ')
}

const not = (of: Invertible | undefined) => (of?.invert ? '! ' : '')
const range = ({ from, to }: { from: number; to: number }) => (from === to ? `${from}` : `${from}:${to}`)
const spanned = (option: string, span: Span | undefined) =>
  span === undefined ? '' : ` ${not(span)}--${option} ${range(span)}`

/** One `-m NAME` with its options. */
export function matchText(match: XtablesMatch, family: XtablesFamily): string {
  return `-m ${match.name === 'other' ? match.match : match.name}${optionsText(match, family)}`
}

function optionsText(match: XtablesMatch, family: XtablesFamily): string {
  const bits = family === 'ip' ? 32 : 128
  const address = (value: bigint) => formatAddress({ bits, value })
  switch (match.name) {
    case 'recent': {
      const { operation, list, seconds, hitcount, rttl, reap, side, mask } = match
      return [
        ` ${not(match)}--${operation} --name ${list}`,
        seconds === undefined ? '' : ` --seconds ${seconds}`,
        reap ? ' --reap' : '',
        hitcount === undefined ? '' : ` --hitcount ${hitcount}`,
        rttl ? ' --rttl' : '',
        mask === undefined ? '' : ` --mask ${address(mask)}`,
        side === 'source' ? ' --rsource' : ' --rdest',
      ].join('')
    }
    case 'state':
      return ` ${not(match)}--state ${match.any.join(',').toUpperCase()}`
    case 'conntrack': {
      const masked = (option: string, of: typeof match.originalSource) =>
        of === undefined ? '' : ` ${not(of)}--${option} ${address(of.value)}/${address(of.mask)}`
      const { states, status, protocol, direction } = match
      return [
        states === undefined ? '' : ` ${not(states)}--ctstate ${states.any.join(',').toUpperCase()}`,
        protocol === undefined ? '' : ` ${not(protocol)}--ctproto ${protocol.number}`,
        masked('ctorigsrc', match.originalSource),
        masked('ctorigdst', match.originalDestination),
        masked('ctreplsrc', match.replySource),
        masked('ctrepldst', match.replyDestination),
        spanned('ctorigsrcport', match.originalSourcePort),
        spanned('ctorigdstport', match.originalDestinationPort),
        spanned('ctreplsrcport', match.replySourcePort),
        spanned('ctrepldstport', match.replyDestinationPort),
        status === undefined
          ? ''
          : ` ${not(status)}--ctstatus ${status.any.join(',').replace('seen-reply', 'SEEN_REPLY').toUpperCase()}`,
        spanned('ctexpire', match.expire),
        direction === undefined ? '' : ` --ctdir ${direction.toUpperCase()}`,
      ].join('')
    }
    case 'multiport': {
      const option = { source: 'sports', destination: 'dports', either: 'ports' }[match.side]
      return ` ${not(match)}--${option} ${match.ports.map(range).join(',')}`
    }
    case 'iprange': {
      const side = (option: string, of: typeof match.source) =>
        of === undefined ? '' : ` ${not(of)}--${option} ${address(of.from)}-${address(of.to)}`
      return side('src-range', match.source) + side('dst-range', match.destination)
    }
    case 'limit':
      return ` --limit ${match.rate}/${match.per} --limit-burst ${match.burst}`
    case 'hashlimit': {
      const { above, rate, per, bytes, burst, mode, table } = match
      const option = (name: string, value: number | undefined) =>
        value === undefined ? '' : ` --hashlimit-${name} ${value}`
      return [
        ` --hashlimit-${above ? 'above' : 'upto'} ${bytes ? `${rate}b/s` : `${rate}/${per}`}`,
        burst === undefined ? '' : ` --hashlimit-burst ${bytes ? `${burst}b` : burst}`,
        mode.length === 0 ? '' : ` --hashlimit-mode ${mode.join(',')}`,
        option('srcmask', match.srcmask),
        option('dstmask', match.dstmask),
        ` --hashlimit-name ${table}`,
        option('htable-size', match.htableSize),
        option('htable-max', match.htableMax),
        option('htable-expire', match.htableExpire),
        option('htable-gcinterval', match.htableGcInterval),
        match.rateMatch ? ' --hashlimit-rate-match' : '',
        option('rate-interval', match.rateInterval),
      ].join('')
    }
    case 'connlimit': {
      const { above, count, mask, side } = match
      return ` --connlimit-${above ? 'above' : 'upto'} ${count} --connlimit-mask ${mask} --connlimit-${side === 'source' ? 's' : 'd'}addr`
    }
    case 'mark':
    case 'connmark':
      return ` ${not(match)}--mark ${match.value}/${match.mask}`
    case 'addrtype': {
      const side = (option: string, of: typeof match.source) =>
        of === undefined ? '' : ` ${not(of)}--${option}-type ${of.any.join(',').toUpperCase()}`
      const limit = match.limitInterface === undefined ? '' : ` --limit-iface-${match.limitInterface}`
      return side('src', match.source) + side('dst', match.destination) + limit
    }
    case 'length':
      return spanned('length', match)
    case 'ttl':
    case 'hl': {
      const option = { '==': 'eq', '!=': 'eq', '<': 'lt', '>': 'gt' }[match.operator]
      return ` ${match.operator === '!=' ? '! ' : ''}--${match.name}-${option} ${match.value}`
    }
    case 'owner': {
      const side = (option: string, of: Span | undefined) =>
        of === undefined ? '' : ` ${not(of)}--${option}-owner ${of.from}-${of.to}`
      const exists = match.socketExists === undefined ? '' : ` ${not(match.socketExists)}--socket-exists`
      return side('uid', match.uid) + side('gid', match.gid) + exists
    }
    case 'pkttype':
      return ` ${not(match)}--pkt-type ${['unicast', 'broadcast', 'multicast'][match.type]}`
    case 'string': {
      const hex = Buffer.from(match.pattern, 'latin1').toString('hex')
      return [
        ` ${not(match)}--hex-string "|${hex}|" --algo ${match.algorithm}`,
        match.from === undefined ? '' : ` --from ${match.from}`,
        match.to === undefined ? '' : ` --to ${match.to}`,
        match.ignoreCase ? ' --icase' : '',
      ].join('')
    }
    case 'time':
      return timeText(match)
    case 'u32': {
      const tests = match.tests.map(({ start, operations, values }) => {
        const location = operations
          .map(({ operator, number }) => `${operator}0x${number.toString(16)}`)
          .join('')
        return `0x${start.toString(16)}${location}=${values.map(({ from, to }) => `0x${from.toString(16)}:0x${to.toString(16)}`).join(',')}`
      })
      return ` ${not(match)}--u32 "${tests.join('&&')}"`
    }
    case 'statistic':
      return match.mode === 'random'
        ? ` --mode random ${not(match)}--probability ${match.probability / 2 ** 31}`
        : ` --mode nth ${not(match)}--every ${match.every} --packet ${match.packet}`
    case 'dscp':
      return ` ${not(match)}--dscp ${match.value}`
    case 'tos':
      return ` ${not(match)}--tos ${match.value}/${match.mask}`
    case 'ecn': {
      const { ect, ece, cwr } = match
      return [
        ece === undefined ? '' : ` ${not(ece)}--ecn-tcp-ece`,
        cwr === undefined ? '' : ` ${not(cwr)}--ecn-tcp-cwr`,
        ect === undefined ? '' : ` ${not(ect)}--ecn-ip-ect ${ect.value}`,
      ].join('')
    }
    case 'tcpmss':
      return ` ${not(match)}--mss ${range(match)}`
    case 'connbytes':
      return ` ${not(match)}--connbytes ${match.from}:${match.to} --connbytes-mode ${match.mode} --connbytes-dir ${match.direction}`
    case 'connlabel':
      return ` ${not(match)}--label ${match.bit}${match.set ? ' --set' : ''}`
    case 'quota':
      return ` ${not(match)}--quota ${match.bytes}`
    default:
      return headerText(match, address)
  }
}

const WEEKDAYS = ['', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

function timeText(match: XtablesMatch & { name: 'time' }): string {
  const { dateStart, dateStop, timeStart, timeStop, weekdays, monthdays, contiguous, kernelTimeZone } = match
  const date = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 19)
  const time = (seconds: number) => date(seconds).slice(11)
  return [
    timeStart === undefined ? '' : ` --timestart ${time(timeStart)}`,
    timeStop === undefined ? '' : ` --timestop ${time(timeStop)}`,
    monthdays === undefined ? '' : ` ${not(monthdays)}--monthdays ${monthdays.any.join(',')}`,
    weekdays === undefined
      ? ''
      : ` ${not(weekdays)}--weekdays ${weekdays.any.map((day) => WEEKDAYS[day]).join(',')}`,
    dateStart === undefined ? '' : ` --datestart ${date(dateStart)}`,
    dateStop === undefined ? '' : ` --datestop ${date(dateStop)}`,
    kernelTimeZone ? ' --kerneltz' : '',
    contiguous ? ' --contiguous' : '',
  ].join('')
}

/** Names of iptables for what sctp's chunks and DCCP's packets are. */
const CHUNKS: Readonly<Record<number, string>> = {
  0: 'DATA',
  1: 'INIT',
  2: 'INIT_ACK',
  3: 'SACK',
  6: 'ABORT',
  7: 'SHUTDOWN',
}
const DCCP = [
  'REQUEST',
  'RESPONSE',
  'DATA',
  'ACK',
  'DATAACK',
  'CLOSEREQ',
  'CLOSE',
  'RESET',
  'SYNC',
  'SYNCACK',
  'INVALID',
]
const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG']

function headerText(match: XtablesMatch, address: (value: bigint) => string): string {
  switch (match.name) {
    case 'tcp':
    case 'udp':
    case 'udplite':
    case 'sctp':
    case 'dccp':
      return spanned('sport', match.sport) + spanned('dport', match.dport) + transportText(match)
    case 'icmp':
    case 'icmp6': {
      const { type, code } = match
      const codes = code.from === 0 && code.to === 255 ? '' : `/${code.from}`
      const option = match.name === 'icmp' ? 'icmp-type' : 'icmpv6-type'
      return ` ${not(match)}--${option} ${match.name === 'icmp' && type === 255 ? 'any' : type}${codes}`
    }
    case 'esp':
      return spanned('espspi', match.spi)
    case 'ah':
      return (
        spanned('ahspi', match.spi) + lengthText('ahlen', match.length) + (match.reserved ? ' --ahres' : '')
      )
    case 'frag':
      return [
        spanned('fragid', match.id),
        match.reserved ? ' --fragres' : '',
        match.first ? ' --fragfirst' : '',
        match.more ? ' --fragmore' : '',
        match.last ? ' --fraglast' : '',
      ].join('')
    case 'hbh':
    case 'dst': {
      const options = match.options?.map(({ type, length }) =>
        length === undefined ? `${type}` : `${type}:${length}`,
      )
      return (
        lengthText(`${match.name}-len`, match.length) +
        (options === undefined ? '' : ` --${match.name}-opts ${options.join(',')}`)
      )
    }
    case 'rt':
      return [
        match.type === undefined ? '' : ` ${not(match.type)}--rt-type ${match.type.number}`,
        spanned('rt-segsleft', match.segmentsLeft),
        lengthText('rt-len', match.length),
        match.reserved ? ' --rt-0-res' : '',
        match.addresses === undefined ? '' : ` --rt-0-addrs ${match.addresses.map(address).join(',')}`,
        match.notStrict ? ' --rt-0-not-strict' : '',
      ].join('')
    case 'srh': {
      const value = (option: string, of: ({ readonly value: number } & Invertible) | undefined) =>
        of === undefined ? '' : ` ${not(of)}--srh-${option} ${of.value}`
      const compared = (option: string, of: SrhComparison | undefined) =>
        of === undefined
          ? ''
          : ` ${not(of)}--srh-${option}-${{ '==': 'eq', '<': 'lt', '>': 'gt' }[of.operator]} ${of.value}`
      const prefix = (option: string, of: typeof match.last) =>
        of === undefined ? '' : ` ${not(of)}--srh-${option} ${address(of.base)}/${of.length}`
      return [
        value('next-hdr', match.nextHeader),
        compared('hdr-len', match.headerLength),
        compared('segs-left', match.segmentsLeft),
        compared('last-entry', match.lastEntry),
        value('tag', match.tag),
        prefix('psid', match.previous),
        prefix('nsid', match.next),
        prefix('lsid', match.last),
      ].join('')
    }
    case 'mh':
      return spanned('mh-type', match.type)
    case 'ipv6header':
      return ` ${not(match)}--header ${match.headers.join(',').replace(/proto$/, 'protocol')}${match.soft ? ' --soft' : ''}`
    default:
      throw new Error(`no text for ${match.name}`)
  }
}

function transportText(match: XtablesMatch & { name: 'tcp' | 'udp' | 'udplite' | 'sctp' | 'dccp' }): string {
  if (match.name === 'tcp') {
    const { flags, option } = match
    const names = (bits: number) => FLAGS.filter((_, bit) => (bits >> bit) & 1).join(',') || 'NONE'
    return [
      flags === undefined ? '' : ` ${not(flags)}--tcp-flags ${names(flags.mask)} ${names(flags.set)}`,
      option === undefined ? '' : ` ${not(option)}--tcp-option ${option.kind}`,
    ].join('')
  }
  if (match.name === 'sctp' && match.chunks !== undefined) {
    const { match: how, types } = match.chunks
    // A capital letter asks for a flag's bit, a small one for its absence; the only bit in use here is the lowest.
    const chunks = types.map(({ type, flags }) => {
      const letter = type === 0 ? 'E' : 'T'
      return `${CHUNKS[type]}${flags === undefined ? '' : `:${flags.set === 1 ? letter : letter.toLowerCase()}`}`
    })
    return ` ${not(match.chunks)}--chunk-types ${how} ${chunks.join(',')}`
  }
  if (match.name === 'dccp') {
    const { types, option } = match
    return [
      types === undefined
        ? ''
        : ` ${not(types)}--dccp-types ${types.any.map((type) => DCCP[type]).join(',')}`,
      option === undefined ? '' : ` ${not(option)}--dccp-option ${option.type}`,
    ].join('')
  }
  return ''
}

function lengthText(option: string, length: ({ readonly bytes: number } & Invertible) | undefined): string {
  return length === undefined ? '' : ` ${not(length)}--${option} ${length.bytes}`
}
