/** `-m icmp` and `-m icmp6`: the names of messages. */
import { PROTOCOLS } from '../../../ruleset/symbols/protocols.js'
import type { Word } from '../words.js'
import { match } from './extension.js'
import type { Given } from './given.js'

/** Type, and the codes from … to. */
type Message = readonly [type: number, from: number, to: number]

const any = (type: number): Message => [type, 0, 255]
const one = (type: number, code: number): Message => [type, code, code]

/** 255 stands for every type. */
const ICMP: Readonly<Record<string, Message>> = {
  any: any(255),
  'echo-reply': any(0),
  pong: any(0),
  'destination-unreachable': any(3),
  'network-unreachable': one(3, 0),
  'host-unreachable': one(3, 1),
  'protocol-unreachable': one(3, 2),
  'port-unreachable': one(3, 3),
  'fragmentation-needed': one(3, 4),
  'source-route-failed': one(3, 5),
  'network-unknown': one(3, 6),
  'host-unknown': one(3, 7),
  'network-prohibited': one(3, 9),
  'host-prohibited': one(3, 10),
  'tos-network-unreachable': one(3, 11),
  'tos-host-unreachable': one(3, 12),
  'communication-prohibited': one(3, 13),
  'host-precedence-violation': one(3, 14),
  'precedence-cutoff': one(3, 15),
  'source-quench': any(4),
  redirect: any(5),
  'network-redirect': one(5, 0),
  'host-redirect': one(5, 1),
  'tos-network-redirect': one(5, 2),
  'tos-host-redirect': one(5, 3),
  'echo-request': any(8),
  ping: any(8),
  'router-advertisement': any(9),
  'router-solicitation': any(10),
  'time-exceeded': any(11),
  'ttl-exceeded': any(11),
  'ttl-zero-during-transit': one(11, 0),
  'ttl-zero-during-reassembly': one(11, 1),
  'parameter-problem': any(12),
  'ip-header-bad': one(12, 0),
  'required-option-missing': one(12, 1),
  'timestamp-request': any(13),
  'timestamp-reply': any(14),
  'address-mask-request': any(17),
  'address-mask-reply': any(18),
}

const ICMP6: Readonly<Record<string, Message>> = {
  'destination-unreachable': any(1),
  'no-route': one(1, 0),
  'communication-prohibited': one(1, 1),
  'beyond-scope': one(1, 2),
  'address-unreachable': one(1, 3),
  'port-unreachable': one(1, 4),
  'failed-policy': one(1, 5),
  'reject-route': one(1, 6),
  'packet-too-big': any(2),
  'time-exceeded': any(3),
  'ttl-exceeded': any(3),
  'ttl-zero-during-transit': one(3, 0),
  'ttl-zero-during-reassembly': one(3, 1),
  'parameter-problem': any(4),
  'bad-header': one(4, 0),
  'unknown-header-type': one(4, 1),
  'unknown-option': one(4, 2),
  'echo-request': any(128),
  ping: any(128),
  'echo-reply': any(129),
  pong: any(129),
  'router-solicitation': any(133),
  'router-advertisement': any(134),
  'neighbour-solicitation': any(135),
  'neighbor-solicitation': any(135),
  'neighbour-advertisement': any(136),
  'neighbor-advertisement': any(136),
  redirect: any(137),
}

function message(given: Given, option: string, names: Readonly<Record<string, Message>>) {
  const found = given.need(option)
  const word = found.words[0]!
  const [type, from, to] = /^\d/.test(word.text) ? numeric(given, word) : named(given, word, names)
  return { type, code: { from, to }, ...given.invert(found) }
}

/** The message that a name, or the beginning of only one name, stands for. */
function named(given: Given, word: Word, names: Readonly<Record<string, Message>>): Message {
  const text = word.text.toLowerCase()
  if (Object.hasOwn(names, text)) return names[text]!
  const starting = Object.keys(names).filter((name) => name.startsWith(text))
  if (starting.length > 1) given.reader.fail(word, `${text} is ambiguous: ${starting.join(' or ')}`)
  const [name] = starting
  return name === undefined
    ? given.reader.failUnknown(word, `${word.text} is no ICMP type`, text, Object.keys(names))
    : names[name]!
}

function numeric(given: Given, word: Word): Message {
  const [type = '', code, more] = word.text.split('/')
  if (more !== undefined) given.reader.fail(word, `${word.text} is no ICMP type`)
  const number = given.numberOf(word, type, 0, 255)
  return code === undefined || number === 255 ? any(number) : one(number, given.numberOf(word, code, 0, 255))
}

export const icmp = match({
  family: 'ip',
  protocol: PROTOCOLS.icmp!,
  options: { 'icmp-type': { invert: true } },
  read: (given) => ({ name: 'icmp', ...message(given, 'icmp-type', ICMP) }),
})

export const icmp6 = match({
  family: 'ip6',
  protocol: PROTOCOLS['ipv6-icmp']!,
  options: { 'icmpv6-type': { invert: true } },
  read: (given) => ({ name: 'icmp6', ...message(given, 'icmpv6-type', ICMP6) }),
})
