import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FULL, IntervalSet, OVERLAP } from '../../../src/engine/state/sets/intervals.js'
import { widthOf, writeWords } from '../../../src/engine/state/sets/words.js'

/** A set as it is told of: a list of intervals by their ids. */
class PlainSet {
  readonly intervals = new Map<number, readonly [bigint, bigint]>()

  find(value: bigint): number {
    for (const [id, [low, high]] of this.intervals) if (low <= value && value <= high) return id
    return -1
  }

  overlaps(low: bigint, high: bigint): boolean {
    return [...this.intervals.values()].some(([from, to]) => low <= to && from <= high)
  }
}

function finder(set: IntervalSet): (value: bigint) => number {
  const width = widthOf(set.bits)
  const words = new Int32Array(width + 1)
  return (value) => {
    writeWords(value, width, words, 1)
    return set.find(words, 1)
  }
}

/** Values around the ends of intervals and in between, and anywhere. */
function probes(plain: PlainSet, bits: number, others: readonly bigint[]): bigint[] {
  const last = (1n << BigInt(bits)) - 1n
  const ends = [...plain.intervals.values()].flatMap(([low, high]) => [
    low - 1n,
    low,
    (low + high) / 2n,
    high,
    high + 1n,
  ])
  return [...ends, ...others, 0n, last].filter((value) => value >= 0n && value <= last)
}

/** Values that have long beginnings in common, so that nodes skip and nest. */
function value(bits: number): fc.Arbitrary<bigint> {
  const any = fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n })
  const near = fc
    .tuple(fc.constantFrom(0n, 1n, 5n), fc.nat(200), fc.nat(bits))
    .map(
      ([start, step, shift]) =>
        ((start << BigInt(bits - 3)) + (BigInt(step) << BigInt(shift))) % (1n << BigInt(bits)),
    )
  return fc.oneof(any, near, near)
}

function interval(bits: number): fc.Arbitrary<readonly [bigint, bigint]> {
  const range = fc
    .tuple(value(bits), value(bits))
    .map(([a, b]) => (a < b ? ([a, b] as const) : ([b, a] as const)))
  const prefix = fc.tuple(value(bits), fc.nat(bits)).map(([base, host]) => {
    const low = (base >> BigInt(host)) << BigInt(host)
    return [low, low + (1n << BigInt(host)) - 1n] as const
  })
  const single = value(bits).map((value) => [value, value] as const)
  return fc.oneof(prefix, single, single, single, range)
}

/** The same in another order, always the same one. */
function shuffled<T>(values: readonly T[]): T[] {
  return [...values.filter((_, i) => i % 3 === 1), ...values.filter((_, i) => i % 3 !== 1).reverse()]
}

const change = (bits: number) =>
  fc.oneof(
    { weight: 3, arbitrary: interval(bits).map(([low, high]) => ({ low, high })) },
    { weight: 1, arbitrary: fc.nat().map((victim) => ({ victim })) },
  )

describe('a set of intervals', () => {
  test.each([1, 8, 16, 31, 32, 33, 48, 64, 96, 128])(
    'of %i bits says what a list says, whatever is added and removed',
    (bits) => {
      fc.assert(
        fc.property(
          fc.array(change(bits), { maxLength: 150 }),
          fc.array(value(bits), { minLength: 10, maxLength: 10 }),
          (changes, others) => {
            const set = new IntervalSet(bits, 60)
            const plain = new PlainSet()
            const find = finder(set)
            for (const change of changes) {
              if ('victim' in change) {
                const ids = [...plain.intervals.keys()]
                const id = ids[change.victim % ids.length] ?? 0
                expect(set.remove(id)).toBe(plain.intervals.delete(id))
                continue
              }
              const { low, high } = change
              const id = set.add(low, high)
              if (plain.intervals.size === 60) expect(id).toBe(FULL)
              else if (plain.overlaps(low, high)) expect(id).toBe(OVERLAP)
              else {
                expect(plain.intervals.has(id)).toBe(false)
                plain.intervals.set(id, [low, high])
              }
            }
            expect(set.size).toBe(plain.intervals.size)
            for (const probe of probes(plain, bits, others)) expect(find(probe)).toBe(plain.find(probe))
          },
        ),
        { numRuns: 150, seed: 20261122 },
      )
    },
  )

  test.each([16, 32, 128])(
    'of %i bits is the same filled at once',
    (bits) => {
      fc.assert(
        fc.property(
          fc.array(value(bits), { maxLength: 400 }),
          fc.array(value(bits), { minLength: 20, maxLength: 20 }),
          fc.array(fc.nat(), { maxLength: 100 }),
          (ends, others, victims) => {
            const sorted = [...new Set(ends)].sort((a, b) => (a < b ? -1 : 1))
            const intervals: [bigint, bigint][] = []
            // Some touch the one before.
            for (let i = 0; i + 1 < sorted.length; i += 2)
              intervals.push([i % 3 === 0 || i === 0 ? sorted[i]! : sorted[i - 1]! + 1n, sorted[i + 1]!])
            const set = new IntervalSet(bits, 500)
            const plain = new PlainSet()
            const order = set.fill(shuffled(intervals))
            order.forEach((place, id) => {
              plain.intervals.set(id, shuffled(intervals)[place]!)
            })
            const find = finder(set)
            for (const probe of probes(plain, bits, others)) expect(find(probe)).toBe(plain.find(probe))
            for (const victim of victims)
              expect(set.remove(victim % 200)).toBe(plain.intervals.delete(victim % 200))
            for (const probe of probes(plain, bits, others)) expect(find(probe)).toBe(plain.find(probe))
          },
        ),
        { numRuns: 150, seed: 20261122 },
      )
    },
    60_000,
  )

  test('grows from nothing to 10,000 and shrinks to nothing', () => {
    const set = new IntervalSet(32, 10_000)
    const find = finder(set)
    const at = (i: number) => (BigInt(i) * 2_654_435_761n) & 0xffff_fff0n
    const ids = new Map<bigint, number>()
    for (let i = 0; i < 10_000; i++) {
      const low = at(i)
      const id = set.add(low, low + 15n)
      if (ids.has(low)) expect(id).toBe(OVERLAP)
      else ids.set(low, id)
    }
    for (const [low, id] of ids) expect(find(low + 7n)).toBe(id)
    const most = set.bytes
    for (const id of ids.values()) expect(set.remove(id)).toBe(true)
    expect(set.size).toBe(0)
    for (const low of ids.keys()) expect(find(low)).toBe(-1)
    for (const low of ids.keys()) set.add(low, low + 15n)
    expect(set.bytes).toBeLessThan(most * 1.25)
  }, 60_000)

  test.each([32, 128])(
    'of %i bits finds the same among thousands, close to each other or not',
    (bits) => {
      const next = fc.sample(fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }), {
        numRuns: 6000,
        seed: 7,
      })
      // Half of them lie so close that the runs of a node know all that their values leave open.
      const starts = next.map((value, i) =>
        i % 2 === 0 ? value : (10n << BigInt(bits - 8)) | (value >> 14n),
      )
      const sorted = [...new Set(starts)].sort((a, b) => (a < b ? -1 : 1))
      const intervals = sorted.map((low, i): [bigint, bigint] => {
        const behind = sorted[i + 1] ?? low + 1n
        return i % 3 === 0 ? [low, low] : [low, low + (behind - low - 1n) / (i % 2 === 0 ? 1n : 4n)]
      })
      const set = new IntervalSet(bits, 10_000)
      set.fill(intervals)
      const find = finder(set)
      const check = (id: number, isIn: boolean) => {
        const [low, high] = intervals[id]!
        expect([find(low), find((low + high) / 2n), find(high)]).toEqual(Array(3).fill(isIn ? id : -1))
        if (high + 1n !== intervals[id + 1]?.[0] && high + 1n < 1n << BigInt(bits))
          expect(find(high + 1n)).toBe(-1)
      }
      for (const id of intervals.keys()) check(id, true)
      for (let id = 0; id < intervals.length; id += 3) set.remove(id)
      for (const id of intervals.keys()) check(id, id % 3 !== 0)
    },
    60_000,
  )

  test('may be filled with what overlaps', () => {
    fc.assert(
      fc.property(fc.array(interval(32), { maxLength: 60 }), fc.array(value(32)), (intervals, others) => {
        const set = new IntervalSet(32, 60)
        set.fillUnion(intervals)
        const plain = new PlainSet()
        for (const [id, each] of intervals.entries()) plain.intervals.set(id, each)
        const find = finder(set)
        for (const probe of probes(plain, 32, others)) expect(find(probe) >= 0).toBe(plain.find(probe) >= 0)
      }),
    )
  })

  test('only a new set can be filled, with what does not overlap and fits', () => {
    const filled =
      (...intervals: [bigint, bigint][]) =>
      () =>
        new IntervalSet(16, 2).fill(intervals)
    expect(filled([1n, 2n], [3n, 4n])).not.toThrow()
    expect(filled([1n, 2n], [2n, 4n])).toThrow(RangeError)
    expect(filled([3n, 4n], [1n, 2n])).not.toThrow()
    expect(filled([1n, 2n], [3n, 4n], [5n, 6n])).toThrow(RangeError)
    const set = new IntervalSet(16, 2)
    set.add(1n, 1n)
    expect(() => set.fill([])).toThrow(RangeError)
  })
})
