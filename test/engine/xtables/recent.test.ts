import { expect, test } from 'vitest'
import { segment } from '../../support/packets.js'
import { type Answer, contextOf, matcher } from '../../support/xtables-run.js'

const source = (n: number) => segment('tcp', `10.0.${n >> 8}.${n & 255}`, '10.9.0.1', 11434)

/** `--set`, then `--update --seconds 60 --hitcount 20 -j DROP`: whether the nth source's packet is dropped. */
function guard(context = contextOf()): (n: number, ms: number) => 'pass' | 'drop' {
  const shared = { name: 'recent', list: 'GUARD', side: 'source' } as const
  const set = matcher({ ...shared, operation: 'set' }, { context })
  const update = matcher({ ...shared, operation: 'update', seconds: 60, hitcount: 20 }, { context })
  return (n, ms) => {
    expect(set(source(n), { ms })).toBe('yes')
    return update(source(n), { ms }) === 'yes' ? 'drop' : 'pass'
  }
}

test('the pair of set and update lets 19 new connections a minute through and drops the 20th', () => {
  const judge = guard()
  const verdicts = Array.from({ length: 40 }, (_, i) => judge(1, i * 100))
  expect(verdicts).toEqual([...Array(19).fill('pass'), ...Array(21).fill('drop')])
})

test('a stamp of exactly the seconds asked for still counts; one tick more and it does not', () => {
  const judge = guard()
  for (let i = 0; i < 19; i++) expect(judge(1, 0)).toBe('pass')
  expect(judge(1, 60_000)).toBe('drop')

  const later = guard()
  for (let i = 0; i < 19; i++) expect(later(1, 0)).toBe('pass')
  expect(later(1, 60_004)).toBe('pass')
})

test('each drop stamps twice: ten attempts in a minute keep a source out, nine do not', () => {
  const stays = guard()
  for (let i = 0; i < 20; i++) stays(1, 0)
  for (let i = 1; i <= 100; i++) expect(stays(1, i * 5_800)).toBe('drop')

  const returns = guard()
  for (let i = 0; i < 20; i++) returns(1, 0)
  const verdicts = Array.from({ length: 10 }, (_, i) => returns(1, (i + 1) * 6_400))
  expect(verdicts).toEqual([...Array(9).fill('drop'), 'pass'])
})

test('the list holds a hundred sources: the hundredth other one lets a blocked source in again', () => {
  const judge = guard()
  for (let i = 0; i < 20; i++) judge(1, 0)
  for (let n = 2; n <= 100; n++) judge(n, 10)
  expect(judge(1, 20)).toBe('drop')

  const evicted = guard()
  for (let i = 0; i < 20; i++) evicted(1, 0)
  for (let n = 2; n <= 101; n++) evicted(n, 10)
  const verdicts = Array.from({ length: 20 }, () => evicted(1, 20))
  expect(verdicts).toEqual([...Array(19).fill('pass'), 'drop'])
})

test('an attempt between others keeps the place of a blocked source', () => {
  const judge = guard()
  for (let i = 0; i < 20; i++) judge(1, 0)
  for (let n = 2; n < 500; n++) {
    judge(n, n)
    if (n % 50 === 0) expect(judge(1, n)).toBe('drop')
  }
})

test('rcheck looks without a trace, remove takes away, and an inverted match asks the opposite', () => {
  const context = contextOf()
  const of = { name: 'recent', list: 'l', side: 'source' } as const
  const set = matcher({ ...of, operation: 'set' }, { context })
  const rcheck = matcher({ ...of, operation: 'rcheck', seconds: 1 }, { context })
  const absent = matcher({ ...of, operation: 'rcheck', invert: true }, { context })
  const remove = matcher({ ...of, operation: 'remove' }, { context })
  const list = context.recentList({ ...of, operation: 'rcheck' }, 32)

  expect(rcheck(source(1))).toBe('no')
  expect(absent(source(1))).toBe('yes')
  expect(remove(source(1))).toBe('no')
  expect(list.size).toBe(0)
  set(source(1))
  expect(rcheck(source(1), { ms: 500 })).toBe('yes')
  expect(rcheck(source(1), { ms: 1004 })).toBe('no')
  expect(absent(source(1))).toBe('no')
  expect(remove(source(1))).toBe('yes')
  expect(list.size).toBe(0)
})

test('the mask of the rule that made a list is that of all its rules', () => {
  const context = contextOf()
  const of = { name: 'recent', list: 'l', side: 'source' } as const
  const set = matcher({ ...of, operation: 'set', mask: 0xffffff00n }, { context })
  const rcheck = matcher({ ...of, operation: 'rcheck', mask: 0xffffffffn }, { context })
  set(source(1))
  expect([source(200), source(256)].map((each) => rcheck(each))).toEqual(['yes', 'no'])
})

test('families share a list but not its entries', () => {
  const context = contextOf()
  const of = { name: 'recent', list: 'l', side: 'source' } as const
  matcher({ ...of, operation: 'set' }, { context })(segment('udp', '0.0.0.1', '10.0.0.1', 1))
  const rcheck = matcher({ ...of, operation: 'rcheck' }, { family: 'ip6', context })
  expect(rcheck(segment('udp', '::1', '::2', 1))).toBe('no')
})

test('rttl asks for the TTL of the last writing, as it was before forwarding', () => {
  const context = contextOf()
  const of = { name: 'recent', list: 'l', side: 'source' } as const
  const set = matcher({ ...of, operation: 'set' }, { context })
  const rcheck = matcher({ ...of, operation: 'rcheck', rttl: true }, { context })
  const withTtl = (ttl: number) => {
    const bytes = source(1)
    bytes[8] = ttl
    return bytes
  }
  set(withTtl(64))
  expect(rcheck(withTtl(64))).toBe('yes')
  expect(rcheck(withTtl(63))).toBe('no')
  expect(rcheck(withTtl(63), { hook: 'forward' })).toBe('yes')
  // 255 is 0 after one more, and 0 asks for any.
  expect(rcheck(withTtl(255), { hook: 'forward' })).toBe('yes')
})

test('reap removes the entry written to longest ago if it is too old, be it the one looked up', () => {
  const context = contextOf()
  const of = { name: 'recent', list: 'l', side: 'source' } as const
  const set = matcher({ ...of, operation: 'set' }, { context })
  const rcheck = matcher({ ...of, operation: 'rcheck', seconds: 1, reap: true }, { context })
  const list = context.recentList({ ...of, operation: 'rcheck' }, 32)
  for (let n = 1; n <= 3; n++) set(source(n), { ms: n })
  // Nobody is reaped for a source that is not there.
  expect(rcheck(source(9), { ms: 5000 })).toBe('no')
  expect(list.size).toBe(3)
  expect(rcheck(source(3), { ms: 5000 })).toBe('no')
  expect(list.size).toBe(2)
  expect(rcheck(source(2), { ms: 5000 })).toBe('no')
  expect(list.size).toBe(1)
})

test('a rule that wants a larger ring empties the list; rings are powers of two', () => {
  const context = contextOf()
  const of = { name: 'recent', list: 'l', side: 'source' } as const
  const set = matcher({ ...of, operation: 'set' }, { context })
  set(source(1))
  const reached = matcher({ ...of, operation: 'rcheck', hitcount: 33 }, { context })
  expect(context.recentList({ ...of, operation: 'rcheck' }, 32).size).toBe(0)
  const answers: Answer[] = []
  for (let i = 1; i <= 70; i++) {
    set(source(1), { ms: i * 4 })
    answers.push(reached(source(1), { ms: i * 4 }))
  }
  expect(answers).toEqual([...Array(32).fill('no'), ...Array(38).fill('yes')])
})

test('a hitcount of 65535 is reached, though the ring has a place more than is counted', () => {
  const context = contextOf()
  const of = { name: 'recent', list: 'l', side: 'source' } as const
  const set = matcher({ ...of, operation: 'set' }, { context })
  const reached = matcher({ ...of, operation: 'rcheck', hitcount: 65535 }, { context })
  const bytes = source(1)
  for (let i = 0; i < 65534; i++) set(bytes)
  expect(reached(bytes)).toBe('no')
  set(bytes)
  expect(reached(bytes)).toBe('yes')
  set(bytes)
  expect(reached(bytes)).toBe('yes')
})
