import { describe, expect, test } from 'vitest'
import { segment } from '../../support/packets.js'
import { rules } from '../../support/reference.js'

const udp = segment('udp', '10.0.0.7', '10.0.0.1', 9)

/** Whether a rule matches at a time of a zone. */
function matches(match: string, time: string, timeZone = 'UTC', at = 0): boolean {
  const clock = { origin: BigInt(Date.parse(time)) * 1_000_000n, timeZone }
  return rules(`${match} accept`, {}, { clock }).ask(udp, { at }).verdict === 'accept'
}

describe('the time of day, as clocks on the wall show it', () => {
  test.each([
    ['meta hour "17:00"-"18:00"', '2026-11-22T17:30:00Z', 'UTC', true],
    ['meta hour "17:00"-"18:00"', '2026-11-22T17:30:00Z', 'Europe/Berlin', false],
    ['meta hour "18:00"-"19:00"', '2026-11-22T17:30:00Z', 'Europe/Berlin', true],
    ['meta hour "18:00"-"19:00"', '2026-07-22T17:30:00Z', 'Europe/Berlin', false],
    ['meta hour "22:00"-"06:00"', '2026-11-22T23:00:00Z', 'UTC', true],
    ['meta hour "22:00"-"06:00"', '2026-11-22T05:59:59Z', 'UTC', true],
    ['meta hour "22:00"-"06:00"', '2026-11-22T12:00:00Z', 'UTC', false],
    ['meta hour < "12:00"', '2026-11-22T12:00:00Z', 'America/New_York', true],
    ['meta day "Sunday"', '2026-11-22T12:00:00Z', 'UTC', true],
    ['meta day "Monday"', '2026-11-22T12:00:00Z', 'Pacific/Auckland', true],
    ['meta time >= "2026-11-22 12:00:00"', '2026-11-22T12:00:00Z', 'UTC', true],
    ['meta time >= "2026-11-22 12:00:00"', '2026-11-22T12:00:00Z', 'Asia/Tokyo', true],
    ['meta time >= "2026-11-22 21:00:01"', '2026-11-22T12:00:00Z', 'Asia/Tokyo', false],
  ])('%s at %s in %s', (match, time, zone, expected) => {
    expect(matches(match, time, zone)).toBe(expected)
  })

  test('goes on with the packets', () => {
    expect(matches('meta hour "12:00"', '2026-11-22T11:59:00Z', 'UTC', 59_000)).toBe(false)
    expect(matches('meta hour "12:00"', '2026-11-22T11:59:00Z', 'UTC', 60_000)).toBe(true)
  })
})

test('the types of addresses are the host’s', () => {
  const host = {
    addressType: (_: unknown, which: string, index: number) => (which === 'source' ? 1 : 2) + index,
  }
  const { ask } = rules(
    'fib saddr type unicast fib daddr type local fib daddr . iif type broadcast accept',
    {},
    { host },
  )
  expect(ask(udp, { iif: 1 }).verdict).toBe('accept')
  expect(ask(udp, { iif: 2 }).verdict).toBe('drop')
})

test('the owner of a socket, where there is one', () => {
  const { ask } = rules('meta skuid 0 meta skgid 7 accept')
  expect(ask(udp, { uid: 0, gid: 7 }).verdict).toBe('accept')
  expect(ask(udp).verdict).toBe('drop')
})
