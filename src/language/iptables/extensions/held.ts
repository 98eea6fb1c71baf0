/** Matches and targets that are checked and held as they were written: nothing of ours looks into them. */
import type { Statement } from '../../../ruleset/model.js'
import { PROTOCOLS } from '../../../ruleset/symbols/protocols.js'
import {
  type MatchExtension,
  type Options,
  type RuleFacts,
  type TargetExtension,
  xtables,
} from './extension.js'
import type { Given } from './given.js'
import { dscpOf, tosOf } from './packet.js'

const flag = { words: 0 } as const
const inverted = { invert: true } as const
const plain = {} as const

/** Reports what is wrong. May give the options as iptables prints them, where they can be written in several ways. */
type Check = (given: Given, rule: RuleFacts) => readonly string[] | undefined | undefined

function words(given: Given): string[] {
  return given.options.flatMap(({ name, words, inverted }) => [
    ...(inverted ? ['!'] : []),
    `--${name}`,
    ...words.map(({ text }) => text),
  ])
}

function heldMatch(options: Options, check: Check, more: Partial<MatchExtension> = {}): MatchExtension {
  return {
    ...more,
    options,
    read(given, rule) {
      const options = check(given, rule) ?? words(given)
      return [xtables({ name: 'other', match: given.module, options })]
    },
  }
}

function heldTarget(options: Options, check: Check, more: Partial<TargetExtension> = {}): TargetExtension {
  return {
    ...more,
    options,
    read(given, rule): readonly Statement[] {
      const options = check(given, rule) ?? words(given)
      return [{ kind: 'xtables target', target: given.module, options }]
    },
  }
}

/** Those of some options without values that are there, in that order. */
function flags(given: Given, names: readonly string[]): string[] {
  return names.filter((name) => given.has(name)).map((name) => `--${name}`)
}

function only(given: Given, chains: readonly string[], { chain }: RuleFacts): void {
  const builtin = /^[A-Z]+$/.test(chain) && !chains.includes(chain)
  if (builtin) given.fail(`${given.module} is for ${chains.join(' and ')} only`)
}

const elements = { reqid: inverted, spi: inverted, proto: inverted, mode: inverted }
const tunnels = { 'tunnel-src': inverted, 'tunnel-dst': inverted }
const repeated = (options: Options): Options =>
  Object.fromEntries(Object.entries(options).map(([name, shape]) => [name, { ...shape, repeat: true }]))

export const HELD_MATCHES: Readonly<Record<string, MatchExtension>> = {
  bpf: heldMatch({ bytecode: plain }, (given) => {
    const word = given.need('bytecode').words[0]!
    const [count, ...lines] = word.text.split(',').map((line) => line.trim())
    const whole = lines.length === Number(count) && lines.every((line) => /^\d+ \d+ \d+ \d+$/.test(line))
    if (!whole || lines.length > 64)
      given.reader.fail(word, 'this is no program: its length, then so many instructions')
  }),
  cgroup: heldMatch({ cgroup: inverted, path: inverted }, (given, rule) => {
    only(given, ['INPUT', 'OUTPUT', 'POSTROUTING'], rule)
    const option = given.needOne('cgroup', 'path')
    if (option.name === 'cgroup') given.number(option)
  }),
  cluster: heldMatch(
    {
      'cluster-total-nodes': plain,
      'cluster-local-node': inverted,
      'cluster-local-nodemask': inverted,
      'cluster-hash-seed': plain,
    },
    (given) => {
      const total = given.number(given.need('cluster-total-nodes'), 1, 32)
      const node = given.needOne('cluster-local-node', 'cluster-local-nodemask')
      const seed = given.number(given.need('cluster-hash-seed'))
      const named = node.name === 'cluster-local-node'
      const number = given.number(node, 1, named ? total : 2 ** 32 - 1)
      const mask = named ? (1 << (number - 1)) >>> 0 : number
      return [
        ...(node.inverted ? ['!'] : []),
        ...['--cluster-local-nodemask', hex(mask, 8), '--cluster-total-nodes', String(total)],
        ...['--cluster-hash-seed', hex(seed, 8)],
      ]
    },
  ),
  osf: heldMatch(
    { genre: inverted, ttl: plain, log: plain },
    (given, rule) => {
      only(given, ['PREROUTING', 'INPUT', 'FORWARD'], rule)
      given.text(given.need('genre'), 31)
      for (const name of ['ttl', 'log']) {
        const option = given.option(name)
        if (option !== undefined) given.number(option, 0, 2)
      }
    },
    { protocol: PROTOCOLS.tcp! },
  ),
  policy: heldMatch(
    { dir: plain, pol: plain, strict: flag, ...repeated({ ...elements, ...tunnels, next: flag }) },
    checkPolicy,
  ),
  rateest: heldMatch(
    {
      'rateest-delta': flag,
      ...Object.fromEntries(['lt', 'gt', 'eq'].map((op) => [`rateest-${op}`, { words: 0, invert: true }])),
      rateest: plain,
      rateest1: plain,
      rateest2: plain,
      ...Object.fromEntries(
        ['bps', 'pps', 'bps1', 'bps2', 'pps1', 'pps2'].map((name) => [`rateest-${name}`, { words: 'maybe' }]),
      ),
    } as Options,
    (given) =>
      given.fail(
        'rateest compares what RATEEST has measured, which starts with each ruleset anew',
        'a limit or a hashlimit measures by itself',
      ),
  ),
  rpfilter: heldMatch({ loose: flag, validmark: flag, 'accept-local': flag, invert: flag }, (given, rule) => {
    only(given, ['PREROUTING'], rule)
    if (rule.table !== 'raw' && rule.table !== 'mangle')
      given.fail('rpfilter is for the tables raw and mangle')
    return flags(given, ['loose', 'validmark', 'accept-local', 'invert'])
  }),
  socket: heldMatch({ transparent: flag, nowildcard: flag, 'restore-skmark': flag }, (given, rule) => {
    only(given, ['PREROUTING', 'INPUT'], rule)
    return flags(given, ['transparent', 'nowildcard', 'restore-skmark'])
  }),
}

function checkPolicy(given: Given, rule: RuleFacts): undefined {
  const direction = given.need('dir').words[0]!
  const dir = given.nameOf(
    direction,
    direction.text,
    { in: 'in', out: 'out' } as const,
    'direction: in or out',
  )
  only(given, dir === 'in' ? ['PREROUTING', 'INPUT', 'FORWARD'] : ['POSTROUTING', 'OUTPUT', 'FORWARD'], rule)
  const kind = given.need('pol').words[0]!
  const none = given.nameOf(kind, kind.text, { none: true, ipsec: false }, 'policy: none or ipsec')
  const strict = given.option('strict')
  const next = given.option('next')
  const asked = given.options.filter(({ name }) => !['dir', 'pol', 'strict'].includes(name))
  if (none && (strict ?? asked[0]) !== undefined)
    given.reader.fail((strict ?? asked[0])!.span, 'the policy none has nothing more to ask for')
  if (next !== undefined && strict === undefined) given.reader.fail(next.span, '--next needs --strict')
  let element = new Map<string, string>()
  for (const option of [...asked, undefined]) {
    if (option !== undefined && option.name !== 'next') {
      checkElement(given, option.name, option.words[0]!, rule)
      element.set(option.name, option.words[0]!.text)
      continue
    }
    if (strict !== undefined && element.size === 0)
      given.fail('with --strict each element asks for something')
    const tunnel = element.has('tunnel-src') || element.has('tunnel-dst')
    if (tunnel && element.get('mode') !== 'tunnel')
      given.fail('--tunnel-src and --tunnel-dst need --mode tunnel')
    element = new Map()
  }
}

function checkElement(
  given: Given,
  name: string,
  word: Parameters<Given['numberOf']>[0] & { text: string },
  { family }: RuleFacts,
): void {
  if (name === 'reqid' || name === 'spi') given.numberOf(word, word.text)
  else if (name === 'proto')
    given.nameOf(word, word.text, { ah: 51, esp: 50, ipcomp: 108 }, 'protocol: ah, esp or ipcomp')
  else if (name === 'mode')
    given.nameOf(word, word.text, { tunnel: 1, transport: 0 }, 'mode: tunnel or transport')
  else given.network(word, word.text, family)
}

const MANGLE = ['mangle'] as const

const hex = (number: number, digits = 2) => `0x${number.toString(16).padStart(digits, '0')}`
const setTos = ({ value, mask }: { value: number; mask: number }) => [
  '--set-tos',
  `${hex(value)}/${hex(mask)}`,
]

function hops(name: 'ttl' | 'hl'): TargetExtension {
  const [set, inc, dec] = [`${name}-set`, `${name}-inc`, `${name}-dec`]
  return heldTarget(
    { [set!]: plain, [inc!]: plain, [dec!]: plain },
    (given) => {
      const option = given.needOne(set!, inc!, dec!)
      given.number(option, option.name === set ? 0 : 1, 255)
    },
    { tables: MANGLE, family: name === 'ttl' ? 'ip' : 'ip6' },
  )
}

const HMARK_MASKS = ['sport-mask', 'dport-mask', 'spi-mask', 'proto-mask']
const HMARK_NUMBERS = [
  'rnd',
  'mod',
  'offset',
  'src-prefix',
  'dst-prefix',
  ...HMARK_MASKS,
  'sport',
  'dport',
  'spi',
]

export const HELD_TARGETS: Readonly<Record<string, TargetExtension>> = {
  CHECKSUM: heldTarget({ 'checksum-fill': flag }, (given) => void given.need('checksum-fill'), {
    tables: MANGLE,
  }),
  CLASSIFY: heldTarget({ 'set-class': plain }, (given, rule) => {
    only(given, ['FORWARD', 'OUTPUT', 'POSTROUTING'], rule)
    const word = given.need('set-class').words[0]!
    if (!/^[0-9a-f]{1,4}:[0-9a-f]{1,4}$/i.test(word.text))
      given.reader.fail(word, `${word.text} is no class: MAJOR:MINOR`)
  }),
  CONNSECMARK: heldTarget({ save: flag, restore: flag }, (given) => void given.needOne('save', 'restore'), {
    tables: ['mangle', 'security'],
  }),
  DSCP: heldTarget(
    { 'set-dscp': plain, 'set-dscp-class': plain },
    (given) => ['--set-dscp', hex(dscpOf(given, given.needOne('set-dscp', 'set-dscp-class')))],
    { tables: MANGLE },
  ),
  ECN: heldTarget({ 'ecn-tcp-remove': flag }, (given) => void given.need('ecn-tcp-remove'), {
    tables: MANGLE,
    family: 'ip',
    protocol: PROTOCOLS.tcp!,
  }),
  HL: hops('hl'),
  TTL: hops('ttl'),
  HMARK: heldTarget(
    Object.fromEntries(['tuple', ...HMARK_NUMBERS].map((name) => [`hmark-${name}`, plain])),
    (given) => {
      for (const name of HMARK_NUMBERS) {
        const option = given.option(`hmark-${name}`)
        if (option !== undefined) given.number(option, name === 'mod' ? 1 : 0)
      }
      given.need('hmark-mod')
      given.need('hmark-rnd')
      const ports = given.options.some(({ name }) => /sport|dport/.test(name))
      const spi = given.options.find(({ name }) => name.startsWith('hmark-spi'))
      if (ports && spi !== undefined)
        given.reader.fail(spi.span, 'an SPI stands where ports stand: one of both')
    },
  ),
  IDLETIMER: heldTarget({ timeout: plain, label: plain, alarm: flag }, (given) => {
    given.number(given.need('timeout'), 1)
    given.text(given.need('label'), 27)
  }),
  LED: heldTarget({ 'led-trigger-id': plain, 'led-delay': plain, 'led-always-blink': flag }, (given) => {
    given.text(given.need('led-trigger-id'), 20)
  }),
  RATEEST: heldTarget(
    { 'rateest-name': plain, 'rateest-interval': plain, 'rateest-ewmalog': plain },
    (given) => {
      given.text(given.need('rateest-name'), 15)
      for (const name of ['rateest-interval', 'rateest-ewmalog']) {
        const word = given.need(name).words[0]!
        if (!/^\d+(?:\.\d+)?(?:s|ms|us)$/.test(word.text))
          given.reader.fail(word, `${word.text} is no time, such as 250ms`)
      }
    },
  ),
  TCPMSS: heldTarget(
    { 'set-mss': plain, 'clamp-mss-to-pmtu': flag },
    (given, rule) => {
      const option = given.needOne('set-mss', 'clamp-mss-to-pmtu')
      if (option.name !== 'set-mss') only(given, ['FORWARD', 'OUTPUT', 'POSTROUTING'], rule)
      if (option.name === 'set-mss') given.number(option, 0, 65_515)
    },
    { protocol: PROTOCOLS.tcp! },
  ),
  TCPOPTSTRIP: heldTarget(
    { 'strip-options': plain },
    (given) => {
      const option = given.option('strip-options')
      const word = option?.words[0]
      for (const text of word?.text.split(',') ?? [])
        if (/^\d/.test(text)) given.numberOf(word!, text, 2, 255)
        else given.nameOf(word!, text, TCP_OPTIONS, 'TCP option')
    },
    { tables: MANGLE, protocol: PROTOCOLS.tcp! },
  ),
  TOS: heldTarget(
    Object.fromEntries(['set-tos', 'and-tos', 'or-tos', 'xor-tos'].map((name) => [name, plain])),
    (given) => {
      const option = given.needOne('set-tos', 'and-tos', 'or-tos', 'xor-tos')
      if (option.name === 'set-tos') return setTos(tosOf(given, option))
      const bits = given.number(option, 0, 255)
      if (option.name === 'and-tos') return setTos({ value: 0, mask: ~bits & 0xff })
      return setTos({ value: bits, mask: option.name === 'or-tos' ? bits : 0 })
    },
    { tables: MANGLE },
  ),
  TRACE: heldTarget({}, (given, { backend, table }) => {
    if (backend === 'legacy' && table !== 'raw') given.fail('TRACE is for the table raw')
  }),
}

const TCP_OPTIONS: Readonly<Record<string, number>> = {
  wscale: 3,
  mss: 2,
  'sack-permitted': 4,
  sack: 5,
  timestamp: 8,
  md5: 19,
}
