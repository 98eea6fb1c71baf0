/** Random matches of xtables, weighted towards what meets the packets of `packets.ts` and `arbitrary.ts`. */
import fc from 'fast-check'
import { ADDRESS_TYPES, type XtablesMatch } from '../../src/ruleset/xtables.js'
import { extensions, withProtocol } from './xtables-arbitrary-headers.js'
import { hashlimit, rate, recent } from './xtables-arbitrary-state.js'
import { address, flag, invert, masked, node, options, span, type XtablesFamily } from './xtables-values.js'

export { connection } from './xtables-arbitrary-state.js'
export type { XtablesFamily } from './xtables-values.js'

/** A protocol by its number, or none, and matches that a rule with that `-p` may have. */
export interface XtablesRule {
  readonly protocol: number | undefined
  readonly matches: readonly XtablesMatch[]
}

/** Matches that the packet alone decides, whatever its protocol. */
function plain(family: XtablesFamily): fc.Arbitrary<XtablesMatch>[] {
  const addresses = fc
    .tuple(address(family), address(family), invert)
    .map(([a, b, inverted]) => ({ from: a < b ? a : b, to: a < b ? b : a, ...inverted }))
  const ttl = fc.record({
    operator: fc.constantFrom('==', '!=', '<', '>'),
    value: fc.constantFrom(1, 63, 64, 65, 254, 255),
  })
  return [
    node(
      'iprange',
      options({ source: addresses, destination: addresses }).filter((both) => Object.keys(both).length > 0),
    ),
    node('mark', masked),
    node('length', span(0, 20, 28, 40, 48, 60, 1000, 65535)),
    node(family === 'ip' ? 'ttl' : 'hl', ttl),
    node(
      'dscp',
      fc.tuple(fc.constantFrom(0, 8, 46, 63), invert).map(([value, inverted]) => ({ value, ...inverted })),
    ),
    node(
      'tos',
      fc
        .tuple(fc.constantFrom(0, 4, 8, 0xb8, 0xff), fc.constantFrom(0xff, 0x3f, 0xfc), invert)
        .map(([value, mask, inverted]) => ({ value: value & mask, mask, ...inverted })),
    ),
    node(
      'ecn',
      fc.tuple(fc.nat(3), invert).map(([value, inverted]) => ({ ect: { value, ...inverted } })),
    ),
    text,
    u32,
    node(
      'quota',
      fc.tuple(fc.constantFrom(0n, 100n, 1000n), invert).map(([bytes, inverted]) => ({ bytes, ...inverted })),
    ),
    fc
      .tuple(fc.integer({ min: 1, max: 4 }), fc.nat(3), invert)
      .filter(([every, packet]) => packet < every)
      .chain(([every, packet, inverted]) =>
        node('statistic', fc.constant({ mode: 'nth', every, packet, ...inverted })),
      ),
  ]
}

const text = node(
  'string',
  fc
    .record({
      algorithm: fc.constantFrom('bm', 'kmp'),
      pattern: fc.oneof(
        fc
          .array(fc.constantFrom('a', 'b', 'A', 'B'), { minLength: 1, maxLength: 6 })
          .map((all) => all.join('')),
        fc
          .array(fc.constantFrom(0, 0x41, 0x61, 0xc0, 0xe0, 0xff, 0xdf), { minLength: 1, maxLength: 3 })
          .map((all) => String.fromCharCode(...all)),
      ),
      ignoreCase: flag,
      from: fc.constantFrom(0, 0, 20, 41, 60),
      to: fc.constantFrom(65535, 65535, 48, 62, 70),
      inverted: invert,
    })
    .filter(({ from, to }) => from <= to)
    .map(({ ignoreCase, from, to, inverted, ...rest }) => ({
      ...rest,
      ...(ignoreCase ? { ignoreCase: true } : {}),
      ...(from === 0 ? {} : { from }),
      ...(to === 65535 ? {} : { to }),
      ...inverted,
    })),
)

const number = fc.constantFrom(0, 1, 4, 6, 0xff, 0x3c, 28, 0xffff, 0xffffffff)
const u32 = node(
  'u32',
  fc
    .record({
      tests: fc.array(
        fc.record({
          start: fc.constantFrom(0, 0, 2, 6, 8, 12, 20, 36, 40, 1500),
          operations: fc.array(
            fc.oneof(
              fc.record({ operator: fc.constant('&' as const), number }),
              fc.record({
                operator: fc.constantFrom('<<' as const, '>>' as const),
                number: fc.constantFrom(0, 1, 8, 16, 22, 24, 26, 31),
              }),
              fc.record({ operator: fc.constant('@' as const), number: fc.constantFrom(0, 2, 4, 8, 40) }),
            ),
            { maxLength: 5 },
          ),
          values: fc.array(
            fc
              .tuple(number, number, flag)
              .map(([a, b, single]) =>
                single ? { from: a, to: a } : { from: Math.min(a, b), to: Math.max(a, b) },
              ),
            { minLength: 1, maxLength: 3 },
          ),
        }),
        { minLength: 1, maxLength: 3 },
      ),
      inverted: invert,
    })
    .map(({ tests, inverted }) => ({ tests, ...inverted })),
)

/** Matches that count in time: they need one clock for all packets. */
export function counting(family: XtablesFamily): fc.Arbitrary<XtablesMatch> {
  return fc.oneof({ weight: 3, arbitrary: recent(family) }, node('limit', rate), {
    weight: 2,
    arbitrary: hashlimit(family),
  })
}

/** A match for a rule with a protocol, or without one, that the packet alone decides. */
export function xtablesMatch(family: XtablesFamily, protocol?: number): fc.Arbitrary<XtablesMatch> {
  const own = protocol === undefined ? [] : (withProtocol(family)[protocol] ?? [])
  const header = family === 'ip6' ? extensions() : []
  return fc.oneof(
    ...own.map((arbitrary) => ({ weight: 8, arbitrary })),
    ...header.map((arbitrary) => ({ weight: 1, arbitrary })),
    ...plain(family).map((arbitrary) => ({ weight: 1, arbitrary })),
  )
}

export const PROTOCOLS_OF: Readonly<Record<XtablesFamily, readonly number[]>> = {
  ip: [1, 6, 6, 17, 33, 50, 51, 132],
  ip6: [58, 6, 6, 17, 33, 50, 51, 132, 135],
}

/** A rule whose matches packet and clock decide: nothing of connections, and nothing of the host. */
export function xtablesRule(family: XtablesFamily): fc.Arbitrary<XtablesRule> {
  return fc.option(fc.constantFrom(...PROTOCOLS_OF[family]), { nil: undefined, freq: 4 }).chain((protocol) =>
    fc.record({
      protocol: fc.constant(protocol),
      matches: fc.array(
        fc.oneof({ weight: 3, arbitrary: xtablesMatch(family, protocol) }, counting(family)),
        { minLength: 1, maxLength: 3 },
      ),
    }),
  )
}

/** Matches that ask the host or the clock: `addrtype`, `owner`, `pkttype`, `time`. */
export function hostMatch(family: XtablesFamily): fc.Arbitrary<XtablesMatch> {
  const known =
    family === 'ip'
      ? [...ADDRESS_TYPES]
      : (['unspec', 'unicast', 'local', 'anycast', 'multicast', 'unreachable'] as const)
  const types = fc
    .tuple(fc.subarray([...known], { minLength: 1, maxLength: 3 }), invert)
    .map(([any, inverted]) => ({ any, ...inverted }))
  const days = (last: number) =>
    fc
      .tuple(fc.uniqueArray(fc.integer({ min: 1, max: last }), { minLength: 1, maxLength: 5 }), invert)
      .map(([any, inverted]) => ({ any, ...inverted }))
  const second = fc.constantFrom(0, 1, 3600, 43200, 86399)
  return fc.oneof(
    node(
      'addrtype',
      options({ source: types, destination: types, limitInterface: fc.constantFrom('in', 'out') }).filter(
        ({ source, destination }) => (source ?? destination) !== undefined,
      ),
    ),
    node(
      'owner',
      options({ uid: span(0, 1, 1000), gid: span(0, 1, 1000), socketExists: invert }).filter(
        (each) => Object.keys(each).length > 0,
      ),
    ),
    node(
      'pkttype',
      fc.tuple(fc.nat(2), invert).map(([type, inverted]) => ({ type, ...inverted })),
    ),
    node(
      'time',
      options({
        dateStart: fc.constantFrom(0, 1_700_000_000, 1_700_086_400),
        dateStop: fc.constantFrom(1_700_086_399, 1_700_200_000, 0xffffffff),
        timeStart: second,
        timeStop: second,
        weekdays: days(7),
        monthdays: days(31),
        contiguous: fc.constant(true),
        kernelTimeZone: fc.constant(true),
      }),
    ),
  )
}
