import { describe, expect, test } from 'vitest'
import { jhash } from '../../../src/engine/reference/generators.js'
import { segment } from '../../support/packets.js'
import { rules } from '../../support/reference.js'

/** 28 bytes. */
const udp = segment('udp', '10.0.0.7', '10.0.0.1', 9)
const other = segment('udp', '10.0.0.7', '10.0.0.1', 10)

/** How many of the packets at these milliseconds a rule lets through, as ones and noughts. */
function passed(rule: string, times: readonly number[], head = ''): string {
  const { ask } = rules(`${rule} accept`, { head })
  return times.map((at) => (ask(udp, { at }).verdict === 'accept' ? '1' : '0')).join('')
}

const at0 = (count: number) => Array<number>(count).fill(0)

describe('limits', () => {
  test.each([
    // A packet's bucket is the burst, five if it is not said.
    ['limit rate 1/hour', at0(7), '1111100'],
    ['limit rate 1/hour burst 2 packets', at0(4), '1100'],
    ['limit rate over 1/hour burst 2 packets', at0(4), '0011'],
    // The bucket of bytes is the rate and the burst.
    ['limit rate 56 bytes/hour', at0(4), '1100'],
    ['limit rate 10 bytes/hour burst 100 bytes', at0(5), '11100'],
    ['limit rate 1 kbytes/hour', at0(38), `${'1'.repeat(36)}00`],
    // One packet each half second.
    ['limit rate 2/second burst 1 packets', [0, 499, 500, 999, 1000, 9000, 9000], '1010110'],
    ['limit rate 56 bytes/second', [0, 0, 0, 499, 500, 1000], '110011'],
    ['limit rate 1/second burst 1 packets', [0, 500, 400, 300, 999, 1000], '100001'],
  ])('%s', (rule, times, expected) => {
    expect(passed(rule, times)).toBe(expected)
  })

  test('pay when they are reached, whatever follows', () => {
    const { ask } = rules('limit rate 1/hour burst 2 packets udp dport 9 accept')
    expect([other, udp, udp].map((bytes) => ask(bytes).verdict)).toEqual(['drop', 'accept', 'drop'])
  })

  test('with the same words are two, with the same name one', () => {
    const two = rules(
      'limit rate 1/hour burst 1 packets meta mark set 1\nlimit rate 1/hour burst 1 packets accept',
    )
    expect([two.ask(udp).verdict, two.ask(udp).verdict]).toEqual(['accept', 'drop'])
    const one = rules('limit name "l" meta mark set 1\nlimit name "l" accept', {
      head: 'limit l { rate 1/hour burst 1 packets }',
    })
    expect(one.ask(udp)).toMatchObject({ verdict: 'drop', packet: { mark: 1 } })
  })
})

describe('quotas and counters', () => {
  test.each([
    ['quota 56 bytes', '1100'],
    ['quota 57 bytes', '1100'],
    ['quota over 56 bytes', '0011'],
    ['quota 84 bytes used 28 bytes', '1100'],
  ])('%s', (rule, expected) => {
    expect(passed(rule, at0(4))).toBe(expected)
  })

  test('a counter begins where it says, and counts what reaches it', () => {
    const { ask, engine, ruleset } = rules('counter packets 3 bytes 50 udp dport 9 counter accept')
    ask(udp)
    ask(other)
    const [rule] = ruleset.tables[0]!.chains[0]!.rules
    expect(engine.countersOf(rule!)).toMatchObject([
      { packets: 5n, bytes: 106n },
      { packets: 1n, bytes: 28n },
    ])
  })
})

describe('windows', () => {
  test('refuse by ending the rule', () => {
    expect(
      passed(
        'window name "w"',
        [0, 0, 0, 1000],
        'window w { rate 2 per 1s; source ip saddr/32, ip6 saddr/64; size 8; }',
      ),
    ).toBe('1101')
  })
})

describe('numbers', () => {
  test('inc counts from the offset on, and each expression for itself', () => {
    const { ask } = rules('numgen inc mod 3 offset 4 5 meta mark set numgen inc mod 2 offset 8 accept')
    const marks = Array.from({ length: 7 }, () => ask(udp)).map(({ verdict, packet }) =>
      verdict === 'accept' ? packet.mark : -1,
    )
    expect(marks).toEqual([-1, 8, -1, -1, 9, -1, -1])
  })

  test('random spreads 32 bits over the modulus', () => {
    const of = (random: number) =>
      rules('meta mark set numgen random mod 10 offset 5 accept', {}, { random: () => random }).ask(udp)
        .packet.mark
    expect([of(0), of(0x19999999), of(0x1999999a), of(0xffffffff)]).toEqual([5, 5, 6, 14])
    expect(rules('meta random 7 accept', {}, { random: () => 7 }).ask(udp).verdict).toBe('accept')
  })

  /** The numbers that Linux 6.18 gave for the same packet. */
  test('hashes are the kernel’s', () => {
    const mark = (hash: string, told = {}) =>
      rules(`meta mark set jhash ${hash} accept`).ask(udp, told).packet.mark >>> 0
    expect(mark('ip saddr mod 4294967295 seed 0x7')).toBe(HASHES[0])
    expect(mark('ip saddr . udp dport mod 4294967295 seed 0x7')).toBe(HASHES[1])
    expect(mark('meta mark mod 4294967295 seed 0x7', { mark: 0x01020304 })).toBe(HASHES[2])
    expect(mark('iifname mod 4294967295 seed 0x7', { iif: 2 })).toBe(HASHES[3])
    expect(mark('ip saddr . ip daddr . udp dport . meta mark mod 4294967295 seed 0x7', { mark: 5 })).toBe(
      HASHES[4],
    )
  })

  test('no bytes hash to the seed and the beginning', () => {
    expect(jhash(new Uint8Array(0), 1)).toBe(0xdeadbef0)
  })
})

const HASHES = [0xc6ba6447, 0x57fff6a5, 0x90f53f02, 0x9c3b7769, 0x206ba48f]
