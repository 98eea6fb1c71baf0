/** Random matches of xtables that count, remember, or ask connections. */
import fc from 'fast-check'
import type { XtablesMatch } from '../../src/ruleset/xtables.js'
import {
  address,
  flag,
  invert,
  mask,
  node,
  options,
  port,
  span,
  type XtablesFamily,
} from './xtables-values.js'

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

export const rate = fc.record({
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
