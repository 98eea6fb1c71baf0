import type { FlatRule } from './flatten.js'

/** A rule on its way down the tree, with the columns (bits by Column) that still restrict it there. */
export interface Item {
  readonly rule: FlatRule
  /** Its place among the rules of the chain. */
  readonly rank: number
  readonly open: number
}
