/** Selectors of the syntax tree to those of the model: which fields, keys and options there are. */

import { PROTOCOL_FIELDS } from '../../../ruleset/fields.js'
import { CT_KEYS, META_ALIASES, META_KEYS, RT_KEYS, SOCKET_KEYS } from '../../../ruleset/keys.js'
import type { Selector } from '../../../ruleset/model.js'
import {
  EXTENSION_HEADERS,
  IP_OPTIONS,
  type OptionInfo,
  SCTP_CHUNKS,
  TCP_OPTION_ALIASES,
  TCP_OPTIONS,
} from '../../../ruleset/options.js'
import type { SelectorNode, Span, WordNode } from '../ast.js'
import type { Context } from './context.js'
import { count } from './stateful.js'

/** Bits that a raw payload expression may take, and how far it may reach (nft keeps them in 16 bits). */
const MAXIMUM_RAW = 512
const MAXIMUM_RAW_OFFSET = 65_535
const PORT_PROTOCOLS: Readonly<Record<number, string>> = {
  6: 'tcp',
  17: 'udp',
  132: 'sctp',
  33: 'dccp',
  136: 'udplite',
}
const TRANSPORTS: Readonly<Record<number, string>> = {
  ...PORT_PROTOCOLS,
  1: 'icmp',
  2: 'igmp',
  50: 'esp',
  51: 'ah',
  58: 'icmpv6',
  108: 'comp',
}
const TUNNELS: ReadonlySet<string> = new Set(['gre', 'vxlan', 'geneve', 'gretap'])

/** Throws Unusable, with the error reported, if there is no such thing. */
export function lowerSelector(node: Exclude<SelectorNode, { kind: 'hash' }>, context: Context): Selector {
  switch (node.kind) {
    case 'payload': {
      if (TUNNELS.has(node.protocol))
        context.fail(node, 'what is inside of a tunnel is not looked at', 'leave this rule to the kernel')
      if (node.protocol === 'arp') context.fail(node, 'arp packets do not come to families ip, ip6 and inet')
      if (node.protocol === 'ip' && node.field.text === 'option')
        context.fail(node.field, 'ip option needs the name of an option')
      const fields = PROTOCOL_FIELDS[node.protocol]!
      known(node.field, fields, node.protocol, 'field', context)
      // Where the protocol is known, nft lists its ports as its own.
      const ports = node.protocol === 'th' ? PORT_PROTOCOLS[context.transport ?? 0] : undefined
      return { kind: 'payload', protocol: ports ?? node.protocol, field: node.field.text }
    }
    case 'raw': {
      const { base } = node
      const place = bitsAt(node, node.offset, node.length, context)
      const field = knownField(base, place.offset, place.length, context)
      if (field !== undefined) return field
      return { kind: 'raw', base, ...place }
    }
    case 'exthdr': {
      const header = option(node.name, EXTENSION_HEADERS, 'extension header', context)
      if (node.field === null) return { kind: 'exthdr', name: node.name.text }
      known(node.field, header.fields, node.name.text, 'field', context)
      const index = node.index === null ? {} : { index: count(node, node.index, 255, context) }
      return { kind: 'exthdr', name: node.name.text, field: node.field.text, ...index }
    }
    case 'tcp option':
      return tcpOption(node, context)
    case 'ip option':
    case 'sctp chunk': {
      const [all, what] =
        node.kind === 'ip option'
          ? ([IP_OPTIONS, 'IP option'] as const)
          : ([SCTP_CHUNKS, 'SCTP chunk'] as const)
      const { fields } = option(node.name, all, what, context)
      if (node.field === null) return { kind: node.kind, name: node.name.text }
      known(node.field, fields, node.name.text, 'field', context)
      return { kind: node.kind, name: node.name.text, field: node.field.text }
    }
    case 'dccp option':
      return { kind: 'dccp option', type: count(node, node.number, 255, context) }
    case 'meta': {
      const key = META_ALIASES[node.key.text] ?? node.key.text
      if (/^(?:ibr|obr|broute|sdif$|ibridge|obridge)/.test(key) && !Object.hasOwn(META_KEYS, key))
        context.fail(node, `meta ${key} belongs to family bridge`)
      known({ ...node.key, text: key }, META_KEYS, 'meta', 'key', context)
      return { kind: 'meta', key }
    }
    case 'ct':
      return connection(node, context)
    case 'rt': {
      const { text } = node.key
      if (node.family === null && Object.hasOwn(EXTENSION_HEADERS.rt!.fields, text))
        return { kind: 'exthdr', name: 'rt', field: text }
      known(node.key, RT_KEYS, 'rt', 'key', context)
      const family = node.family ?? (text === 'nexthop' ? familyOf(node, context) : null)
      if (family !== null && context.family !== 'inet' && family !== context.family)
        context.fail(node, `rt ${family} ${text} cannot be in a table of family ${context.family}`)
      return { kind: 'rt', key: text, ...(family === null ? {} : { family }) }
    }
    case 'socket': {
      known(node.key, SOCKET_KEYS, 'socket', 'key', context)
      const level = node.level === null ? {} : { level: count(node, node.level, 255, context) }
      return { kind: 'socket', key: node.key.text, ...level }
    }
    case 'fib':
      return fib(node, context)
    case 'osf':
      return { kind: 'osf', key: node.key, ...(node.ttl === null ? {} : { ttl: node.ttl }) }
    case 'ipsec': {
      const { direction, key, family } = node
      const spnum = node.spnum === null ? 0 : count(node, node.spnum, 255, context)
      return { kind: 'ipsec', direction, spnum, key, ...(family === null ? {} : { family }) }
    }
    case 'numgen': {
      const { mode } = node
      return { kind: 'numgen', mode, ...modulus(node, context) }
    }
  }
}

/** The field that has the very bits that were asked for, where the protocol is known: nft lists it so. */
function knownField(base: string, offset: number, length: number, context: Context): Selector | undefined {
  const transport = TRANSPORTS[context.transport ?? 0] ?? 'th'
  const protocol = base === 'nh' ? context.guessedFamily : base === 'th' ? transport : undefined
  if (protocol === undefined) return undefined
  for (const [name, field] of Object.entries(PROTOCOL_FIELDS[protocol]!)) {
    const same = field.offset === offset && field.bits === length && field.types === undefined
    if (same) return { kind: 'payload', protocol, field: name }
  }
  return undefined
}

/** What a generator counts up to, and where it starts. */
export function modulus(node: Span & { modulus: string; offset: string | null }, context: Context) {
  const modulus = count(node, node.modulus, 2 ** 32 - 1, context)
  const offset = node.offset === null ? 0 : count(node, node.offset, 2 ** 32 - 1, context)
  if (modulus === 0) context.fail(node, 'a modulus is at least 1')
  if (modulus + offset > 2 ** 32) context.fail(node, `modulus and offset are together at most ${2 ** 32}`)
  return { modulus, offset }
}

function bitsAt(span: Span, offset: string, length: string, context: Context) {
  const place = {
    offset: count(span, offset, MAXIMUM_RAW_OFFSET, context),
    length: count(span, length, MAXIMUM_RAW, context),
  }
  if (place.length === 0) context.fail(span, 'at least 1 bit must be looked at')
  return place
}

function known(
  word: WordNode,
  all: Readonly<Record<string, unknown>>,
  owner: string,
  what: string,
  context: Context,
): void {
  if (!Object.hasOwn(all, word.text))
    context.failUnknown(word, `${owner} has no ${what} ${word.text}`, word.text, Object.keys(all))
}

function option(
  word: WordNode,
  all: Readonly<Record<string, OptionInfo>>,
  what: string,
  context: Context,
): OptionInfo {
  if (!Object.hasOwn(all, word.text))
    context.failUnknown(word, `there is no ${what} ${word.text}`, word.text, Object.keys(all))
  return all[word.text]!
}

function tcpOption(node: Extract<SelectorNode, { kind: 'tcp option' }>, context: Context): Selector {
  const written = TCP_OPTION_ALIASES[node.name.text] ?? node.name.text
  const byNumber = /^\d+$/.test(written)
  if (byNumber) count(node.name, written, 255, context)
  const numbered =
    byNumber && Object.entries(TCP_OPTIONS).find(([, { number }]) => number === Number(written))
  if (node.raw !== undefined) {
    const raw = bitsAt(node, node.raw.offset, node.raw.length, context)
    return { kind: 'tcp option', name: written, raw }
  }
  const name = numbered ? numbered[0] : written
  if (byNumber && !numbered) {
    if (node.field?.text === 'kind' || !node.field) return { kind: 'tcp option', name }
    return context.fail(node.field!, `nothing is known of the fields of TCP option ${name}`)
  }
  const { fields } = option({ ...node.name, text: name }, TCP_OPTIONS, 'TCP option', context)
  if (!node.field) return { kind: 'tcp option', name }
  known(node.field, fields, name, 'field', context)
  return { kind: 'tcp option', name, field: node.field.text }
}

function connection(node: Extract<SelectorNode, { kind: 'ct' }>, context: Context): Selector {
  const { direction, family } = node
  const key = family === null ? node.key.text : `${family} ${node.key.text}`
  known({ ...node.key, text: key }, CT_KEYS, 'ct', 'key', context)
  const needs = CT_KEYS[key]!.direction
  if (direction !== null && needs === 'none') context.fail(node, `ct ${key} has no direction`)
  if (direction === null && needs === 'needed')
    context.fail(node, `ct ${key} needs a direction`, `write ct original ${key} or ct reply ${key}`)
  // The key names the family in the model whenever the table does.
  const isAddress = family === null && (key === 'saddr' || key === 'daddr')
  if (isAddress && context.family === 'inet')
    context.fail(
      node,
      `ct ${direction} ${key} does not say which family`,
      `write ct ${direction} ip ${key} or ct ${direction} ip6 ${key}`,
    )
  const full = isAddress ? `${context.family} ${key}` : key
  return { kind: 'ct', key: full, ...(direction === null ? {} : { direction }) }
}

function familyOf(span: Span, context: Context): 'ip' | 'ip6' {
  if (context.family !== 'inet') return context.family
  return (
    context.guessedFamily ??
    context.fail(span, 'rt nexthop does not say which family', 'write rt ip nexthop or rt ip6 nexthop')
  )
}

function fib(node: Extract<SelectorNode, { kind: 'fib' }>, context: Context): Selector {
  const flags = ['saddr', 'daddr', 'mark', 'iif', 'oif'].filter((flag) => node.flags.includes(flag))
  const has = (flag: string) => flags.includes(flag)
  if (flags.length < node.flags.length) context.fail(node, 'a flag of fib is named twice')
  if (has('saddr') === has('daddr')) context.fail(node, 'fib looks up either saddr or daddr')
  if (has('iif') && has('oif')) context.fail(node, 'fib takes either iif or oif')
  if (has('oif') && node.result !== 'type') context.fail(node, 'with oif, fib can only say the type')
  const { hook } = context
  if (has('oif') && (hook === 'prerouting' || hook === 'input'))
    context.fail(node, `at hook ${hook} there is no oif`)
  if (has('iif') && (hook === 'output' || hook === 'postrouting'))
    context.fail(node, `at hook ${hook} there is no iif`)
  return { kind: 'fib', flags, result: node.result === 'check' ? 'oif' : node.result }
}
