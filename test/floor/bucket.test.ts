import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compile } from '../../src/engine/compile/compile.js'
import { Engine, Verdict } from '../../src/engine/judge.js'
import { Window } from '../../src/engine/state/window.js'
import { bucketOf } from '../../src/floor/bucket.js'
import { floorOf } from '../../src/floor/floor.js'
import { Hook, type Packet } from '../../src/packet/packet.js'
import type { Ruleset, Window as WindowSpec } from '../../src/ruleset/model.js'
import { environment } from '../support/environment.js'
import { packetOf, segment } from '../support/packets.js'

const spec = (rate: number, per: number, strict = false): WindowSpec => ({
  name: 'w',
  rate,
  per,
  strict,
  size: 64,
  prefix4: 32,
  prefix6: 64,
})

const limited = (window: WindowSpec): Ruleset => ({
  tables: [
    {
      family: 'inet',
      name: 't',
      sets: [],
      windows: [window],
      chains: [
        {
          name: 'in',
          base: { type: 'filter', hook: 'input', priority: 0, policy: 'drop' },
          rules: [{ statements: [{ kind: 'window', name: 'w' }, { kind: 'accept' }] }],
        },
      ],
    },
  ],
})

const SOURCES = ['10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00:0:0:1::1'].map((source) => {
  const packet = packetOf(segment('tcp', source, source.includes(':') ? 'fd00::9' : '10.0.0.9', 80))
  packet.hook = Hook.input
  return packet
})

const windows = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.constantFrom(10, 1000, 7000, 60_000, 3_600_000), fc.boolean())
  .map(([rate, per, strict]) => spec(rate, per, strict))
/** Pauses are shares of the span, so that a source comes back as it ends. */
const comings = fc.array(
  fc.record({
    of: fc.nat(SOURCES.length - 1),
    share: fc.constantFrom(0, 0, 0.001, 0.05, 0.1, 0.25, 0.5, 0.999, 1, 1.5),
    more: fc.constantFrom(0, 0, 1, 4_000_000, 1_004_000_000),
  }),
  { minLength: 20, maxLength: 150 },
)

/** What a rule with the window's bucket says, and what the window says of all that came and of what went through. */
function compare(window: WindowSpec, all: readonly { of: number; share: number; more: number }[]) {
  const engine = new Engine(compile(floorOf(limited(window)).ruleset), environment())
  const ofAll = new Window(window, [1, 2])
  const ofAccepted = new Window(window, [1, 2])
  let now = 1e9
  return all.map(({ of, share, more }) => {
    now += Math.floor(share * window.per * 1e6) + more
    const packet: Packet = SOURCES[of]!
    packet.time[0] = now
    const accepted = engine.judge(packet) === Verdict.accept
    return { accepted, all: ofAll.admit(packet), accepting: accepted && ofAccepted.admit(packet) }
  })
}

test('what a bucket lets through, its window would: never more in any span', () => {
  fc.assert(
    fc.property(windows, comings, (window, all) => {
      for (const { accepted, accepting } of compare(window, all)) if (accepted) expect(accepting).toBe(true)
    }),
    { numRuns: 400, seed: 20261123 },
  )
}, 60_000)

test('where refused packets count, it lets nothing through that the window would not of all that came', () => {
  fc.assert(
    fc.property(windows, comings, (window, all) => {
      for (const { accepted, all: admitted } of compare({ ...window, strict: true }, all))
        if (accepted) expect(admitted).toBe(true)
    }),
    { numRuns: 400, seed: 20261123 },
  )
}, 60_000)

test('a bucket is near to its window', () => {
  const limit = (rate: number, per: number, strict = false) => bucketOf(spec(rate, per, strict))?.limit
  expect(limit(20, 60_000)).toMatchObject({ rate: 10, per: 'minute', burst: 11 })
  expect(limit(1, 60_000)).toMatchObject({ rate: 1, per: 'minute', burst: 1 })
  expect(limit(5, 10_000)).toMatchObject({ rate: 12, per: 'minute', burst: 4 })
  expect(limit(100_000, 1000)).toMatchObject({ rate: 50_000, per: 'second', burst: 50_001 })
  expect(limit(20, 60_000, true)).toMatchObject({ rate: 1, per: 'week', burst: 20 })
})

test('a window that no rate of the kernel keeps to has no bucket', () => {
  const month = 30 * 86_400_000
  expect(bucketOf(spec(1, month))).toBeUndefined()
  expect(bucketOf(spec(100, month))).toBeDefined()
})

test('a bucket holds no more than the kernel can count', () => {
  const { limit } = bucketOf(spec(100_000, 60_000, true))!
  expect(604_800n * 10n ** 9n * BigInt(limit.rate + limit.burst)).toBeLessThan(2n ** 63n)
})
