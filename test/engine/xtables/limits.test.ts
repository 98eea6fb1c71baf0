import { expect, test } from 'vitest'
import type { HashlimitMatch, LimitMatch } from '../../../src/ruleset/xtables.js'
import { buildPacket, segment } from '../../support/packets.js'
import { contextOf, matcher } from '../../support/xtables-run.js'

const packet = segment('tcp', '10.0.0.7', '10.0.0.1', 80)
const from = (n: number) => segment('tcp', `10.1.${n >> 8}.${n & 255}`, '10.0.0.1', 80)
/** A packet of so many bytes. */
const sized = (length: number) =>
  buildPacket({
    source: '10.0.0.7',
    destination: '10.0.0.1',
    protocol: 17,
    payload: new Uint8Array(length - 20),
  })

function limit(spec: Omit<LimitMatch, 'name'>) {
  return matcher({ name: 'limit', ...spec })
}

function hashlimit(spec: Partial<HashlimitMatch>, context = contextOf()) {
  return matcher(
    { name: 'hashlimit', table: 't', above: false, rate: 1, per: 'second', mode: ['srcip'], ...spec },
    { context },
  )
}

const passed = (answers: string[]) => answers.filter((answer) => answer === 'yes').length

test('limit passes its burst, and then one packet for each time that its rate gives', () => {
  const match = limit({ rate: 3, per: 'second', burst: 5 })
  expect(passed(Array.from({ length: 20 }, () => match(packet)))).toBe(5)
  // A packet costs 10664 credits and a tick gives 128: 83.3 ticks.
  expect(match(packet, { ms: 332 })).toBe('no')
  expect(match(packet, { ms: 336 })).toBe('yes')
  expect(match(packet, { ms: 336 })).toBe('no')
})

test('limit is full at its first packet, and never more than full', () => {
  const match = limit({ rate: 1, per: 'hour', burst: 2 })
  expect(passed(Array.from({ length: 9 }, () => match(packet, { ms: 1e9 })))).toBe(2)
  expect(passed(Array.from({ length: 9 }, () => match(packet, { ms: 1e9 + 36_000_000 })))).toBe(2)
})

test("limit's credits are of 32 bits: after 37 hours of silence they wrap", () => {
  const match = limit({ rate: 1, per: 'second', burst: 1 })
  expect(match(packet)).toBe('yes')
  expect(match(packet, { ms: 2 ** 25 * 4 })).toBe('no')
  expect(match(packet, { ms: 2 ** 25 * 4 + 1000 })).toBe('yes')
})

test('hashlimit keeps a bucket for each source, up to the burst of the rule that made the table', () => {
  const context = contextOf()
  const match = hashlimit({ burst: 3 }, context)
  const above = hashlimit({ burst: 100, above: true }, context)
  for (const n of [1, 2]) expect(passed(Array.from({ length: 10 }, () => match(from(n))))).toBe(3)
  expect(above(from(1))).toBe('yes')
  expect(match(from(1), { ms: 996 })).toBe('no')
  expect(match(from(1), { ms: 1000 })).toBe('yes')
})

test('hashlimit masks, and takes ports together with addresses', () => {
  const masked = hashlimit({ burst: 1, srcmask: 24 })
  expect(masked(from(1))).toBe('yes')
  expect(masked(from(200))).toBe('no')
  expect(masked(from(256))).toBe('yes')

  const ports = hashlimit({ burst: 1, mode: ['srcip', 'dstport'] })
  expect(ports(segment('tcp', '10.0.0.7', '10.0.0.1', 80))).toBe('yes')
  expect(ports(segment('tcp', '10.0.0.7', '10.0.0.1', 81))).toBe('yes')
  expect(ports(segment('udp', '10.0.0.7', '10.0.0.1', 80))).toBe('no')
  const short = buildPacket({
    source: '10.0.0.7',
    destination: '10.0.0.1',
    protocol: 6,
    payload: new Uint8Array(3),
  })
  expect(ports(short)).toBe('hotdrop')
})

test('hashlimit drops what finds the table full, until expired buckets have been collected', () => {
  const match = hashlimit({ htableSize: 2, htableMax: 2, htableExpire: 100 })
  expect([1, 2, 3].map((n) => match(from(n)))).toEqual(['yes', 'yes', 'hotdrop'])
  expect(match(from(3), { ms: 996 })).toBe('hotdrop')
  expect(match(from(3), { ms: 1000 })).toBe('yes')
})

test('a bucket that is collected is full again', () => {
  const match = hashlimit({ rate: 1, per: 'minute', burst: 4, htableExpire: 500 })
  expect(passed(Array.from({ length: 9 }, () => match(packet)))).toBe(4)
  expect(match(packet, { ms: 996 })).toBe('no')
  expect(passed(Array.from({ length: 9 }, () => match(packet, { ms: 2000 })))).toBe(4)
})

test('hashlimit of bytes spends blocks of 16 and refills at once for as long as the burst lasts', () => {
  const match = hashlimit({ rate: 1000, bytes: true })
  expect(passed(Array.from({ length: 50 }, () => match(sized(100))))).toBe(9)
  const burst = hashlimit({ rate: 1000, bytes: true, burst: 2000 })
  expect(passed(Array.from({ length: 100 }, () => burst(sized(100))))).toBe(36)
})

test('rate-match counts in intervals, of which one that was too full closes the next', () => {
  const match = hashlimit({ rate: 3, burst: 2, rateMatch: true, htableExpire: 10_000 })
  expect(passed(Array.from({ length: 14 }, () => match(packet)))).toBe(5)
  expect(match(packet, { ms: 1000 })).toBe('no')
  expect(match(packet, { ms: 2000 })).toBe('yes')

  const bytes = hashlimit({ rate: 1000, bytes: true, burst: 2000, rateMatch: true })
  expect(passed(Array.from({ length: 50 }, () => bytes(sized(100))))).toBe(29)
})

test("an interval is that of the rate's unit unless the rule says another", () => {
  const minute = hashlimit({ rate: 3, per: 'minute', burst: 1, rateMatch: true })
  const second = hashlimit({ rate: 3, per: 'minute', burst: 1, rateMatch: true, rateInterval: 1 })
  const answers = [minute, second].map((match) => {
    for (let i = 0; i < 3; i++) match(packet)
    return passed(Array.from({ length: 4 }, () => match(packet, { ms: 2000 })))
  })
  expect(answers).toEqual([1, 4])
})

test('rules of one table cannot measure in different ways; tables of two families are two', () => {
  const context = contextOf()
  hashlimit({}, context)
  expect(() => hashlimit({ bytes: true, rate: 1000 }, context)).toThrow('hashlimit t')
  const other = matcher(
    { name: 'hashlimit', table: 't', above: false, rate: 1, per: 'second', mode: [], bytes: true },
    { family: 'ip6', context },
  )
  expect(other(segment('udp', 'fd00::1', 'fd00::2', 1))).toBe('yes')
})

test('quota ends for good with the first packet that is too big for it', () => {
  const match = matcher({ name: 'quota', bytes: 250n })
  expect([100, 100, 100, 20].map((length) => match(sized(length)))).toEqual(['yes', 'yes', 'no', 'no'])
})

test('statistic takes one packet of so many, or by chance', () => {
  const nth = matcher({ name: 'statistic', mode: 'nth', every: 3, packet: 1 })
  expect(Array.from({ length: 6 }, () => nth(packet))).toEqual(['no', 'yes', 'no', 'no', 'yes', 'no'])
  for (const [random, answer] of [
    [0x7fff_ffff, 'no'],
    [0xbfff_ffff, 'yes'],
    [0x4000_0000, 'no'],
  ] as const) {
    const context = contextOf({ random: () => random })
    expect(matcher({ name: 'statistic', mode: 'random', probability: 2 ** 30 }, { context })(packet)).toBe(
      answer,
    )
  }
})
