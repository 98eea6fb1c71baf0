/** Matches of xtables as iptables -S prints them. */
import type { XtablesMatch } from '../../../ruleset/xtables.js'
import { printHeader } from './headers.js'
import {
  addressText,
  flag,
  hex,
  type IpFamily,
  maskedText,
  networkText,
  option,
  range,
  rangeText,
} from './words.js'

const UNITS = { second: 'sec', minute: 'min', hour: 'hour', day: 'day' } as const
const FULL = { ip: (1n << 32n) - 1n, ip6: (1n << 128n) - 1n } as const
const MAX64 = (1n << 64n) - 1n
const upper = (names: readonly string[]) => names.join(',').toUpperCase().replaceAll('-', '_')

/** The words behind `-m NAME`; undefined for what is no match of its own. */
export function printMatch(match: XtablesMatch, family: IpFamily): string[] | undefined {
  switch (match.name) {
    case 'state':
      return option('state', upper(match.any), match.invert)
    case 'conntrack':
      return conntrack(match, family)
    case 'recent':
      return [
        ...option(match.operation, '', match.invert),
        ...option('seconds', match.seconds),
        ...flag('reap', match.reap),
        ...option('hitcount', match.hitcount),
        ...flag('rttl', match.rttl),
        ...option('name', match.list),
        ...option('mask', addressText(match.mask ?? FULL[family], family)),
        match.side === 'source' ? '--rsource' : '--rdest',
      ]
    case 'multiport': {
      const side = { source: 'sports', destination: 'dports', either: 'ports' }[match.side]
      return option(side, match.ports.map(rangeText).join(','), match.invert)
    }
    case 'iprange': {
      const side = (name: string, given: typeof match.source) =>
        given === undefined
          ? []
          : option(name, `${addressText(given.from, family)}-${addressText(given.to, family)}`, given.invert)
      return [...side('src-range', match.source), ...side('dst-range', match.destination)]
    }
    case 'limit':
      return [...option('limit', `${match.rate}/${UNITS[match.per]}`), ...option('limit-burst', match.burst)]
    case 'hashlimit':
      return hashlimit(match)
    case 'connlimit':
      return [
        ...option(match.above ? 'connlimit-above' : 'connlimit-upto', match.count),
        ...option('connlimit-mask', match.mask),
        match.side === 'source' ? '--connlimit-saddr' : '--connlimit-daddr',
      ]
    case 'mark':
    case 'connmark':
      return option('mark', maskedText(match), match.invert)
    case 'addrtype': {
      const { source, destination, limitInterface: limit } = match
      return [
        ...(source === undefined ? [] : option('src-type', upper(source.any), source.invert)),
        ...(destination === undefined ? [] : option('dst-type', upper(destination.any), destination.invert)),
        ...(limit === undefined ? [] : [`--limit-iface-${limit}`]),
      ]
    }
    case 'length':
      return range('length', match)
    case 'ttl':
    case 'hl': {
      const operator = { '==': 'eq', '!=': 'eq', '<': 'lt', '>': 'gt' }[match.operator]
      return option(`${match.name}-${operator}`, match.value, match.operator === '!=')
    }
    case 'owner': {
      const ids = (name: string, given: typeof match.uid) =>
        given === undefined ? [] : option(name, rangeText(given).replace(':', '-'), given.invert)
      return [
        ...(match.socketExists === undefined ? [] : option('socket-exists', '', match.socketExists.invert)),
        ...ids('uid-owner', match.uid),
        ...ids('gid-owner', match.gid),
        ...flag('suppl-groups', match.supplementary),
      ]
    }
    case 'pkttype': {
      const type = ['unicast', 'broadcast', 'multicast', 'otherhost'][match.type]
      return option('pkt-type', type, match.invert)
    }
    case 'string':
      return string(match)
    case 'time':
      return time(match)
    case 'u32':
      return option('u32', match.tests.map(u32Test).join('&&'), match.invert)
    case 'statistic':
      return match.mode === 'random'
        ? [
            '--mode',
            'random',
            ...option('probability', (match.probability / 2 ** 31).toFixed(11), match.invert),
          ]
        : ['--mode', 'nth', ...option('every', match.every, match.invert), ...option('packet', match.packet)]
    case 'dscp':
      return option('dscp', byte(match.value), match.invert)
    case 'tos':
      return option('tos', `${byte(match.value)}/${byte(match.mask)}`, match.invert)
    case 'ecn':
      return [
        ...(match.ece === undefined ? [] : option('ecn-tcp-ece', '', match.ece.invert)),
        ...(match.cwr === undefined ? [] : option('ecn-tcp-cwr', '', match.cwr.invert)),
        ...(match.ect === undefined ? [] : option('ecn-ip-ect', match.ect.value, match.ect.invert)),
      ]
    case 'tcpmss':
      return range('mss', match)
    case 'connbytes': {
      const to = match.to === MAX64 ? '' : `:${match.to}`
      return [
        ...option('connbytes', `${match.from}${to}`, match.invert),
        ...option('connbytes-mode', match.mode),
        ...option('connbytes-dir', match.direction),
      ]
    }
    case 'connlabel':
      return [...option('label', match.bit, match.invert), ...flag('set', match.set)]
    case 'cpu':
      return option('cpu', match.cpu, match.invert)
    case 'quota':
      return option('quota', match.bytes, match.invert)
    case 'realm':
      return option('realm', maskedText(match), match.invert)
    case 'devgroup': {
      const group = (name: string, given: typeof match.source) =>
        given === undefined ? [] : option(name, maskedText(given), given.invert)
      return [...group('src-group', match.source), ...group('dst-group', match.destination)]
    }
    case 'physdev': {
      const is = (name: string, given: typeof match.isIn) =>
        given === undefined ? [] : option(name, '', given.invert)
      return [
        ...is('physdev-is-in', match.isIn),
        ...(match.in === undefined ? [] : option('physdev-in', match.in.interface, match.in.invert)),
        ...is('physdev-is-out', match.isOut),
        ...(match.out === undefined ? [] : option('physdev-out', match.out.interface, match.out.invert)),
        ...is('physdev-is-bridged', match.isBridged),
      ]
    }
    case 'mac': {
      const address = match.address
        .toString(16)
        .padStart(12, '0')
        .replace(/..(?!$)/g, '$&:')
      return option('mac-source', address, match.invert)
    }
    case 'helper':
      return option('helper', match.helper, match.invert)
    case 'other':
      return [...match.options]
    case 'set':
    case 'protocol':
      return undefined
    default:
      return printHeader(match, family)
  }
}

const byte = (number: number) => `0x${number.toString(16).padStart(2, '0')}`

/** Without the length where that is all of the address. */
function hostText({ value, mask }: { value: bigint; mask: bigint }, family: IpFamily): string {
  return mask === FULL[family] ? addressText(value, family) : networkText(value, mask, family)
}

function conntrack(match: Extract<XtablesMatch, { name: 'conntrack' }>, family: IpFamily): string[] {
  const address = (name: string, given: typeof match.originalSource) =>
    given === undefined ? [] : option(name, hostText(given, family), given.invert)
  const { states, protocol, status, direction } = match
  return [
    ...(states === undefined ? [] : option('ctstate', upper(states.any), states.invert)),
    ...(protocol === undefined ? [] : option('ctproto', protocol.number, protocol.invert)),
    ...address('ctorigsrc', match.originalSource),
    ...address('ctorigdst', match.originalDestination),
    ...address('ctreplsrc', match.replySource),
    ...address('ctrepldst', match.replyDestination),
    ...range('ctorigsrcport', match.originalSourcePort),
    ...range('ctorigdstport', match.originalDestinationPort),
    ...range('ctreplsrcport', match.replySourcePort),
    ...range('ctrepldstport', match.replyDestinationPort),
    ...(status === undefined ? [] : option('ctstatus', upper(status.any), status.invert)),
    ...range('ctexpire', match.expire),
    ...option('ctdir', direction?.toUpperCase()),
  ]
}

const BYTE_UNITS = [
  ['gb', 1024 ** 3],
  ['mb', 1024 ** 2],
  ['kb', 1024],
] as const

function bytes(number: number): string {
  const [unit, size] = BYTE_UNITS.find(([, size]) => number % size === 0) ?? ['b', 1]
  return `${number / size}${unit}`
}

function hashlimit(match: Extract<XtablesMatch, { name: 'hashlimit' }>): string[] {
  const { rate, per, burst, mode } = match
  const amount = match.bytes ? `${bytes(rate)}/s` : `${rate}/${UNITS[per]}`
  return [
    ...option(match.above ? 'hashlimit-above' : 'hashlimit-upto', amount),
    ...option('hashlimit-burst', burst === undefined || !match.bytes ? burst : bytes(burst)),
    ...(mode.length === 0 ? [] : option('hashlimit-mode', mode.join(','))),
    ...option('hashlimit-name', match.table),
    ...option('hashlimit-htable-size', match.htableSize),
    ...option('hashlimit-htable-max', match.htableMax),
    ...option('hashlimit-htable-gcinterval', match.htableGcInterval),
    ...option('hashlimit-htable-expire', match.htableExpire),
    ...option('hashlimit-srcmask', match.srcmask),
    ...option('hashlimit-dstmask', match.dstmask),
    ...flag('hashlimit-rate-match', match.rateMatch),
    ...option('hashlimit-rate-interval', match.rateInterval),
  ]
}

/** As text where every byte is one that can be seen, else in hexadecimal. */
function string(match: Extract<XtablesMatch, { name: 'string' }>): string[] {
  const { pattern } = match
  const visible = /^[ -~]+$/.test(pattern)
  const text = visible ? pattern : `|${Buffer.from(pattern, 'latin1').toString('hex')}|`
  return [
    ...option(visible ? 'string' : 'hex-string', text, match.invert),
    ...option('algo', match.algorithm),
    ...option('from', match.from),
    ...option('to', match.to),
    ...flag('icase', match.ignoreCase),
  ]
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

const LAST_SECOND = 86_399

function time(match: Extract<XtablesMatch, { name: 'time' }>): string[] {
  const clock = (seconds: number | undefined) =>
    seconds === undefined ? undefined : new Date(seconds * 1000).toISOString().slice(11, 19)
  const date = (seconds: number | undefined) =>
    seconds === undefined ? undefined : new Date(seconds * 1000).toISOString().slice(0, 19)
  // Both, or none.
  const timed = match.timeStart !== undefined || match.timeStop !== undefined
  return [
    ...(timed ? option('timestart', clock(match.timeStart ?? 0)) : []),
    ...(timed ? option('timestop', clock(match.timeStop ?? LAST_SECOND)) : []),
    ...option('monthdays', match.monthdays?.any.join(','), match.monthdays?.invert),
    ...option(
      'weekdays',
      match.weekdays?.any.map((day) => WEEKDAYS[day - 1]).join(','),
      match.weekdays?.invert,
    ),
    ...option('datestart', date(match.dateStart)),
    ...option('datestop', date(match.dateStop)),
    ...flag('kerneltz', match.kernelTimeZone),
    ...flag('contiguous', match.contiguous),
  ]
}

function u32Test({ start, operations, values }: Extract<XtablesMatch, { name: 'u32' }>['tests'][0]): string {
  const place = operations.map(({ operator, number }) => `${operator}${hex(number)}`).join('')
  const listed = values.map(({ from, to }) => (from === to ? hex(from) : `${hex(from)}:${hex(to)}`))
  return `${hex(start)}${place}=${listed.join(',')}`
}
