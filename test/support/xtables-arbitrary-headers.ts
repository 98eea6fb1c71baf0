/** Random matches of headers. */
import fc from 'fast-check'
import type { XtablesMatch } from '../../src/ruleset/xtables.js'
import { address, flag, invert, node, options, port, span, type XtablesFamily } from './xtables-values.js'

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
export function withProtocol(family: XtablesFamily): Readonly<Record<number, fc.Arbitrary<XtablesMatch>[]>> {
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
export function extensions(): fc.Arbitrary<XtablesMatch>[] {
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
