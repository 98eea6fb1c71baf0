/** Matches of the connection that a packet belongs to. */
import { PROTOCOLS } from '../../../ruleset/symbols/protocols.js'
import type { ConntrackState, ConntrackStatus, MaskedAddress, Span } from '../../../ruleset/xtables.js'
import { match, type Options, present } from './extension.js'
import { bitsOf, type Given, type GivenOption, lengthOf } from './given.js'

const STATES: readonly ConntrackState[] = ['invalid', 'established', 'new', 'related', 'untracked']
const VIRTUAL_STATES: readonly ConntrackState[] = [...STATES, 'snat', 'dnat']

/** The states of a list; the beginning of a name will do. In the order in which iptables prints them. */
function states(given: Given, option: GivenOption, known: readonly ConntrackState[]): ConntrackState[] {
  const word = option.words[0]!
  const named = word.text.split(',').map((text) => {
    const found = text === '' ? undefined : known.find((state) => state.startsWith(text.toLowerCase()))
    return (
      found ?? given.reader.failUnknown(word, `${text} is no connection state`, text.toLowerCase(), known)
    )
  })
  return ORDER.filter((state) => named.includes(state))
}

const ORDER: readonly ConntrackState[] = [
  'invalid',
  'new',
  'related',
  'established',
  'untracked',
  'snat',
  'dnat',
]

export const state = match({
  options: { state: { invert: true } },
  read(given) {
    const option = given.need('state')
    return { name: 'state', any: states(given, option, STATES), ...given.invert(option) }
  },
})

const STATUSES: Readonly<Record<string, ConntrackStatus>> = {
  NONE: 'none',
  EXPECTED: 'expected',
  SEEN_REPLY: 'seen-reply',
  ASSURED: 'assured',
  CONFIRMED: 'confirmed',
}

const inverted = { invert: true } as const
const CONNTRACK: Options = {
  ctstate: inverted,
  ctproto: inverted,
  ctorigsrc: inverted,
  ctorigdst: inverted,
  ctreplsrc: inverted,
  ctrepldst: inverted,
  ctorigsrcport: inverted,
  ctorigdstport: inverted,
  ctreplsrcport: inverted,
  ctrepldstport: inverted,
  ctstatus: inverted,
  ctexpire: inverted,
  ctdir: {},
}

export const conntrack = match({
  options: CONNTRACK,
  read(given, { family }) {
    if (given.options.length === 0) given.fail('conntrack needs an option, such as --ctstate')
    const of = <T>(name: string, read: (option: GivenOption) => T): T | undefined => {
      const option = given.option(name)
      return option && read(option)
    }
    const address = (name: string) =>
      of(name, (option): MaskedAddress => {
        const word = option.words[0]!
        return { ...given.network(word, word.text, family), ...given.invert(option) }
      })
    const port = (name: string) => of(name, (option): Span => given.ports(option))
    return present({
      name: 'conntrack' as const,
      states: of('ctstate', (option) => ({
        any: states(given, option, VIRTUAL_STATES),
        ...given.invert(option),
      })),
      protocol: of('ctproto', (option) => ({
        number: protocolNumber(given, option),
        ...given.invert(option),
      })),
      originalSource: address('ctorigsrc'),
      originalDestination: address('ctorigdst'),
      replySource: address('ctreplsrc'),
      replyDestination: address('ctrepldst'),
      originalSourcePort: port('ctorigsrcport'),
      originalDestinationPort: port('ctorigdstport'),
      replySourcePort: port('ctreplsrcport'),
      replyDestinationPort: port('ctrepldstport'),
      status: of('ctstatus', (option) => ({ any: statuses(given, option), ...given.invert(option) })),
      expire: of('ctexpire', (option) => given.range(option)),
      direction: of('ctdir', (option) => {
        const word = option.words[0]!
        const known = { original: 'original', reply: 'reply' } as const
        return given.nameOf(word, word.text, known, 'direction: ORIGINAL or REPLY')
      }),
    })
  },
})

function protocolNumber(given: Given, option: GivenOption): number {
  const word = option.words[0]!
  if (/^\d/.test(word.text)) return given.number(option, 0, 255)
  return given.nameOf(word, word.text, PROTOCOLS, 'protocol')
}

/** NONE, which no connection has, beside others says nothing. */
function statuses(given: Given, option: GivenOption): ConntrackStatus[] {
  const named = given.names(option, STATUSES, 'connection status')
  const some = Object.values(STATUSES).filter((status) => status !== 'none' && named.includes(status))
  return some.length === 0 ? ['none'] : some
}

const MARK: Options = { mark: inverted }

export const mark = match({
  options: MARK,
  read: (given) => ({ name: 'mark', ...given.masked(given.need('mark')) }),
})

export const connmark = match({
  options: MARK,
  read: (given) => ({ name: 'connmark', ...given.masked(given.need('mark')) }),
})

const MAX64 = (1n << 64n) - 1n

export const connbytes = match({
  options: { connbytes: inverted, 'connbytes-dir': {}, 'connbytes-mode': {} },
  read(given) {
    const option = given.need('connbytes')
    const direction = given.need('connbytes-dir').words[0]!
    const mode = given.need('connbytes-mode').words[0]!
    const word = option.words[0]!
    const [low = '', high, more] = word.text.split(':')
    if (more !== undefined || word.text === '') given.reader.fail(word, `${word.text} is no range`)
    const from = low === '' ? 0n : given.big(word, low, MAX64)
    const to = high === undefined || high === '' ? MAX64 : given.big(word, high, MAX64)
    if (from > to) given.reader.fail(word, `the range ${word.text} is empty`)
    const modes = { packets: 'packets', bytes: 'bytes', avgpkt: 'avgpkt' } as const
    const directions = { original: 'original', reply: 'reply', both: 'both' } as const
    return {
      name: 'connbytes',
      from,
      to,
      mode: given.nameOf(mode, mode.text, modes, 'mode: packets, bytes or avgpkt'),
      direction: given.nameOf(direction, direction.text, directions, 'direction: original, reply or both'),
      ...given.invert(option),
    }
  },
})

export const connlabel = match({
  options: { label: inverted, set: { words: 0 } },
  read(given) {
    const option = given.need('label')
    return {
      name: 'connlabel',
      bit: given.number(option, 0, 127),
      ...(given.has('set') && { set: true as const }),
      ...given.invert(option),
    }
  },
})

export const connlimit = match({
  options: {
    'connlimit-upto': inverted,
    'connlimit-above': inverted,
    'connlimit-mask': {},
    'connlimit-saddr': { words: 0 },
    'connlimit-daddr': { words: 0 },
  },
  read(given, { family }) {
    const option = given.needOne('connlimit-upto', 'connlimit-above')
    const side = given.oneOf('connlimit-saddr', 'connlimit-daddr')
    const mask = given.option('connlimit-mask')
    const word = mask?.words[0]
    const length = word && lengthOf(given.mask(word, word.text, family), family)
    if (word !== undefined && length === undefined)
      given.reader.fail(word, `${word.text} is no length of a prefix`)
    return {
      name: 'connlimit',
      count: given.number(option),
      above: (option.name === 'connlimit-above') !== option.inverted,
      mask: length ?? bitsOf(family),
      side: side?.name === 'connlimit-daddr' ? 'destination' : 'source',
    }
  },
})

const LONGEST_HELPER = 29

export const helper = match({
  options: { helper: inverted },
  read(given) {
    const option = given.need('helper')
    return { name: 'helper', helper: given.text(option, LONGEST_HELPER), ...given.invert(option) }
  },
})
