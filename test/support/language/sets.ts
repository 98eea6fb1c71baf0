/** The named sets, maps and objects of the tables: their types are fixed, so that rules can name them; what they hold is not. */
import fc from 'fast-check'
import type {
  DataType,
  Element,
  Expression,
  NamedObject,
  NamedSet,
  ObjectKind,
  Pair,
  PlainElement,
  SetFlag,
  Stateful,
  TableFamily,
  Verdict,
} from '../../../src/ruleset/model.js'
import { partOf } from '../../../src/ruleset/types.js'
import type { About, Knows } from './selectors.js'
import { elements, MARKS } from './values.js'

interface Named {
  readonly name: string
  readonly types: readonly DataType[]
  readonly flags: readonly SetFlag[]
  /** Families of the tables that have it. */
  readonly families: readonly TableFamily[]
  /** Whether a rule can use it. */
  isFor(about: About, knows: Knows): boolean
  /** What a rule looks it up by, or adds to it. */
  key(about: About): fc.Arbitrary<Expression>
}

interface NamedMap extends Named {
  readonly data: 'verdict' | 'mark' | 'inet_service' | ObjectKind
}

const ALL: readonly TableFamily[] = ['ip', 'ip6', 'inet']
const V4: readonly TableFamily[] = ['ip', 'inet']
const V6: readonly TableFamily[] = ['ip6', 'inet']

const field = (protocol: string, name: string): Expression => ({ kind: 'payload', protocol, field: name })
const meta = (key: string): Expression => ({ kind: 'meta', key })
const PORTED = ['tcp', 'udp', 'sctp', 'udplite', 'dccp']
const hasPorts = ({ transport }: About) => transport === undefined || PORTED.includes(transport)
const ports = ({ transport }: About) =>
  fc.constantFrom(field(transport ?? 'th', 'dport'), field(transport ?? 'th', 'sport'))
const addresses = (family: 'ip' | 'ip6') => () =>
  fc.constantFrom(field(family, 'saddr'), field(family, 'daddr'))
const of = (family: 'ip' | 'ip6') => (about: About) => about.family === family
const concat = (...parts: fc.Arbitrary<Expression>[]) =>
  fc.tuple(...parts).map((all): Expression => ({ kind: 'concat', parts: all }))

const PORT = { types: ['inet_service'], families: ALL, isFor: hasPorts, key: ports } as const
const ADDRESS4 = { types: ['ipv4_addr'], families: V4, isFor: of('ip'), key: addresses('ip') } as const
const ADDRESS6 = { types: ['ipv6_addr'], families: V6, isFor: of('ip6'), key: addresses('ip6') } as const
const SERVICE4 = {
  types: ['ipv4_addr', 'inet_service'],
  families: V4,
  isFor: (about: About) => about.family === 'ip' && hasPorts(about),
  key: (about: About) => concat(addresses('ip')(), ports(about)),
} as const
const MARKED = {
  types: ['mark', 'inet_service'],
  families: ALL,
  isFor: hasPorts,
  key: (about: About) => concat(fc.constant(meta('mark')), ports(about)),
} as const
const NAME = {
  types: ['ifname'],
  families: ALL,
  isFor: () => true,
  key: () => fc.constantFrom(meta('iifname'), meta('oifname')),
} as const

/** Sets that rules only look up, and sets that they fill: `dynamic`. */
export const SETS: readonly Named[] = [
  { name: 'ports', flags: [], ...PORT },
  { name: 'ranges', flags: ['interval'], ...PORT },
  { name: 'nets4', flags: ['interval'], ...ADDRESS4 },
  { name: 'nets6', flags: ['interval'], ...ADDRESS6 },
  { name: 'names', flags: [], ...NAME },
  { name: 'services4', flags: [], ...SERVICE4 },
  { name: 'spans4', flags: ['interval'], ...SERVICE4 },
  { name: 'marked', flags: ['interval'], ...MARKED },
  { name: 'fading4', flags: ['timeout'], ...ADDRESS4 },
  { name: 'seen', flags: ['timeout', 'dynamic'], ...PORT },
  { name: 'seen4', flags: ['timeout', 'dynamic'], ...ADDRESS4 },
  { name: 'seen6', flags: ['dynamic'], ...ADDRESS6 },
  { name: 'talks4', flags: ['dynamic'], ...SERVICE4 },
]

export const MAPS: readonly NamedMap[] = [
  { name: 'verdicts', flags: [], data: 'verdict', ...PORT },
  { name: 'verdicts4', flags: ['interval'], data: 'verdict', ...ADDRESS4 },
  { name: 'spanverdicts4', flags: ['interval'], data: 'verdict', ...SERVICE4 },
  { name: 'portmarks', flags: ['interval'], data: 'mark', ...PORT },
  { name: 'netmarks6', flags: ['interval'], data: 'mark', ...ADDRESS6 },
  { name: 'learned4', flags: ['dynamic'], data: 'mark', ...ADDRESS4 },
  { name: 'counters', flags: [], data: 'counter', ...PORT },
  { name: 'quotas4', flags: ['interval'], data: 'quota', ...ADDRESS4 },
  { name: 'limits', flags: [], data: 'limit', ...PORT },
]

export const COUNTERS = ['hits', 'misses']
export const QUOTAS = ['little', 'much']
export const LIMITS = ['slow', 'fast']
export const OBJECTS: Readonly<Partial<Record<ObjectKind, readonly string[]>>> = {
  counter: COUNTERS,
  quota: QUOTAS,
  limit: LIMITS,
}

const UNITS = ['bytes', 'kbytes', 'mbytes'] as const

export function limit(knows: Knows) {
  const per = knows.timing
    ? fc.constantFrom('second' as const, 'minute' as const, 'hour' as const)
    : fc.constantFrom('hour' as const, 'day' as const)
  const over = fc.boolean()
  const packets = fc.record({
    rate: fc.constantFrom(1, 2, 3, 7),
    per,
    burst: fc.constantFrom(1, 2, 5),
    over,
  })
  const bytes = fc.record({
    rate: fc.constantFrom(1, 100, 150),
    // The kernel cannot count a bucket of many bytes a week in nanoseconds.
    rateUnit: knows.timing
      ? fc.constantFrom<(typeof UNITS)[number]>('bytes', 'bytes', 'kbytes')
      : fc.constant(UNITS[0]),
    per,
    burst: fc.constantFrom(60, 100, 2000),
    burstUnit: fc.constant(UNITS[0]),
    over,
  })
  return fc.oneof(packets, bytes)
}

const quota = fc.record({
  amount: fc.constantFrom(1, 60, 100, 1000),
  unit: fc.constantFrom(UNITS[0], UNITS[0], UNITS[1]),
  over: fc.boolean(),
})

/** Statements with a state of their own. The kernel cannot keep `connections` for elements that have timeouts. */
export function stateful(knows: Knows, connections = knows.connections): fc.Arbitrary<Stateful> {
  return fc.oneof(
    fc.constant({ kind: 'counter' } as const).map((one) => ({ ...one })),
    limit(knows).map((spec) => ({ kind: 'limit', ...spec }) as const),
    quota.map((spec) => ({ kind: 'quota', ...spec }) as const),
    ...(connections
      ? [
          fc
            .record({ count: fc.integer({ min: 0, max: 3 }), over: fc.boolean() })
            .map((spec) => ({ kind: 'ct count', ...spec }) as const),
        ]
      : []),
  )
}

export function objects(knows: Knows): fc.Arbitrary<NamedObject[]> {
  return fc.tuple(
    ...COUNTERS.map((name) => fc.constant({ kind: 'counter' as const, name, packets: 0n, bytes: 0n })),
    ...QUOTAS.map((name) => quota.map((spec) => ({ kind: 'quota' as const, name, ...spec }))),
    ...LIMITS.map((name) => limit(knows).map((spec) => ({ kind: 'limit' as const, name, ...spec }))),
  ) as unknown as fc.Arbitrary<NamedObject[]>
}

/** Milliseconds that elements live. */
const timeouts = (knows: Knows) =>
  knows.timing ? fc.constantFrom(100, 400, 60_000) : fc.constantFrom(3_600_000)

const head = ({ name, types, flags }: Named) => ({
  name,
  type: types.length === 1 ? types[0]! : types,
  ...(flags.length === 0 ? {} : { flags }),
})

/** Some elements live for a while only. */
function withOptions(
  { flags }: Named,
  keys: readonly PlainElement[],
  knows: Knows,
): fc.Arbitrary<Exclude<Element, Pair>[]> {
  const timeout = flags.includes('timeout')
    ? fc.option(timeouts(knows), { nil: undefined })
    : fc.constant(undefined)
  return fc.tuple(
    ...keys.map((value) =>
      timeout.map(
        (timeout): Exclude<Element, Pair> =>
          timeout === undefined ? value : { kind: 'element', value, timeout },
      ),
    ),
  ) as fc.Arbitrary<Exclude<Element, Pair>[]>
}

function set(named: Named, knows: Knows): fc.Arbitrary<NamedSet> {
  const parts = named.types.map(partOf)
  const dynamic = named.flags.includes('dynamic')
  const intervals = named.flags.includes('interval')
  const held = fc.oneof(
    fc.constant<PlainElement[]>([]),
    elements(parts, intervals),
    ...(parts.length === 1 && named.types[0] !== 'ifname' && !dynamic
      ? [elements(parts, intervals).map((some) => [...some, { kind: 'wildcard' } as const])]
      : []),
  )
  return held
    .chain((keys) =>
      fc.record({
        elements: withOptions(named, keys, knows),
        size: dynamic ? fc.integer({ min: keys.length + 1, max: keys.length + 4 }) : fc.constant(undefined),
        timeout: named.flags.includes('timeout') ? timeouts(knows) : fc.constant(undefined),
        statements: dynamic
          ? fc.constant<Stateful[]>([])
          : fc.option(
              stateful(knows, false).map((one) => [one]),
              { freq: 4, nil: [] },
            ),
      }),
    )
    .map(({ elements, size, timeout, statements }) => ({
      ...head(named),
      elements,
      ...(size === undefined ? {} : { size }),
      ...(timeout === undefined ? {} : { timeout }),
      ...(statements.length === 0 ? {} : { statements }),
    }))
}

function data({ data }: NamedMap, targets: readonly string[]): fc.Arbitrary<Expression | Verdict> {
  if (data === 'verdict')
    return fc.constantFrom<Verdict>(
      { kind: 'accept' },
      { kind: 'drop' },
      { kind: 'continue' },
      { kind: 'return' },
      ...targets.flatMap((target): Verdict[] => [
        { kind: 'jump', target },
        { kind: 'goto', target },
      ]),
    )
  const values = OBJECTS[data as ObjectKind] ?? MARKS.map(BigInt)
  return fc.constantFrom(...values).map((value) => ({ kind: 'value', value }))
}

function map(named: NamedMap, targets: readonly string[]): fc.Arbitrary<NamedSet> {
  const parts = named.types.map(partOf)
  const dynamic = named.flags.includes('dynamic')
  return elements(parts, named.flags.includes('interval'))
    .chain((keys) => fc.tuple(fc.constant(keys), fc.tuple(...keys.map(() => data(named, targets)))))
    .chain(([keys, values]) =>
      fc.record({
        elements: fc.constant(keys.map((key, i): Pair => ({ kind: 'pair', key, data: values[i]! }))),
        size: fc.integer({ min: keys.length + 1, max: keys.length + 4 }),
      }),
    )
    .map(({ elements, size }) => ({
      ...head(named),
      map: named.data,
      elements: dynamic ? [] : elements,
      ...(dynamic ? { size } : {}),
    }))
}

/** All the sets and maps of a table of a family. Targets: chains that verdicts may lead to. */
export function sets(
  family: TableFamily,
  knows: Knows,
  targets: readonly string[],
): fc.Arbitrary<readonly NamedSet[]> {
  const here = ({ families }: Named) => families.includes(family)
  return fc.tuple(
    ...SETS.filter(here).map((one) => set(one, knows)),
    ...MAPS.filter(here).map((one) => map(one, targets)),
  )
}
