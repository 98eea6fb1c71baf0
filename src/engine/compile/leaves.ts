import { Column, type ColumnName } from '../../packet/packet.js'
import { columnBits } from './columns.js'
import type { ColumnTest } from './implied.js'
import type { Interval } from './intervals.js'
import type { Item } from './item.js'

/** Times that a rule may stand in a leaf, once for each combination of intervals. */
const TIMES = 4

/** What a leaf asks of a word of a packet's fields. */
export interface WordTest {
  readonly word: number
  readonly low: number
  /** Highest value − lowest value. */
  readonly span: number
}

/** How a rule stands in a leaf. */
export interface LeafRule {
  /** One list after another is tested: the rule holds if all of one do, … */
  readonly tests: readonly (readonly WordTest[])[]
  /** … and all of these, which take instructions. */
  readonly others: readonly ColumnTest[]
}

/** What remains to be tested of a rule in a leaf. */
export function leafRule({ rule, open }: Item): LeafRule {
  let tests: WordTest[][] = [[]]
  const others: ColumnTest[] = []
  for (const [column, values] of rule.box) {
    if ((open & (1 << Column[column])) === 0) continue
    const words =
      values.length * tests.length > TIMES ? [undefined] : values.map((each) => wordTests(column, each))
    if (words.every((each) => each !== undefined))
      tests = tests.flatMap((one) => words.map((other) => [...one, ...other]))
    else others.push({ kind: 'column', column, values })
  }
  return { tests, others }
}

/** An interval as tests of words; undefined if it is no box of them. */
function wordTests(column: ColumnName, [low, high]: Interval): WordTest[] | undefined {
  const first = Column[column]
  if (columnBits(column) <= 32) return [{ word: first, low: Number(low), span: Number(high) - Number(low) }]
  const tests: WordTest[] = []
  const words = [96n, 64n, 32n, 0n].map((shift) => ({
    from: Number((BigInt(low) >> shift) & 0xffffffffn),
    to: Number((BigInt(high) >> shift) & 0xffffffffn),
  }))
  // It is one if behind the first word that varies every word may be anything.
  let varies = false
  for (const [i, { from, to }] of words.entries()) {
    const whole = from === 0 && to === 2 ** 32 - 1
    if (varies && !whole) return undefined
    if (from !== to) varies = true
    if (!whole) tests.push({ word: first + i, low: from, span: to - from })
  }
  return tests
}
