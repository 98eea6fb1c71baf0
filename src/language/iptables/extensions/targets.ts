/** Targets, as statements of nft. */
import type { Expression, LogFlag, Statement } from '../../../ruleset/model.js'
import { and, ct, meta, value } from '../../../ruleset/nodes.js'
import { PROTOCOLS } from '../../../ruleset/symbols/protocols.js'
import { type Options, present, type TargetExtension } from './extension.js'
import type { Given, GivenOption } from './given.js'

const flag = { words: 0 } as const
const ALL = 0xffffffff

const LEVELS: Readonly<Record<string, string>> = {
  emerg: 'emerg',
  panic: 'emerg',
  alert: 'alert',
  crit: 'crit',
  error: 'err',
  warning: 'warn',
  notice: 'notice',
  info: 'info',
  debug: 'debug',
}
/** By their numbers (syslog(3)). */
export const LEVEL_NAMES = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'] as const
/** As -S prints them. */
export const LOG_FLAGS: Readonly<Record<string, LogFlag>> = {
  'log-tcp-sequence': 'tcp sequence',
  'log-tcp-options': 'tcp options',
  'log-ip-options': 'ip options',
  'log-uid': 'skuid',
  'log-macdecode': 'ether',
}
const LONGEST_LOG_PREFIX = 29

function prefix(given: Given, name: string, most: number): string | undefined {
  const option = given.option(name)
  if (option === undefined) return undefined
  // iptables cuts what is longer, and says so.
  const text = option.words[0]!.text.slice(0, most)
  if (text === '') given.reader.fail(option.words[0]!, 'a prefix has at least one letter')
  if (/["\n]/.test(text)) given.reader.fail(option.words[0]!, 'a prefix has no quotes in it')
  return text
}

export const LOG: TargetExtension = {
  options: {
    'log-level': {},
    'log-prefix': {},
    ...Object.fromEntries(Object.keys(LOG_FLAGS).map((name) => [name, flag])),
  },
  read(given) {
    const option = given.option('log-level')
    const word = option?.words[0]
    const level =
      word === undefined
        ? 'warn'
        : /^\d/.test(word.text)
          ? LEVEL_NAMES[given.numberOf(word, word.text, 0, 7)]!
          : given.nameOf(word, word.text, LEVELS, 'log level')
    const flags = Object.keys(LOG_FLAGS).filter((name) => given.has(name))
    const all = flags.length === Object.keys(LOG_FLAGS).length
    return [
      present({
        kind: 'log' as const,
        prefix: prefix(given, 'log-prefix', LONGEST_LOG_PREFIX),
        // What nft does not list either.
        level: level === 'warn' ? undefined : level,
        flags:
          flags.length === 0 ? undefined : all ? (['all'] as const) : flags.map((name) => LOG_FLAGS[name]!),
      }),
    ]
  },
}

const MOST_GROUP = 65_535
/** nft_log's, NF_LOG_PREFIXLEN less its end; xtables keeps half of it. */
const LONGEST_NFLOG_PREFIX = 127
const KEPT_NFLOG_PREFIX = { nft: LONGEST_NFLOG_PREFIX, legacy: 63 }

export const NFLOG: TargetExtension = {
  options: {
    'nflog-group': {},
    'nflog-prefix': {},
    'nflog-range': {},
    'nflog-size': {},
    'nflog-threshold': {},
  },
  read(given, { backend }) {
    const number = (name: string, most = ALL) => {
      const option = given.option(name)
      return option && given.number(option, 0, most)
    }
    given.oneOf('nflog-range', 'nflog-size')
    // The kernel does not look at it.
    number('nflog-range')
    return [
      present({
        kind: 'log' as const,
        prefix: prefix(given, 'nflog-prefix', LONGEST_NFLOG_PREFIX)?.slice(0, KEPT_NFLOG_PREFIX[backend]),
        group: number('nflog-group', MOST_GROUP) ?? 0,
        snaplen: number('nflog-size'),
        queueThreshold: number('nflog-threshold', MOST_GROUP) || undefined,
      }),
    ]
  },
}

export const AUDIT: TargetExtension = {
  options: { type: {} },
  read(given) {
    const word = given.need('type').words[0]!
    given.nameOf(word, word.text, { accept: 0, drop: 1, reject: 2 }, 'type: accept, drop or reject')
    return [{ kind: 'log', level: 'audit' }]
  },
}

/** Name, other name, code; the beginning of either will do, and the first that fits is meant. */
export const REJECTS = {
  ip: [
    ['icmp-net-unreachable', 'net-unreach', 0],
    ['icmp-host-unreachable', 'host-unreach', 1],
    ['icmp-proto-unreachable', 'proto-unreach', 2],
    ['icmp-port-unreachable', 'port-unreach', 3],
    ['icmp-net-prohibited', 'net-prohib', 9],
    ['icmp-host-prohibited', 'host-prohib', 10],
    ['tcp-reset', 'tcp-rst', -1],
    ['icmp-admin-prohibited', 'admin-prohib', 13],
  ],
  ip6: [
    ['icmp6-no-route', 'no-route', 0],
    ['icmp6-adm-prohibited', 'adm-prohibited', 1],
    ['icmp6-addr-unreachable', 'addr-unreach', 3],
    ['icmp6-port-unreachable', 'port-unreach', 4],
    ['tcp-reset', 'tcp-reset', -1],
    ['icmp6-policy-fail', 'policy-fail', 5],
    ['icmp6-reject-route', 'reject-route', 6],
  ],
} as const

export const REJECT: TargetExtension = {
  tables: ['filter'],
  options: { 'reject-with': {} },
  read(given, { family, protocol }) {
    const option = given.option('reject-with')
    const type = family === 'ip' ? 'icmp' : 'icmpv6'
    if (option === undefined) return [{ kind: 'reject', type, code: family === 'ip' ? 3 : 4 }]
    const word = option.words[0]!
    const text = word.text.toLowerCase()
    const known: readonly (readonly [string, string, number])[] = REJECTS[family]
    const row = known.find(([name, alias]) => name.startsWith(text) || alias.startsWith(text))
    if (row === undefined || text === '')
      return given.reader.failUnknown(
        word,
        `${word.text} is no way to reject`,
        text,
        known.map(([name]) => name),
      )
    if (row[2] >= 0) return [{ kind: 'reject', type, code: row[2] }]
    if (protocol !== PROTOCOLS.tcp) given.reader.fail(word, 'tcp-reset needs -p tcp')
    return [{ kind: 'reject', type: 'tcp reset' }]
  },
}

/** `(target & ~mask) ^ value`: the bits of the mask are cleared, those of the value turned. */
export function xmark(target: Expression, bits: number, mask: number): Expression {
  const kept = ~mask >>> 0
  if (kept === 0) return value(bits)
  const cleared = kept === ALL ? target : and(target, kept)
  if (bits === 0) return cleared
  const operator = (bits & kept) === 0 ? '|' : '^'
  return { kind: 'binary', operator, left: cleared, right: value(bits) }
}

const MARKS: Options = { 'set-xmark': {}, 'set-mark': {}, 'and-mark': {}, 'or-mark': {}, 'xor-mark': {} }

/** Value and mask that one of the options above means, in terms of set-xmark. */
function marking(given: Given, option: GivenOption): { value: number; mask: number } {
  const { name } = option
  if (name === 'set-xmark') return given.masked(option)
  if (name === 'set-mark') {
    const { value, mask } = given.masked(option)
    return { value, mask: (mask | value) >>> 0 }
  }
  const bits = given.number(option)
  if (name === 'and-mark') return { value: 0, mask: ~bits >>> 0 }
  return { value: bits, mask: name === 'or-mark' ? bits : 0 }
}

export const MARK: TargetExtension = {
  options: MARKS,
  read(given) {
    const { value: bits, mask } = marking(given, given.needOne(...Object.keys(MARKS)))
    return [{ kind: 'mangle', key: { kind: 'meta', key: 'mark' }, value: xmark(meta('mark'), bits, mask) }]
  },
}

const CONNMARKS = [...Object.keys(MARKS), 'save-mark', 'restore-mark']

export const CONNMARK: TargetExtension = {
  options: { ...MARKS, 'save-mark': flag, 'restore-mark': flag, mask: {}, nfmask: {}, ctmask: {} },
  read(given) {
    const option = given.needOne(...CONNMARKS)
    const number = (name: string) => {
      const found = given.option(name)
      return found && given.number(found)
    }
    given.oneOf('mask', 'nfmask')
    given.oneOf('mask', 'ctmask')
    const one = number('mask')
    const nfmask = one ?? number('nfmask') ?? ALL
    const ctmask = one ?? number('ctmask') ?? ALL
    if (option.name === 'save-mark')
      return [
        {
          kind: 'mangle',
          key: { kind: 'ct', key: 'mark' },
          value: moved(ct('mark'), ctmask, meta('mark'), nfmask),
        },
      ]
    if (option.name === 'restore-mark')
      return [
        {
          kind: 'mangle',
          key: { kind: 'meta', key: 'mark' },
          value: moved(meta('mark'), nfmask, ct('mark'), ctmask),
        },
      ]
    const set = marking(given, option)
    return [
      {
        kind: 'mangle',
        key: { kind: 'ct', key: 'mark' },
        value: xmark(ct('mark'), set.value, one ?? set.mask),
      },
    ]
  },
}

/** `(to & ~toMask) ^ (from & fromMask)` */
function moved(to: Expression, toMask: number, from: Expression, fromMask: number): Expression {
  const bits = fromMask === ALL ? from : and(from, fromMask)
  const kept = ~toMask >>> 0
  if (kept === 0) return bits
  return { kind: 'binary', operator: '^', left: kept === ALL ? to : and(to, kept), right: bits }
}

export const NOTRACK: TargetExtension = {
  tables: ['raw'],
  options: {},
  read: () => [{ kind: 'notrack' }],
}

/** CT's other options set what connection tracking does later. */
export const CT: TargetExtension = {
  tables: ['raw'],
  options: {
    notrack: flag,
    ...Object.fromEntries(
      ['helper', 'ctevents', 'expevents', 'zone', 'zone-orig', 'zone-reply', 'timeout'].map((name) => [
        name,
        {},
      ]),
    ),
  },
  read(given): readonly Statement[] {
    if (given.has('notrack')) return [{ kind: 'notrack' }]
    const [other] = given.options
    return given.reader.fail(
      other?.span ?? given.span,
      'of CT only --notrack is read',
      'zones and helpers belong in the kernel',
    )
  },
}

export const NFQUEUE: TargetExtension = {
  options: { 'queue-num': {}, 'queue-balance': {}, 'queue-bypass': flag, 'queue-cpu-fanout': flag },
  read(given) {
    const option = given.oneOf('queue-num', 'queue-balance')
    const fanout = given.option('queue-cpu-fanout')
    if (fanout !== undefined && option?.name !== 'queue-balance')
      given.reader.fail(fanout.span, '--queue-cpu-fanout needs --queue-balance')
    const range = option && given.range(option, 65_535)
    if (option?.name === 'queue-num' && range!.from !== range!.to)
      given.reader.fail(option.words[0]!, 'one number is expected here')
    const { from, to } = range ?? { from: 0, to: 0 }
    return [
      {
        kind: 'queue',
        target: from === to ? value(from) : { kind: 'range', from: BigInt(from), to: BigInt(to) },
        flags: [
          ...(given.has('queue-bypass') ? (['bypass'] as const) : []),
          ...(fanout ? (['fanout'] as const) : []),
        ],
      },
    ]
  },
}
