import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ReferenceWindow } from '../../src/engine/reference/window.js'
import { Window } from '../../src/engine/state/window.js'
import { Packet } from '../../src/packet/packet.js'
import type { Window as WindowSpec } from '../../src/ruleset/model.js'
import { segment } from '../support/packets.js'

const SPEC: WindowSpec = {
  name: 'w',
  rate: 20,
  per: 60_000,
  strict: false,
  size: 1024,
  prefix4: 32,
  prefix6: 64,
}

/** Asks a window about a new connection of a source at a time in milliseconds. */
function asker(window: { admit(packet: Packet): boolean }) {
  const packet = new Packet()
  return (source: string, milliseconds: number) => {
    const bytes = segment('tcp', source, source.includes(':') ? 'fd00::50' : '10.0.0.50', 11434)
    packet.attach(bytes)
    packet.parse(0, bytes.length)
    packet.time[0] = milliseconds * 1e6
    return window.admit(packet)
  }
}

const times = <T>(count: number, action: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => action(i))

describe('the window of the chapter: 20 in 60 seconds', () => {
  test('20 pass, the 21st does not, and one more passes when the first is 60 s old', () => {
    const ask = asker(new Window(SPEC, [1, 2]))
    expect(times(20, (i) => ask('10.0.0.7', i * 1000))).toEqual(Array(20).fill(true))
    expect(ask('10.0.0.7', 20_000)).toBe(false)
    expect(ask('10.0.0.7', 59_999)).toBe(false)
    expect(ask('10.0.0.7', 60_000)).toBe(true)
    expect(ask('10.0.0.7', 60_000)).toBe(false)
    expect(ask('10.0.0.7', 60_999)).toBe(false)
    expect(ask('10.0.0.7', 61_000)).toBe(true)
  })

  test('refused attempts do not count', () => {
    const ask = asker(new Window(SPEC, [1, 2]))
    times(20, () => ask('10.0.0.7', 0))
    expect(times(1000, (i) => ask('10.0.0.7', i * 59))).toEqual(Array(1000).fill(false))
    expect(times(21, () => ask('10.0.0.7', 60_000))).toEqual([...Array(20).fill(true), false])
  })

  test('strict: they do, so that a source that goes on trying stays out', () => {
    const ask = asker(new Window({ ...SPEC, strict: true }, [1, 2]))
    times(20, () => ask('10.0.0.7', 0))
    // One attempt every 2.9 seconds: 20 others in the minute before each.
    expect(times(100, (i) => ask('10.0.0.7', 2900 * (i + 1)))).toEqual(Array(100).fill(false))
    expect(ask('10.0.0.7', 400_000)).toBe(true)
  })

  test('sources do not share, and IPv6 addresses of one /64 do', () => {
    const ask = asker(new Window(SPEC, [1, 2]))
    times(20, (i) => ask(`fd00:0:0:7::${i + 1}`, 0))
    expect(ask('fd00:0:0:7::ffff', 0)).toBe(false)
    expect(ask('fd00:0:0:8::1', 0)).toBe(true)
    expect(ask('10.0.0.7', 0)).toBe(true)
  })

  test('prefixes of the policy make the source', () => {
    const ask = asker(new Window({ ...SPEC, rate: 1, prefix4: 24, prefix6: 33 }, [1, 2]))
    expect(ask('10.0.0.7', 0)).toBe(true)
    expect(ask('10.0.0.8', 0)).toBe(false)
    expect(ask('10.0.1.8', 0)).toBe(true)
    expect(ask('fd00:0:7fff::1', 0)).toBe(true)
    expect(ask('fd00:0:0::1', 0)).toBe(false)
    expect(ask('fd00:0:8000::1', 0)).toBe(true)
  })

  test('a clock that steps back frees nobody', () => {
    const ask = asker(new Window(SPEC, [1, 2]))
    times(20, () => ask('10.0.0.7', 1_000_000))
    expect(ask('10.0.0.7', 0)).toBe(false)
    expect(ask('10.0.0.7', 1_059_999)).toBe(false)
    expect(ask('10.0.0.7', 1_060_000)).toBe(true)
  })
})

describe('the table of sources', () => {
  const spoofed = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`

  test('a flood of spoofed sources does not push out an address at its limit, or one that came back', () => {
    const window = new Window({ ...SPEC, size: 256 }, [1, 2])
    const ask = asker(window)
    times(20, () => ask('192.0.2.1', 0))
    times(5, () => ask('192.0.2.2', 0))
    times(100_000, (i) => ask(spoofed(i), 1 + i / 10_000))
    expect(window.sources).toBe(256)
    expect(ask('192.0.2.1', 12)).toBe(false)
    expect(times(16, () => ask('192.0.2.2', 12)).filter(Boolean)).toHaveLength(15)
  })

  test('nor does a flood in which each source comes twice, if it is at its limit', () => {
    const ask = asker(new Window({ ...SPEC, size: 256 }, [1, 2]))
    times(20, () => ask('192.0.2.1', 0))
    times(50_000, (i) => ask(spoofed(i >> 1), 1 + i / 10_000))
    expect(ask('192.0.2.1', 12)).toBe(false)
  })

  test('when all are at their limits a new source is refused, until one is free', () => {
    const window = new Window({ ...SPEC, size: 64, rate: 2 }, [1, 2])
    const ask = asker(window)
    for (let i = 0; i < 64; i++) times(2, () => ask(spoofed(i), 0))
    expect(ask('192.0.2.1', 1)).toBe(false)
    expect(window.crowded).toBe(1)
    expect(ask('192.0.2.1', 60_000)).toBe(true)
  })

  test('sources whose time is over give way to new ones that come back', () => {
    const ask = asker(new Window({ ...SPEC, size: 64, rate: 2 }, [1, 2]))
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 64; i++) {
        const source = spoofed(round * 64 + i)
        expect(times(3, () => ask(source, round * 130_000))).toEqual([true, true, false])
      }
    }
  })
})

test('agrees with every time of every source remembered for ever', () => {
  const event = fc.record({
    source: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.1', 'fd00::1', 'fd00::2', 'fd00:0:0:1::1'),
    pause: fc.constantFrom(0, 1, 5, 9, 10, 11, 100),
  })
  const spec = fc.record({
    name: fc.constant('w'),
    rate: fc.integer({ min: 1, max: 5 }),
    per: fc.constantFrom(1, 10, 20),
    strict: fc.boolean(),
    size: fc.constantFrom(8, 16),
    prefix4: fc.integer({ min: 0, max: 32 }),
    prefix6: fc.integer({ min: 0, max: 128 }),
  })
  fc.assert(
    fc.property(spec, fc.array(event, { maxLength: 200 }), (spec, events) => {
      const asks = [asker(new Window(spec, [3, 4])), asker(new ReferenceWindow(spec))]
      let now = 0
      for (const { source, pause } of events) {
        now += pause
        const [typed, plain] = asks.map((ask) => ask(source, now))
        expect(typed).toBe(plain)
      }
    }),
    { numRuns: 500 },
  )
})
