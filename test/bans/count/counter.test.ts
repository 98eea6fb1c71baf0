import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Counter } from '../../../src/bans/count/counter.js'

const SPEC = { maxRetry: 5, findTime: 600_000, counting: 'exact' } as const

/** Index of the failure, of one source at these seconds, that bans; -1 if none does. */
function bansAt(seconds: readonly number[], counting: 'exact' | 'fail2ban'): number {
  const counter = new Counter({ ...SPEC, counting })
  return seconds.findIndex((second) => counter.add('a', second * 1000, '') !== undefined)
}

describe('windows', () => {
  test.each([
    ['five within the time', [0, 100, 200, 300, 400], 4, 4],
    ['at its very end', [0, 1, 2, 3, 600], 4, 4],
    ['a moment later', [0, 1, 2, 3, 601], -1, 4],
    ['where an estimate bans, and no window holds more than two', [0, 0, 0, 590, 601], -1, 4],
    ['slowly', [0, 200, 400, 600, 800, 1000], -1, -1],
    ['out of order', [500, 100, 400, 200, 300], 4, 4],
    ['out of order, and too old', [700, 0, 701, 702, 703, 704], 5, 4],
  ])('%s', (_, seconds, exact, estimate) => {
    expect([bansAt(seconds, 'exact'), bansAt(seconds, 'fail2ban')]).toEqual([exact, estimate])
  })

  test('a ban is where, and only where, a window holds enough', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3000), { maxLength: 30 }), (gaps) => {
        let now = 0
        const times = gaps.map((gap) => (now += gap / 10))
        const counter = new Counter({ maxRetry: 3, findTime: 500_000, counting: 'exact' })
        let since = 0
        for (const [index, time] of times.entries()) {
          const within = times
            .slice(since, index + 1)
            .filter((other) => other * 1000 >= time * 1000 - 500_000)
          const reached = counter.add('a', time * 1000, '') !== undefined
          expect(reached).toBe(within.length >= 3)
          if (reached) since = index + 1
        }
      }),
    )
  })
})

describe('what is remembered', () => {
  test('the lines that banned', () => {
    const counter = new Counter(SPEC)
    for (let i = 0; i < 4; i++) counter.add('a', i, `line ${i}`)
    expect(counter.add('a', 4, 'x'.repeat(1000))).toEqual({
      failures: 5,
      lines: ['line 0', 'line 1', 'line 2', 'line 3', 'x'.repeat(256)],
    })
    expect(counter.size).toBe(0)
  })

  test('those who came once give way first, and never more than the bound are known', () => {
    const counter = new Counter({ ...SPEC, sources: 100 })
    for (let i = 0; i < 4; i++) counter.add('returned', i, '')
    for (let i = 0; i < 10_000; i++) counter.add(`once ${i}`, 10 + i, 'y'.repeat(300))
    expect(counter.size).toBe(51)
    expect(counter.displaced).toBe(10_000 - 50)
    expect(counter.add('returned', 11_000, '')?.failures).toBe(5)
  })

  test('who has been quiet for the time is forgotten', () => {
    const counter = new Counter(SPEC)
    for (let i = 0; i < 50; i++) counter.add(`${i}`, i, '')
    for (let i = 0; i < 50; i++) counter.add('b', 700_000, '')
    expect(counter.size).toBeLessThan(5)
  })
})
