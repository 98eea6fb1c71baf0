/** Random rulesets and packets for the property tests: values are few, so that rules and packets often meet. */
import fc from 'fast-check'
import { parseAddress } from '../../src/packet/address.js'
import { CtState, Hook } from '../../src/packet/packet.js'
import type {
  Chain,
  Ct,
  Match,
  Meta,
  Payload,
  PrefixElement,
  Range,
  Rule,
  Ruleset,
  Statement,
  Table,
  Value,
} from '../../src/ruleset/model.js'
import { selectorInfo } from '../../src/ruleset/selectors.js'
import { buildPacket } from './packets.js'

export const IPV4 = [
  '10.0.0.1',
  '10.0.0.7',
  '10.0.1.7',
  '10.1.0.1',
  '192.0.2.1',
  '0.0.0.0',
  '255.255.255.255',
]
export const IPV6 = ['fd00::1', 'fd00::7', 'fd00:0:0:1::7', 'fd00:1::1', '2001:db8::1', '::', 'ff02::1']
export const PORTS = [0, 22, 80, 443, 8080, 11434, 65535]
export const INTERFACES = ['lo', 'eth0', 'eth1', 'eth10', 'wlan0', '']
const PATTERNS = ['lo', 'eth0', 'eth*', 'eth1*', 'docker0', 'w*']
const PROTOCOLS = [1, 6, 17, 58, 132]

type Element = Value | Range | PrefixElement
type EvaluableSelector = Payload | Meta | Ct

const SELECTORS: EvaluableSelector[] = [
  ...['saddr', 'daddr'].flatMap((field) => [
    { kind: 'payload' as const, protocol: 'ip', field },
    { kind: 'payload' as const, protocol: 'ip6', field },
  ]),
  { kind: 'payload', protocol: 'ip', field: 'ttl' },
  { kind: 'payload', protocol: 'ip', field: 'protocol' },
  { kind: 'payload', protocol: 'ip6', field: 'nexthdr' },
  { kind: 'payload', protocol: 'ip6', field: 'hoplimit' },
  { kind: 'payload', protocol: 'tcp', field: 'dport' },
  { kind: 'payload', protocol: 'tcp', field: 'sport' },
  { kind: 'payload', protocol: 'tcp', field: 'sequence' },
  { kind: 'payload', protocol: 'udp', field: 'dport' },
  { kind: 'payload', protocol: 'udp', field: 'length' },
  { kind: 'payload', protocol: 'th', field: 'dport' },
  { kind: 'payload', protocol: 'icmp', field: 'type' },
  { kind: 'payload', protocol: 'icmpv6', field: 'type' },
  { kind: 'payload', protocol: 'icmpv6', field: 'code' },
  { kind: 'meta', key: 'nfproto' },
  { kind: 'meta', key: 'l4proto' },
  { kind: 'meta', key: 'mark' },
  { kind: 'meta', key: 'iifname' },
  { kind: 'meta', key: 'oifname' },
  { kind: 'ct', key: 'state' },
]

function point(left: EvaluableSelector): fc.Arbitrary<bigint> {
  const { type, bits } = selectorInfo(left)!
  const pick = (values: readonly (number | bigint)[]) => fc.constantFrom(...values.map(BigInt))
  switch (type) {
    case 'ipv4_addr':
      return pick(IPV4.map((text) => parseAddress(text)!.value))
    case 'ipv6_addr':
      return pick(IPV6.map((text) => parseAddress(text)!.value))
    case 'inet_service':
      return pick(PORTS)
    case 'inet_proto':
      return pick(PROTOCOLS)
    case 'nf_proto':
      return pick([2, 10])
    case 'icmp_type':
    case 'icmpv6_type':
      return pick([0, 1, 3, 8, 128, 135])
    case 'ct_state':
      return pick(Object.values(CtState))
    case 'mark':
      return pick([0, 1, 2 ** 31, 2 ** 32 - 1])
    default:
      return pick([0, 1, 40, 64, 255, bits > 8 ? 65535 : 0, bits > 16 ? 2 ** 32 - 1 : 0])
  }
}

export function element(left: EvaluableSelector): fc.Arbitrary<Element> {
  const { type, bits } = selectorInfo(left)!
  if (type === 'ifname') return fc.constantFrom(...PATTERNS).map((value) => ({ kind: 'value', value }))
  const value = point(left)
  const single = value.map((value): Element => ({ kind: 'value', value }))
  if (type === 'ct_state') return single
  const range = fc
    .tuple(value, value)
    .map(([a, b]): Element => ({ kind: 'range', from: a < b ? a : b, to: a < b ? b : a }))
  const prefix = fc.tuple(value, fc.integer({ min: 0, max: bits })).map(([base, length]): Element => {
    const host = BigInt(bits - length)
    return { kind: 'prefix', base: (base >> host) << host, length }
  })
  return fc.oneof(single, range, prefix)
}

function match(sets: Table['sets']): fc.Arbitrary<Match> {
  return fc.constantFrom(...SELECTORS).chain((left) => {
    const type = selectorInfo(left)!.type
    const elements = fc.array(element(left), { minLength: 1, maxLength: 7 })
    const named = sets
      .filter((set) => set.type === type)
      .map(({ name }) => ({ kind: 'reference' as const, name }))
    const flags = fc
      .array(fc.constantFrom<number[]>(...Object.values(CtState)), { minLength: 1, maxLength: 3 })
      .map((bits) => ({ kind: 'flags' as const, bits: BigInt(bits.reduce((a, b) => a | b, 0)) }))
    const right: fc.Arbitrary<Match['right']> = fc.oneof(
      element(left),
      elements.map((elements) => ({ kind: 'set' as const, elements })),
      ...(named.length > 0 ? [fc.constantFrom(...named)] : []),
      ...(type === 'ct_state' ? [flags] : []),
    )
    return fc.record({
      kind: fc.constant('match' as const),
      operator: fc.constantFrom('in', 'in', '==', '!='),
      left: fc.constant(left),
      right,
    })
  })
}

const WINDOWS = ['w0', 'w1']

function rule(sets: Table['sets'], targets: readonly string[]): fc.Arbitrary<Rule> {
  const counter = fc.constant<Statement>({ kind: 'counter' })
  const window = fc.constantFrom(...WINDOWS).map((name): Statement => ({ kind: 'window', name }))
  const middle = fc.oneof({ weight: 5, arbitrary: match(sets) }, counter, window)
  const ends: Statement[] = [
    { kind: 'accept' },
    { kind: 'drop' },
    { kind: 'return' },
    { kind: 'continue' },
    ...targets.flatMap((target): Statement[] => [
      { kind: 'jump', target },
      { kind: 'goto', target },
    ]),
  ]
  return fc
    .tuple(
      fc.array(middle, { maxLength: 4 }),
      fc.option(fc.constantFrom(...ends), { nil: undefined, freq: 8 }),
    )
    .map(([statements, end]) => ({ statements: end === undefined ? statements : [...statements, end] }))
}

const window = (name: string) =>
  fc.record({
    name: fc.constant(name),
    rate: fc.integer({ min: 1, max: 3 }),
    per: fc.constantFrom(1, 10, 1000),
    strict: fc.boolean(),
    size: fc.constant(64),
    prefix4: fc.constantFrom(32, 24, 0),
    prefix6: fc.constantFrom(64, 128, 33, 0),
  })

const set = (name: string, left: EvaluableSelector) =>
  fc
    .array(element(left), { minLength: 1, maxLength: 12 })
    .map((elements) => ({ name, type: selectorInfo(left)!.type, elements }))

function chain(
  name: string,
  sets: Table['sets'],
  targets: readonly string[],
  base: boolean,
): fc.Arbitrary<Chain> {
  const rules = fc.array(rule(sets, targets), { maxLength: 12 })
  if (!base) return rules.map((rules) => ({ name, rules }))
  return fc
    .tuple(
      rules,
      fc.constantFrom('input', 'output'),
      fc.integer({ min: -1, max: 1 }),
      fc.constantFrom('accept', 'drop'),
    )
    .map(([rules, hook, priority, policy]) => ({
      name,
      rules,
      base: { type: 'filter', hook, priority, policy },
    }))
}

const table: fc.Arbitrary<Table> = fc
  .tuple(
    fc.constantFrom('inet', 'inet', 'ip', 'ip6'),
    set('v4', { kind: 'payload', protocol: 'ip', field: 'saddr' }),
    set('v6', { kind: 'payload', protocol: 'ip6', field: 'saddr' }),
    set('ports', { kind: 'payload', protocol: 'tcp', field: 'dport' }),
    set('names', { kind: 'meta', key: 'iifname' }),
    fc.tuple(...WINDOWS.map(window)),
  )
  .chain(([family, v4, v6, ports, names, windows]) => {
    const sets = [v4, v6, ports, names]
    return fc
      .tuple(
        chain('first', sets, ['one', 'two'], true),
        chain('second', sets, ['two'], true),
        chain('one', sets, ['two', 'three'], false),
        chain('two', sets, ['three'], false),
        chain('three', sets, [], false),
      )
      .map((chains): Table => ({ family, name: 't', sets, windows, chains }))
  })

export const ruleset: fc.Arbitrary<Ruleset> = fc
  .array(table, { minLength: 1, maxLength: 2 })
  .map((tables) => ({ tables: tables.map((table, i) => ({ ...table, name: `t${i}` })) }))

export interface Sample {
  bytes: Uint8Array
  hook: number
  iif: number
  oif: number
  mark: number
  ctState: number
  /** Nanoseconds since the packet before. */
  pause: number
}

const payload = fc
  .tuple(fc.constantFrom(...PORTS), fc.constantFrom(...PORTS), fc.integer({ min: 0, max: 40 }), fc.integer())
  .map(([sport, dport, length, rest]) => {
    const bytes = new Uint8Array(40)
    const view = new DataView(bytes.buffer)
    view.setUint16(0, sport)
    view.setUint16(2, dport)
    view.setInt32(4, rest)
    return bytes.slice(0, length)
  })

/** Well-formed packets of all kinds, some of them cut short or with a byte changed. */
export const bytes: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.constantFrom(IPV4, IPV6).chain((all) => fc.tuple(fc.constantFrom(...all), fc.constantFrom(...all))),
    fc.constantFrom(...PROTOCOLS),
    payload,
    fc.constantFrom(0, 0, 4, 40),
    fc.constantFrom(undefined, undefined, undefined, 0, 8, 1480),
    fc.array(fc.constantFrom(0, 43, 60), { maxLength: 2 }),
    fc.option(fc.tuple(fc.nat(), fc.nat(255)), { freq: 4, nil: undefined }),
    fc.option(fc.nat(), { freq: 4, nil: undefined }),
  )
  .map(([[source, destination], protocol, payload, options, fragmentOffset, extensions, change, cut]) => {
    const spec = { source, destination, protocol, payload, options, extensions }
    const packet = buildPacket(fragmentOffset === undefined ? spec : { ...spec, fragmentOffset })
    if (change !== undefined) packet[change[0] % packet.length] = change[1]
    return cut === undefined ? packet : packet.slice(0, cut % (packet.length + 1))
  })

export const sample: fc.Arbitrary<Sample> = fc.record({
  bytes,
  hook: fc.constantFrom(Hook.input, Hook.input, Hook.output, Hook.forward),
  iif: fc.nat(INTERFACES.length - 1),
  oif: fc.nat(INTERFACES.length - 1),
  mark: fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1),
  ctState: fc.constantFrom(...Object.values(CtState), 0),
  pause: fc.constantFrom(0, 1, 999_999, 1_000_000, 10_000_000, 999_999_999),
})
