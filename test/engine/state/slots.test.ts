import { describe, expect, test } from 'vitest'
import { Outcome } from '../../../src/engine/environment.js'
import { CounterSlots } from '../../../src/engine/state/counter.js'
import { LimitSlots } from '../../../src/engine/state/limit.js'
import { QuotaSlots } from '../../../src/engine/state/quota.js'
import type { LimitSpec } from '../../../src/ruleset/model.js'
import { packetOf } from '../../support/packets.js'

const SECOND = 1e9
const packet = packetOf({
  source: '10.0.0.7',
  destination: '10.0.0.50',
  protocol: 17,
  payload: new Uint8Array(8),
})

/** Which of some packets of 28 bytes pass; times in nanoseconds. */
function passing(
  spec: Partial<LimitSpec> & Pick<LimitSpec, 'rate' | 'per'>,
  times: readonly number[],
): string {
  const limit = new LimitSlots({ burst: 5, over: false, ...spec })
  return times
    .map((time) => {
      packet.time[0] = time
      return limit.run(0, packet) === Outcome.continue ? '+' : '-'
    })
    .join('')
}

const at = (count: number, time = 0) => Array<number>(count).fill(time)

describe('a limit is a bucket of time', () => {
  test('that is full at first and holds the burst', () => {
    expect(passing({ rate: 10, per: 'second' }, at(7))).toBe('+++++--')
    expect(passing({ rate: 10, per: 'second', burst: 2 }, at(4))).toBe('++--')
    expect(passing({ rate: 10, per: 'second', burst: 0 }, at(7))).toBe('+++++--')
  })

  test('that fills to the nanosecond', () => {
    const after = (time: number) => passing({ rate: 10, per: 'second', burst: 1 }, [0, time])
    expect(after(SECOND / 10 - 1)).toBe('+-')
    expect(after(SECOND / 10)).toBe('++')
  })

  test('that keeps what is left of a cost', () => {
    const times = [0, 60e6, 120e6, 180e6, 200e6]
    expect(passing({ rate: 10, per: 'second', burst: 2 }, times)).toBe('+++-+')
    expect(passing({ rate: 10, per: 'second', burst: 1 }, times)).toBe('+-+--')
  })

  test('of bytes it holds the rate and the burst', () => {
    const bytes = { rateUnit: 'bytes', burst: 0 } as const
    expect(passing({ ...bytes, rate: 56, per: 'hour' }, at(3))).toBe('++-')
    expect(passing({ ...bytes, rate: 55, per: 'hour' }, at(3))).toBe('+--')
    expect(passing({ ...bytes, rate: 28, per: 'week', burst: 28, burstUnit: 'bytes' }, at(3))).toBe('++-')
    expect(passing({ ...bytes, rate: 28, per: 'second' }, [0, SECOND - 1, SECOND])).toBe('+-+')
  })

  test('above which `over` matches, and takes no less', () => {
    expect(passing({ rate: 1, per: 'minute', burst: 2, over: true }, at(4))).toBe('--++')
  })

  test('in each slot its own, also in those that are added', () => {
    const limit = new LimitSlots({ rate: 1, per: 'day', burst: 1, over: false })
    packet.time[0] = 0
    expect(limit.run(0, packet)).toBe(Outcome.continue)
    limit.grow(3)
    limit.reset(2)
    expect([limit.run(0, packet), limit.run(2, packet), limit.run(2, packet)]).toEqual([0, 1, 0])
  })
})

test('a quota is over when more than it is used', () => {
  const used = (amount: number, over: boolean) => {
    const quota = new QuotaSlots({ amount, unit: 'bytes', over })
    return Array.from({ length: 4 }, () => (quota.run(0, packet) === Outcome.continue ? '+' : '-')).join('')
  }
  expect(used(56, false)).toBe('++--')
  expect(used(55, false)).toBe('+---')
  expect(used(56, true)).toBe('--++')
})

test('quotas and counters start where they are told', () => {
  const quota = new QuotaSlots({ amount: 1, unit: 'kbytes', over: false, used: 1000, usedUnit: 'bytes' })
  expect([quota.run(0, packet), quota.usedOf(0), quota.run(0, packet)]).toEqual([
    Outcome.break,
    1028,
    Outcome.break,
  ])
  const counter = new CounterSlots({ packets: 3n, bytes: 100n })
  counter.run(0, packet)
  expect([...counter.counts]).toEqual([4, 128])
})
