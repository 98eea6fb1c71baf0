import { describe, expect, test } from 'vitest'
import type { Ban, BanSink } from '../../../src/bans/table/ban.js'
import { Expiry } from '../../../src/bans/table/expiry.js'
import { ownAddresses, Protected, sshSession } from '../../../src/bans/table/protected.js'
import { type BanRequest, BanTable, type BanTableOptions } from '../../../src/bans/table/table.js'
import { formatPrefix, type Prefix, parsePrefix } from '../../../src/packet/address.js'

const CLOSED = { ports: [], protocols: [] }
const GROWING = { multipliers: [], factor: 1, most: Number.POSITIVE_INFINITY, random: 0, allJails: false }

function request(source: string, more: Partial<BanRequest> = {}): BanRequest {
  return {
    source: parsePrefix(source)!,
    jail: 'j',
    since: 0,
    span: 1000,
    lines: ['why'],
    closed: CLOSED,
    ...more,
  }
}

/** A table, and what it told to whoever carries bans out. */
function table(options: Partial<BanTableOptions> = {}) {
  const told: string[] = []
  const say = (what: string) => (bans: readonly Ban[]) =>
    told.push(`${what} ${bans.map(({ source }) => formatPrefix(source)).join(' ')}`)
  const sink: BanSink = { ban: say('ban'), unban: say('unban') }
  return {
    told,
    bans: new BanTable({ protected: new Protected([]), sinks: [sink], random: () => 0.5, ...options }),
  }
}

describe('bans', () => {
  test('begin, are known, and end in their time; those of one call are told at once', () => {
    const { bans, told } = table()
    bans.ban([request('10.0.0.1'), request('2001:db8::/64', { span: 500 })], 0)
    expect(bans.get(parsePrefix('10.0.0.1')!, 'j')).toMatchObject({ until: 1000, times: 1, lines: ['why'] })
    expect(bans.nextEnd).toBe(500)
    expect(bans.expire(499)).toEqual([])
    bans.expire(500)
    bans.expire(1000)
    expect(bans.size).toBe(0)
    expect(told).toEqual(['ban 10.0.0.1 2001:db8::/64', 'unban 2001:db8::/64', 'unban 10.0.0.1'])
  })

  test('are made longer, never shorter', () => {
    const { bans, told } = table()
    bans.ban([request('10.0.0.1')], 0)
    bans.ban([request('10.0.0.1', { since: 100, span: 500 })], 100)
    bans.ban([request('10.0.0.1', { since: 500 })], 500)
    expect(bans.expire(1000)).toEqual([])
    expect(bans.list()).toMatchObject([{ since: 0, until: 1500, times: 1 }])
    expect(told).toEqual(['ban 10.0.0.1', 'ban 10.0.0.1'])
  })

  test('of different jails stand side by side, and are lifted together or apart', () => {
    const { bans } = table()
    for (const jail of ['a', 'b', 'c']) bans.ban([request('10.0.0.1', { jail })], 0)
    expect(bans.unban(parsePrefix('10.0.0.1'), 'a')).toHaveLength(1)
    expect(bans.unban(parsePrefix('10.0.0.1'))).toHaveLength(2)
    bans.ban([request('10.0.0.1'), request('10.0.0.2')], 0)
    expect(bans.unban()).toHaveLength(2)
    expect(bans.size).toBe(0)
  })

  test('that are over already do not begin; for good is for good', () => {
    const { bans } = table()
    bans.ban([request('10.0.0.1')], 1000)
    bans.ban([request('10.0.0.2', { span: Number.POSITIVE_INFINITY })], 1000)
    bans.expire(1e15)
    expect(bans.list().map(({ source }) => formatPrefix(source))).toEqual(['10.0.0.2'])
  })

  test('never reach those who are protected, nor a prefix with one of them in it', () => {
    const own = new Protected([parsePrefix('10.1.0.0/16')!, parsePrefix('2001:db8::7')!])
    const { bans } = table({ protected: own })
    bans.ban([request('10.1.2.3'), request('2001:db8::/64'), request('10.2.0.0'), request('0.0.0.0/0')], 0)
    bans.restore([{ ...bans.list()[0]!, source: parsePrefix('10.1.2.3')! }], 0)
    expect(bans.list().map(({ source }) => formatPrefix(source))).toEqual(['10.2.0.0'])
  })
})

describe('who comes again stays out longer', () => {
  /** Milliseconds of one ban behind the other. */
  function spans(more: Partial<typeof GROWING>, count = 5): number[] {
    const { bans } = table()
    return Array.from({ length: count }, (_, i) => {
      const since = i * 1e9
      bans.expire(since)
      const [ban] = bans.ban(
        [request('10.0.0.1', { since, increment: { ...GROWING, ...more } as never })],
        since,
      )
      return ban!.until - since
    })
  }

  test.each([
    ['doubled', {}, [1000, 2000, 4000, 8000, 16_000]],
    ['by a factor', { factor: 3 }, [3000, 6000, 12_000, 24_000, 48_000]],
    [
      'by multipliers, the last for all further ones',
      { multipliers: [1, 5, 30] as never[] },
      [1000, 5000, 30_000, 30_000, 30_000],
    ],
    ['up to a limit, and a random moment more', { most: 5000, random: 100 }, [1050, 2050, 4050, 5050, 5050]],
  ])('%s', (_, more, expected) => {
    expect(spans(more as Partial<typeof GROWING>)).toEqual(expected)
  })

  test('by what all jails together saw, if that is asked for', () => {
    const { bans } = table()
    for (const jail of ['a', 'b']) bans.ban([request('10.0.0.1', { jail })], 0)
    bans.expire(1e6)
    const ask = { since: 1e6, jail: 'c' }
    expect(bans.ban([request('10.0.0.1', { ...ask, increment: GROWING })], 1e6)[0]!.times).toBe(1)
    bans.expire(2e6)
    const [ban] = bans.ban(
      [request('10.0.0.1', { since: 2e6, jail: 'd', increment: { ...GROWING, allJails: true } })],
      2e6,
    )
    expect(ban!.times).toBe(4)
  })
})

test('the table never grows beyond its bound: who would leave soonest goes', () => {
  const { bans } = table({ most: 100 })
  bans.ban([request('10.9.9.9', { span: Number.POSITIVE_INFINITY })], 0)
  for (let i = 0; i < 1000; i++) bans.ban([request(`10.0.${i >> 8}.${i & 255}`, { span: 1000 + i })], 0)
  expect(bans.size).toBe(100)
  expect(bans.displaced).toBe(901)
  expect(bans.get(parsePrefix('10.9.9.9')!, 'j')).toBeDefined()
  expect(bans.get(parsePrefix('10.0.3.231')!, 'j')).toBeDefined()
})

test('what ends is taken in its order', () => {
  const expiry = new Expiry<number>()
  const times = Array.from({ length: 500 }, (_, i) => (i * 7919) % 503)
  for (const time of times) expiry.add(time, time)
  const taken = times.map(() => expiry.take())
  expect(taken).toEqual(times.toSorted((a, b) => a - b))
  expect([expiry.take(), expiry.next]).toEqual([undefined, Number.POSITIVE_INFINITY])
})

test('the machine, and whoever is at it by SSH, are protected', () => {
  const has = (prefixes: readonly Prefix[], text: string) => new Protected(prefixes).has(parsePrefix(text)!)
  expect(has(ownAddresses(), '127.0.0.53')).toBe(true)
  expect(has(sshSession({ SSH_CONNECTION: '203.0.113.9 50000 10.0.0.1 22' }), '203.0.113.9')).toBe(true)
  expect(sshSession({})).toEqual([])
})
