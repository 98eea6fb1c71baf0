/** Matches of addresses, ports and what else the IP header has. */
import type { Statement } from '../../../ruleset/model.js'
import { DSCPS } from '../../../ruleset/symbols/messages.js'
import { PROTOCOLS } from '../../../ruleset/symbols/protocols.js'
import { ADDRESS_TYPES, type AddressSpan, type AddressType } from '../../../ruleset/xtables.js'
import { type MatchExtension, match, type Options, present } from './extension.js'
import type { Given, GivenOption } from './given.js'

const flag = { words: 0 } as const
const inverted = { invert: true } as const

const PORT_PROTOCOLS = ['tcp', 'udp', 'udplite', 'sctp', 'dccp'] as const
/** XT_MULTI_PORTS */
const MOST_PORTS = 15
const SIDES = { sports: 'source', dports: 'destination', ports: 'either' } as const

export const multiport = match({
  options: {
    sports: inverted,
    'source-ports': { same: 'sports', ...inverted },
    'source-port': { same: 'sports', ...inverted },
    dports: inverted,
    'destination-ports': { same: 'dports', ...inverted },
    'destination-port': { same: 'dports', ...inverted },
    ports: inverted,
  },
  read(given, { protocol }) {
    if (!PORT_PROTOCOLS.some((name) => PROTOCOLS[name] === protocol))
      given.fail('multiport needs a protocol that has ports', `-p ${PORT_PROTOCOLS.join(', -p ')}`)
    const option = given.needOne('sports', 'dports', 'ports')
    const word = option.words[0]!
    const ports = word.text.split(',').map((text) => {
      const [from = '', to, more] = text.split(':')
      if (more !== undefined) given.reader.fail(word, `${text} is no range of ports`)
      const low = given.portOf(word, from)
      const high = to === undefined ? low : given.portOf(word, to)
      if (to !== undefined && low >= high) given.reader.fail(word, `the range ${text} is empty`)
      return { from: low, to: high }
    })
    const slots = ports.reduce((sum, { from, to }) => sum + (from === to ? 1 : 2), 0)
    if (slots > MOST_PORTS)
      given.reader.fail(word, `these are too many ports: ${MOST_PORTS}, of which a range counts as two`)
    return {
      name: 'multiport',
      side: SIDES[option.name as keyof typeof SIDES],
      ports,
      ...given.invert(option),
    }
  },
})

export const iprange = match({
  options: { 'src-range': inverted, 'dst-range': inverted },
  read(given, { family }) {
    given.need('src-range', 'dst-range')
    const range = (name: string): AddressSpan | undefined => {
      const option = given.option(name)
      if (option === undefined) return undefined
      const word = option.words[0]!
      const [first = '', last = first, more] = word.text.split('-')
      if (more !== undefined) given.reader.fail(word, `${word.text} is no range of addresses`)
      const from = given.address(word, first, family)
      const to = given.address(word, last, family)
      if (from > to) given.reader.fail(word, `the range ${word.text} is empty`)
      return { from, to, ...given.invert(option) }
    }
    return present({ name: 'iprange' as const, source: range('src-range'), destination: range('dst-range') })
  },
})

const TYPES: Readonly<Record<string, AddressType>> = Object.fromEntries(
  ADDRESS_TYPES.map((type) => [type, type]),
)
/** Chains in which one of the two interfaces is not known. */
const WITHOUT = {
  in: { chains: ['OUTPUT', 'POSTROUTING'], what: 'no interface to come in by' },
  out: { chains: ['PREROUTING', 'INPUT'], what: 'no interface to leave by' },
} as const

export const addrtype = match({
  options: {
    'src-type': inverted,
    'dst-type': inverted,
    'limit-iface-in': flag,
    'limit-iface-out': flag,
  },
  read(given, { chain }) {
    given.need('src-type', 'dst-type')
    const types = (name: string) => {
      const option = given.option(name)
      const named = option && given.names(option, TYPES, 'type of addresses')
      return option && { any: ADDRESS_TYPES.filter((type) => named!.includes(type)), ...given.invert(option) }
    }
    const limit = given.oneOf('limit-iface-in', 'limit-iface-out')
    const side = limit && (limit.name === 'limit-iface-in' ? 'in' : 'out')
    if (side !== undefined && (WITHOUT[side].chains as readonly string[]).includes(chain))
      given.reader.fail(limit!.span, `in ${chain} there is ${WITHOUT[side].what}`)
    return present({
      name: 'addrtype' as const,
      source: types('src-type'),
      destination: types('dst-type'),
      limitInterface: side,
    })
  },
})

export const length = match({
  options: { length: inverted },
  read: (given) => ({ name: 'length', ...given.range(given.need('length'), 65_535) }),
})

function hops(name: 'ttl' | 'hl'): MatchExtension {
  const eq = `${name}-eq`
  const options: Options = {
    [eq]: inverted,
    [name]: { same: eq, ...inverted },
    [`${name}-lt`]: {},
    [`${name}-gt`]: {},
  }
  return match({
    family: name === 'ttl' ? 'ip' : 'ip6',
    options,
    read(given) {
      const option = given.needOne(eq, `${name}-lt`, `${name}-gt`)
      const operator =
        option.name === eq ? (option.inverted ? '!=' : '==') : option.name.endsWith('lt') ? '<' : '>'
      return { name, operator, value: given.number(option, 0, 255) }
    },
  })
}

export const ttl = hops('ttl')
export const hl = hops('hl')

const PACKET_TYPES = { unicast: 0, host: 0, broadcast: 1, multicast: 2, otherhost: 3 }

export const pkttype = match({
  options: { 'pkt-type': inverted },
  read(given) {
    const option = given.need('pkt-type')
    const word = option.words[0]!
    const type = given.nameOf(word, word.text, PACKET_TYPES, 'packet type')
    return { name: 'pkttype', type, ...given.invert(option) }
  },
})

/** The six bits that are given by number or by class. */
export function dscpOf(given: Given, option: GivenOption): number {
  const word = option.words[0]!
  return option.name.endsWith('class')
    ? given.nameOf(word, word.text, DSCPS, 'DSCP class')
    : given.number(option, 0, 63)
}

export const dscp = match({
  options: { dscp: inverted, 'dscp-class': inverted },
  read(given) {
    const option = given.needOne('dscp', 'dscp-class')
    return { name: 'dscp', value: dscpOf(given, option), ...given.invert(option) }
  },
})

/** RFC 1349; without the bits of ECN. */
const TOS_NAMES: Readonly<Record<string, number>> = {
  'minimize-delay': 0x10,
  'maximize-throughput': 0x08,
  'maximize-reliability': 0x04,
  'minimize-cost': 0x02,
  'normal-service': 0x00,
}
const TOS_NAME_MASK = 0x3f

/** VALUE, VALUE/MASK or a name. */
export function tosOf(given: Given, option: GivenOption): { value: number; mask: number } {
  const word = option.words[0]!
  const [value = '', mask, more] = word.text.split('/')
  if (more !== undefined) given.reader.fail(word, `${word.text} is no value and mask`)
  if (!/^\d/.test(value))
    return { value: given.nameOf(word, word.text, TOS_NAMES, 'type of service'), mask: TOS_NAME_MASK }
  return {
    value: given.numberOf(word, value, 0, 255),
    mask: mask === undefined ? 255 : given.numberOf(word, mask, 0, 255),
  }
}

export const tos = match({
  options: { tos: inverted },
  read(given) {
    const option = given.need('tos')
    return { name: 'tos', ...tosOf(given, option), ...given.invert(option) }
  },
})

const invertedFlag = { words: 0, invert: true } as const

export const ecn = match({
  options: { 'ecn-ip-ect': inverted, 'ecn-tcp-ece': invertedFlag, 'ecn-tcp-cwr': invertedFlag },
  read(given, { protocol }) {
    given.need('ecn-ip-ect', 'ecn-tcp-ece', 'ecn-tcp-cwr')
    const ect = given.option('ecn-ip-ect')
    const ece = given.option('ecn-tcp-ece')
    const cwr = given.option('ecn-tcp-cwr')
    if ((ece ?? cwr) !== undefined && protocol !== PROTOCOLS.tcp) given.fail('the flags of TCP need -p tcp')
    return present({
      name: 'ecn' as const,
      ect: ect && { value: given.number(ect, 0, 3), ...given.invert(ect) },
      ece: ece && given.invert(ece),
      cwr: cwr && given.invert(cwr),
    })
  },
})

export const tcpmss = match({
  protocol: PROTOCOLS.tcp!,
  options: { mss: inverted },
  read: (given) => ({ name: 'tcpmss', ...given.range(given.need('mss'), 65_535) }),
})

/** A comment does nothing: it becomes the rule's. */
export const comment: MatchExtension = {
  options: { comment: {} },
  read(given): readonly Statement[] {
    given.text(given.need('comment'), 255)
    return []
  },
}
