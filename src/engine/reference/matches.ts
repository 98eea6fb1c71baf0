/** Comparisons (net/netfilter/nft_cmp.c, nft_range.c, nft_lookup.c). */
import { isBitmask, typeInfo } from '../../ruleset/datatypes.js'
import type { Match } from '../../ruleset/model.js'
import { typeOf } from '../../ruleset/types.js'
import type { Context, Step, Value } from './context.js'
import { evaluate } from './expressions.js'
import { intervalOf } from './intervals.js'
import { runAll } from './stateful.js'

/** What became of a match, and what it saw; nothing if the packet lacks what it looks at. */
export interface Compared {
  readonly step: Step
  readonly seen: Value | undefined
}

export function compare(match: Match, context: Context): Compared {
  const seen = evaluate(match.left, context)
  return { seen, step: seen === undefined ? 'break' : stepOf(match, seen, context) }
}

function stepOf(match: Match, seen: Value, context: Context): Step {
  const { left, operator, right } = match
  if (right.kind !== 'set' && right.kind !== 'reference')
    return compareValue(match, seen[0]!, context) ? 'continue' : 'break'
  const entry = context.table.setOf(right, left, context).find(seen, context)
  if (operator === '!=') return entry === undefined ? 'continue' : 'break'
  return entry === undefined ? 'break' : runAll(entry.states, context)
}

function compareValue({ left, operator, right }: Match, seen: bigint, context: Context): boolean {
  const part = typeOf(left, context.table.sets)![0]!
  const [from, to] = intervalOf(right, part, context.interfaces)
  // Bits are asked for one by one, unless they were computed.
  const bits = (isBitmask(part.type) || typeInfo(part.type).form === 'bit') && left.kind !== 'binary'
  switch (operator) {
    case 'in':
      return bits ? (seen & from) !== 0n : from <= seen && seen <= to
    case '==':
      return from <= seen && seen <= to
    case '!=':
      return seen < from || to < seen
    case '!':
      return (seen & from) === 0n
    case '<':
      return seen < from
    case '<=':
      return seen <= from
    case '>':
      return seen > from
    case '>=':
      return seen >= from
  }
}
