import fc from 'fast-check'
import { expect, test } from 'vitest'
import { COLUMNS, lastPoint } from '../../src/engine/compile/columns.js'
import { writeCut } from '../../src/engine/compile/cuts.js'
import {
  add,
  compare,
  type Point,
  predecessor,
  segmentOf,
  successor,
} from '../../src/engine/compile/intervals.js'
import { descend } from '../../src/engine/search.js'
import { COLUMN_WORDS, Column, type ColumnName } from '../../src/packet/packet.js'

const DOMAINS = COLUMNS.filter((column) => !['daddr4', 'daddr6', 'oifname', 'code'].includes(column))

/** Places where a column is cut: some hosts of a few networks, blocks of them, and ends. */
function pointsOf(column: ColumnName): fc.Arbitrary<Point[]> {
  const last = lastPoint(column)
  const any = typeof last === 'bigint' ? fc.bigInt(0n, last) : fc.integer({ min: 0, max: last })
  const near = fc.tuple(any, fc.array(fc.nat(70), { maxLength: 25 })).map(([base, steps]) => {
    let at: Point = base
    return steps.map((step) => {
      at = add(at, step)
      return at
    })
  })
  return fc
    .array(fc.oneof(near, fc.tuple(any)), { minLength: 1, maxLength: 12 })
    .map((groups) => [...new Set(groups.flat())].filter((point) => point > 0 && point <= last).sort(compare))
}

test('the nodes of a column lead every value to its segment', () => {
  const cut = fc.constantFrom(...DOMAINS).chain((column) =>
    fc.record({
      column: fc.constant(column),
      points: pointsOf(column),
      leaves: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 320, maxLength: 320 }),
    }),
  )
  fc.assert(
    fc.property(cut, ({ column, points, leaves }) => {
      const last = lastPoint(column)
      const zero: Point = typeof last === 'bigint' ? 0n : 0
      const starts = [zero, ...points]
      const words = [0]
      const root = writeCut(
        words,
        Column[column],
        starts,
        starts.map((_, i) => ~leaves[i]!),
        last,
        new Map(),
      )
      const code = Int32Array.from(words)
      const fields = new Int32Array(COLUMN_WORDS)
      for (const start of starts) {
        for (const value of [predecessor(start), start, successor(start)]) {
          if (value < zero || value > last) continue
          set(fields, Column[column], value)
          expect(descend(code, fields, root)).toBe(leaves[segmentOf(starts, value)])
        }
      }
    }),
    { numRuns: 1000, seed: 20261122 },
  )
}, 60_000)

function set(fields: Int32Array, column: number, value: Point): void {
  if (typeof value === 'number') fields[column] = value
  else
    for (let word = 0; word < 4; word++)
      fields[column + word] = Number((value >> BigInt(96 - 32 * word)) & 0xffffffffn)
}
