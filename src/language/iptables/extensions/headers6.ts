/** Matches of IPv6's extension headers. */
import { PROTOCOLS } from '../../../ruleset/symbols/protocols.js'
import type { Ipv6HeaderName, SrhComparison } from '../../../ruleset/xtables.js'
import { match, type Options, present } from './extension.js'
import { type Given, lengthOf } from './given.js'

const flag = { words: 0 } as const
const inverted = { invert: true } as const
const family = 'ip6' as const

function bytes(given: Given, name: string) {
  const option = given.option(name)
  return option && { bytes: given.number(option), ...given.invert(option) }
}

const whether = (given: Given, name: string) => (given.has(name) ? (true as const) : undefined)

export const frag = match({
  family,
  options: {
    fragid: inverted,
    fraglen: inverted,
    fragres: flag,
    fragfirst: flag,
    fragmore: flag,
    fraglast: flag,
  },
  read(given) {
    given.oneOf('fragmore', 'fraglast')
    const id = given.option('fragid')
    return present({
      name: 'frag' as const,
      id: id && given.range(id),
      length: bytes(given, 'fraglen'),
      reserved: whether(given, 'fragres'),
      first: whether(given, 'fragfirst'),
      more: whether(given, 'fragmore'),
      last: whether(given, 'fraglast'),
    })
  },
})

/** IP6T_OPTS_OPTSNR */
const MOST_OPTIONS = 16

function optionsHeader(name: 'hbh' | 'dst') {
  return match({
    family,
    options: { [`${name}-len`]: inverted, [`${name}-opts`]: {} },
    read(given) {
      const option = given.option(`${name}-opts`)
      const word = option?.words[0]
      const options = word?.text.split(',').map((text) => {
        const [type = '', length, more] = text.split(':')
        if (more !== undefined) given.reader.fail(word, `${text} is no option: TYPE or TYPE:LENGTH`)
        const number = given.numberOf(word, type, 0, 255)
        return length === undefined
          ? { type: number }
          : { type: number, length: given.numberOf(word, length, 0, 255) }
      })
      if (options !== undefined && options.length > MOST_OPTIONS)
        given.reader.fail(word!, `these are more than ${MOST_OPTIONS} options`)
      return present({ name, length: bytes(given, `${name}-len`), options })
    },
  })
}

export const hbh = optionsHeader('hbh')
export const dst = optionsHeader('dst')

/** IP6T_RT_HOPS */
const MOST_HOPS = 16

export const rt = match({
  family,
  options: {
    'rt-type': inverted,
    'rt-segsleft': inverted,
    'rt-len': inverted,
    'rt-0-res': flag,
    'rt-0-addrs': {},
    'rt-0-not-strict': flag,
  },
  read(given) {
    const type = given.option('rt-type')
    const segments = given.option('rt-segsleft')
    const addrs = given.option('rt-0-addrs')
    const strict = given.option('rt-0-not-strict')
    const typed = type && { number: given.number(type), ...given.invert(type) }
    const needing = given.option('rt-0-res') ?? addrs ?? strict
    if (needing !== undefined && (typed?.number !== 0 || typed.invert))
      given.reader.fail(needing.span, `--${needing.name} needs --rt-type 0`)
    if (strict !== undefined && addrs === undefined)
      given.reader.fail(strict.span, '--rt-0-not-strict needs --rt-0-addrs')
    const word = addrs?.words[0]
    const addresses = word?.text.split(',').map((text) => given.address(word, text, 'ip6'))
    if (addresses !== undefined && addresses.length > MOST_HOPS)
      given.reader.fail(word!, `these are more than ${MOST_HOPS} addresses`)
    return present({
      name: 'rt' as const,
      type: typed,
      segmentsLeft: segments && given.range(segments),
      length: bytes(given, 'rt-len'),
      reserved: whether(given, 'rt-0-res'),
      addresses,
      notStrict: whether(given, 'rt-0-not-strict'),
    })
  },
})

const COMPARED = {
  'srh-hdr-len': 'headerLength',
  'srh-segs-left': 'segmentsLeft',
  'srh-last-entry': 'lastEntry',
} as const
const OPERATORS = { eq: '==', gt: '>', lt: '<' } as const
const SRH: Options = Object.fromEntries([
  ...['srh-next-hdr', 'srh-tag', 'srh-psid', 'srh-nsid', 'srh-lsid'].map((name) => [name, inverted]),
  ...Object.keys(COMPARED).flatMap((name) => Object.keys(OPERATORS).map((op) => [`${name}-${op}`, inverted])),
])

export const srh = match({
  family,
  options: SRH,
  read(given) {
    const compared = (name: keyof typeof COMPARED): SrhComparison | undefined => {
      const option = given.oneOf(...Object.keys(OPERATORS).map((op) => `${name}-${op}`))
      if (option === undefined) return undefined
      const operator = OPERATORS[option.name.slice(-2) as keyof typeof OPERATORS]
      return { operator, value: given.number(option, 0, 255), ...given.invert(option) }
    }
    const valued = (name: string, most: number) => {
      const option = given.option(name)
      return option && { value: given.number(option, 0, most), ...given.invert(option) }
    }
    const prefix = (name: string) => {
      const option = given.option(name)
      if (option === undefined) return undefined
      const word = option.words[0]!
      const { value, mask } = given.network(word, word.text, 'ip6')
      const length = lengthOf(mask, 'ip6')
      if (length === undefined) return given.reader.fail(word, `${word.text} is no prefix`)
      return { base: value, length, ...given.invert(option) }
    }
    return present({
      name: 'srh' as const,
      nextHeader: valued('srh-next-hdr', 255),
      headerLength: compared('srh-hdr-len'),
      segmentsLeft: compared('srh-segs-left'),
      lastEntry: compared('srh-last-entry'),
      tag: valued('srh-tag', 65_535),
      previous: prefix('srh-psid'),
      next: prefix('srh-nsid'),
      last: prefix('srh-lsid'),
    })
  },
})

/** RFC 6275 §6.1, by the names and the short names that ip6tables has. */
const MOBILITY: Readonly<Record<string, number>> = {
  'binding-refresh-request': 0,
  brr: 0,
  'home-test-init': 1,
  hoti: 1,
  'careof-test-init': 2,
  coti: 2,
  'home-test': 3,
  hot: 3,
  'careof-test': 4,
  cot: 4,
  'binding-update': 5,
  bu: 5,
  'binding-acknowledgement': 6,
  ba: 6,
  'binding-error': 7,
  be: 7,
}

export const mh = match({
  family,
  protocol: PROTOCOLS['mobility-header']!,
  options: { 'mh-type': inverted },
  read(given) {
    const option = given.option('mh-type')
    if (option === undefined) return { name: 'mh' }
    const word = option.words[0]!
    const number = (text: string) =>
      /^\d/.test(text)
        ? given.numberOf(word, text, 0, 255)
        : given.nameOf(word, text, MOBILITY, 'type of a mobility header')
    const [low = '', high, more] = word.text.split(':')
    if (more !== undefined) given.reader.fail(word, `${word.text} is no range`)
    const from = low === '' && high !== undefined ? 0 : number(low)
    const to = high === undefined ? from : high === '' ? 255 : number(high)
    if (from > to) given.reader.fail(word, `the range ${word.text} is empty`)
    return { name: 'mh', type: { from, to, ...given.invert(option) } }
  },
})

const HEADERS: Readonly<Record<string, Ipv6HeaderName>> = {
  'hop-by-hop': 'hop-by-hop',
  hop: 'hop-by-hop',
  0: 'hop-by-hop',
  'ipv6-opts': 'ipv6-opts',
  dst: 'ipv6-opts',
  60: 'ipv6-opts',
  'ipv6-route': 'ipv6-route',
  route: 'ipv6-route',
  43: 'ipv6-route',
  'ipv6-frag': 'ipv6-frag',
  frag: 'ipv6-frag',
  44: 'ipv6-frag',
  ah: 'ah',
  auth: 'ah',
  51: 'ah',
  esp: 'esp',
  50: 'esp',
  'ipv6-nonxt': 'ipv6-nonxt',
  none: 'ipv6-nonxt',
  59: 'ipv6-nonxt',
  protocol: 'proto',
  proto: 'proto',
  prot: 'proto',
  255: 'proto',
}
const HEADER_ORDER = [...new Set(['hop-by-hop', ...Object.values(HEADERS)] as Ipv6HeaderName[])]

export const ipv6header = match({
  family,
  options: { header: inverted, soft: flag },
  read(given) {
    const option = given.need('header')
    const named = given.names(option, HEADERS, 'header')
    return {
      name: 'ipv6header',
      headers: HEADER_ORDER.filter((name) => named.includes(name)),
      ...(given.has('soft') && { soft: true as const }),
      ...given.invert(option),
    }
  },
})

export const eui64 = match({
  family,
  options: {},
  read(given, { chain }) {
    if (chain === 'OUTPUT' || chain === 'POSTROUTING')
      given.fail(`there is no sender’s Ethernet address in ${chain}`)
    return { name: 'eui64' }
  },
})
