/** Random matches of xtables, weighted towards what meets the packets of `packets.ts` and `arbitrary.ts`. */
import fc from 'fast-check'
import { parseAddress } from '../../src/packet/address.js'
import { ADDRESS_TYPES, type XtablesMatch, type XtablesName } from '../../src/ruleset/xtables.js'
import { IPV4, IPV6, PORTS } from './arbitrary.js'

export type XtablesFamily = 'ip' | 'ip6'

/** A protocol by its number, or none, and matches that a rule with that `-p` may have. */
export interface XtablesRule {
  readonly protocol: number | undefined
  readonly matches: readonly XtablesMatch[]
}

const invert = fc.constantFrom<{ invert?: true }>({}, {}, { invert: true })
const flag = fc.boolean()

function span(...values: number[]) {
  return fc
    .tuple(fc.constantFrom(...values), fc.constantFrom(...values), flag, invert)
    .map(([a, b, single, inverted]) =>
      single ? { from: a, to: a, ...inverted } : { from: Math.min(a, b), to: Math.max(a, b), ...inverted },
    )
}

const port = span(...PORTS)

/** Each option of a record is there half of the time. */
function options<T extends Record<string, unknown>>(
  all: { [K in keyof T]: fc.Arbitrary<T[K]> },
): fc.Arbitrary<Partial<T>> {
  return fc.record(all, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>
}

function node<N extends XtablesName>(
  name: N,
  rest: fc.Arbitrary<object> = fc.constant({}),
): fc.Arbitrary<XtablesMatch> {
  return rest.map((rest) => ({ kind: 'xtables', name, ...rest }) as XtablesMatch)
}

function address(family: XtablesFamily): fc.Arbitrary<bigint> {
  return fc.constantFrom(...(family === 'ip' ? IPV4 : IPV6).map((text) => parseAddress(text)!.value))
}

function mask(family: XtablesFamily): fc.Arbitrary<bigint> {
  const bits = family === 'ip' ? 32 : 128
  return fc
    .constantFrom(0, 8, 24, 31, bits)
    .map((length) => ((1n << BigInt(length)) - 1n) << BigInt(bits - length))
}

const masked = fc
  .tuple(fc.constantFrom(0, 1, 3, 0x80000000, 0xffffffff), fc.constantFrom(1, 0xff, 0xffffffff), invert)
  .map(([value, mask, inverted]) => ({ value: (value & mask) >>> 0, mask, ...inverted }))

export function recent(family: XtablesFamily): fc.Arbitrary<XtablesMatch> {
  const list = fc.constantFrom('DEFAULT', 'one')
  const side = fc.constantFrom('source', 'source', 'destination')
  const shared = { list, side, mask: mask(family) }
  const changes = fc.record(
    { operation: fc.constantFrom('set', 'set', 'remove'), ...shared },
    { requiredKeys: ['operation', 'list', 'side'] },
  )
  const looks = fc.record(
    {
      operation: fc.constantFrom('rcheck', 'update', 'update'),
      ...shared,
      seconds: fc.constantFrom(1, 2, 60),
      hitcount: fc.constantFrom(1, 2, 3, 5, 33),
      rttl: fc.constant(true),
      reap: fc.constant(true),
    },
    { requiredKeys: ['operation', 'list', 'side'] },
  )
  const rest = fc.oneof(
    changes,
    looks.filter(({ reap, seconds }) => !reap || seconds !== undefined),
  )
  return fc
    .tuple(rest, invert)
    .chain(([rest, inverted]) => node('recent', fc.constant({ ...rest, ...inverted })))
}

const rate = fc.record({
  rate: fc.constantFrom(1, 3, 7, 50, 1000),
  per: fc.constantFrom('second', 'second', 'minute', 'hour', 'day'),
  burst: fc.constantFrom(1, 2, 5, 20),
})

const TABLES = { packets: 'p', bytes: 'b', rate: 'r', 'byte rate': 'q' } as const

/** Rules of one name measure in one way, and have the rest from a list, so that names agree. */
export function hashlimit(family: XtablesFamily): fc.Arbitrary<XtablesMatch> {
  const bits = family === 'ip' ? 32 : 128
  const shape = fc.record({
    how: fc.constantFrom('packets', 'packets', 'bytes', 'rate', 'byte rate'),
    rate,
    burst: fc.option(fc.constantFrom(1, 2, 10), { nil: undefined }),
    bytes: fc.constantFrom(64, 1000, 20_000),
    above: flag,
    mode: fc.subarray(['srcip', 'srcport', 'dstip', 'dstport']),
    srcmask: fc.constantFrom(bits, 24, 0),
    dstmask: fc.constantFrom(bits, 31, 8),
    max: fc.constantFrom(0, 0, 2, 3),
    expire: fc.option(fc.constantFrom(20, 1000), { nil: undefined }),
    interval: fc.option(fc.constantFrom(1, 2), { nil: undefined }),
    number: fc.nat(3),
  })
  return node(
    'hashlimit',
    shape.map(
      ({ how, rate: { rate, per }, burst, bytes, above, mode, max, expire, interval, number, ...rest }) => ({
        table: `${TABLES[how as keyof typeof TABLES]}${number}`,
        above,
        mode,
        ...(mode.includes('srcip') ? { srcmask: rest.srcmask } : {}),
        ...(mode.includes('dstip') ? { dstmask: rest.dstmask } : {}),
        ...(how === 'bytes' || how === 'byte rate'
          ? { rate: bytes, per: 'second', bytes: true }
          : { rate, per }),
        ...(burst === undefined
          ? {}
          : { burst: how === 'bytes' || how === 'byte rate' ? burst * bytes + 16 : burst }),
        ...(max === 0 ? { htableSize: 16 } : { htableSize: 1, htableMax: max }),
        ...(expire === undefined ? {} : { htableExpire: expire }),
        ...(how === 'rate' || how === 'byte rate'
          ? { rateMatch: true, ...(interval === undefined ? {} : { rateInterval: interval }) }
          : {}),
      }),
    ),
  )
}

const STATES = ['invalid', 'new', 'established', 'related', 'untracked'] as const

export function connection(family: XtablesFamily): fc.Arbitrary<XtablesMatch> {
  const masked = fc
    .tuple(address(family), mask(family), invert)
    .map(([value, mask, inverted]) => ({ value: value & mask, mask, ...inverted }))
  const direction = fc.constantFrom('original', 'reply')
  const any = <T>(values: readonly T[]) =>
    fc
      .tuple(fc.subarray([...values], { minLength: 1 }), invert)
      .map(([any, inverted]) => ({ any, ...inverted }))
  return fc.oneof(
    node('state', any(STATES)),
    node(
      'conntrack',
      any(STATES).map((states) => ({ states })),
    ),
    node(
      'conntrack',
      options({
        states: any([...STATES, 'snat', 'dnat']),
        protocol: fc
          .tuple(fc.constantFrom(6, 17), invert)
          .map(([number, inverted]) => ({ number, ...inverted })),
        originalSource: masked,
        originalDestination: masked,
        replySource: masked,
        replyDestination: masked,
        originalSourcePort: port,
        originalDestinationPort: port,
        replySourcePort: port,
        replyDestinationPort: port,
        status: any(['none', 'expected', 'seen-reply', 'assured', 'confirmed']),
        expire: span(0, 1, 29, 30, 100, 432000),
        direction,
      }).filter((options) => Object.keys(options).length > 0),
    ),
    node(
      'connmark',
      fc.constantFrom(0, 1).map((value) => ({ value, mask: 0xffffffff })),
    ),
    node(
      'connbytes',
      fc
        .record({
          from: fc.constantFrom(0n, 1n, 40n),
          to: fc.constantFrom(1n, 100n, 100n, 2n ** 40n),
          mode: fc.constantFrom('packets', 'bytes', 'avgpkt'),
          direction: fc.constantFrom('original', 'reply', 'both'),
        })
        .filter(({ from, to }) => from <= to),
    ),
    node(
      'connlimit',
      fc.record({
        count: fc.constantFrom(0, 1, 2, 3, 8),
        above: flag,
        mask: fc.constantFrom(0, 24, 32),
        side: fc.constantFrom('source', 'source', 'destination'),
      }),
    ),
  )
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

const ports = options({ sport: port, dport: port })
const multiport = node(
  'multiport',
  fc
    .record({
      side: fc.constantFrom('source', 'destination', 'either'),
      ports: fc.array(
        port.map(({ from, to }) => ({ from, to })),
        { minLength: 1, maxLength: 7 },
      ),
      inverted: invert,
    })
    .map(({ inverted, ...rest }) => ({ ...rest, ...inverted })),
)
const tcpFlags = fc
  .tuple(fc.constantFrom(2, 0x17, 0x3f, 0x12), fc.constantFrom(0, 2, 0x12, 0x10), invert)
  .map(([mask, set, inverted]) => ({ mask, set: set & mask, ...inverted }))
const chunk = fc
  .tuple(fc.constantFrom(0, 1, 2, 3, 6, 7), fc.constantFrom(0, 1, 2, 3), flag)
  .map(([type, set, plain]) =>
    plain || (type !== 0 && type !== 6) ? { type } : { type, flags: { mask: 1, set: set & 1 } },
  )
const chunks = fc
  .record({
    match: fc.constantFrom('any', 'all', 'only'),
    types: fc.uniqueArray(chunk, { minLength: 1, maxLength: 3, selector: ({ type }) => type }),
    inverted: invert,
  })
  .map(({ inverted, ...rest }) => ({ ...rest, ...inverted }))

/** Matches that need a protocol, by its number. */
function withProtocol(family: XtablesFamily): Readonly<Record<number, fc.Arbitrary<XtablesMatch>[]>> {
  const code = fc.constantFrom({ from: 0, to: 255 }, { from: 0, to: 0 }, { from: 1, to: 1 })
  const icmp = fc
    .tuple(fc.constantFrom(0, 3, 8, 128, 1, 255), code, invert)
    .map(([type, code, inverted]) => ({
      type,
      code: type === 255 ? { from: 0, to: 255 } : code,
      ...inverted,
    }))
  const spi = span(0, 1, 256, 0x61626162, 0xffffffff)
  const all: Record<number, fc.Arbitrary<XtablesMatch>[]> = {
    6: [
      node(
        'tcp',
        fc
          .tuple(
            ports,
            options({
              flags: tcpFlags,
              option: fc
                .tuple(fc.constantFrom(2, 4, 1, 8), invert)
                .map(([kind, inverted]) => ({ kind, ...inverted })),
            }),
          )
          .map(([a, b]) => ({ ...a, ...b })),
      ),
      multiport,
      node('tcpmss', span(0, 536, 1400, 1460, 65535)),
      node(
        'ecn',
        options({ ece: invert, cwr: invert }).filter((each) => Object.keys(each).length > 0),
      ),
    ],
    17: [node('udp', ports), multiport],
    132: [
      node(
        'sctp',
        fc.tuple(ports, options({ chunks })).map(([a, b]) => ({ ...a, ...b })),
      ),
      multiport,
    ],
    33: [
      node(
        'dccp',
        fc
          .tuple(
            ports,
            options({
              types: fc
                .tuple(fc.subarray([0, 1, 2, 3, 7, 9, 10], { minLength: 1 }), invert)
                .map(([any, inverted]) => ({ any, ...inverted })),
              option: fc
                .tuple(fc.constantFrom(1, 2, 32), invert)
                .map(([type, inverted]) => ({ type, ...inverted })),
            }),
          )
          .map(([a, b]) => ({ ...a, ...b })),
      ),
      multiport,
    ],
    50: [node('esp', options({ spi }))],
    51: family === 'ip' ? [node('ah', options({ spi }))] : [],
  }
  if (family === 'ip') all[1] = [node('icmp', icmp)]
  else {
    all[58] = [
      node(
        'icmp6',
        icmp.filter(({ type }) => type !== 255),
      ),
    ]
    all[135] = [node('mh', options({ type: span(0, 1, 4, 5) }))]
  }
  return all
}

/** Matches of IPv6's extension headers. */
function extensions(): fc.Arbitrary<XtablesMatch>[] {
  const length = fc
    .tuple(fc.constantFrom(8, 16, 24, 40), invert)
    .map(([bytes, inverted]) => ({ bytes, ...inverted }))
  const header = options({
    length,
    options: fc.array(
      fc
        .tuple(fc.constantFrom(0, 1, 5, 12), fc.constantFrom(undefined, 0, 2, 4))
        .map(([type, length]) => ({ type, ...(length === undefined || type === 0 ? {} : { length }) })),
      { minLength: 1, maxLength: 3 },
    ),
  })
  const comparison = fc
    .record({
      operator: fc.constantFrom('==', '<', '>'),
      value: fc.constantFrom(0, 1, 2, 4),
      inverted: invert,
    })
    .map(({ inverted, ...rest }) => ({ ...rest, ...inverted }))
  const segment = fc
    .tuple(address('ip6'), fc.constantFrom(0, 16, 64, 128), invert)
    .map(([base, length, inverted]) => {
      const host = BigInt(128 - length)
      return { base: (base >> host) << host, length, ...inverted }
    })
  return [
    node('hbh', header),
    node('dst', header),
    node(
      'frag',
      fc
        .tuple(
          options({ id: span(0, 1, 0xffffffff), reserved: fc.constant(true), first: fc.constant(true) }),
          fc.constantFrom<object>({}, { more: true }, { last: true }),
        )
        .map(([a, b]) => ({ ...a, ...b })),
    ),
    node('ah', options({ spi: span(0, 256, 0xffffffff), length, reserved: fc.constant(true) })),
    node(
      'rt',
      options({
        type: fc
          .tuple(fc.constantFrom(0, 2, 4), invert)
          .map(([number, inverted]) => ({ number, ...inverted })),
        segmentsLeft: span(0, 1, 2, 255),
        length,
      }),
    ),
    node(
      'rt',
      fc
        .record({
          addresses: fc.array(address('ip6'), { minLength: 1, maxLength: 2 }),
          notStrict: flag,
          reserved: flag,
        })
        .map(({ addresses, notStrict, reserved }) => ({
          type: { number: 0 },
          addresses,
          ...(reserved ? { reserved } : {}),
          ...(notStrict ? { notStrict } : {}),
        })),
    ),
    node(
      'srh',
      options({
        nextHeader: fc
          .tuple(fc.constantFrom(6, 17, 58), invert)
          .map(([value, inverted]) => ({ value, ...inverted })),
        headerLength: comparison,
        segmentsLeft: comparison,
        lastEntry: comparison,
        previous: segment,
        next: segment,
        last: segment,
      }).filter((each) => Object.keys(each).length > 0),
    ),
    node(
      'ipv6header',
      fc
        .record({
          headers: fc.subarray(
            ['hop-by-hop', 'ipv6-opts', 'ipv6-route', 'ipv6-frag', 'ah', 'esp', 'ipv6-nonxt', 'proto'],
            { minLength: 1 },
          ),
          soft: flag,
          inverted: invert,
        })
        .map(({ headers, soft, inverted }) => ({ headers, ...(soft ? { soft } : {}), ...inverted })),
    ),
  ]
}

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
