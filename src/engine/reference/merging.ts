/**
 * nft compares neighbouring fields that are asked for side by side at once (stmt_reduce in its rule.c). That shows in later
 * fragments alone: what is loaded at once there is not always what the kernel loads without a look at the fragment offset.
 */
import { PROTOCOL_FIELDS } from '../../ruleset/fields.js'
import type { Statement } from '../../ruleset/model.js'
import { isFast } from './payload.js'

interface Place {
  readonly offset: number
  readonly bits: number
}

const MOST_BITS = 128
/** Loads of so many bits are fast each by itself, so that nft joins them only if all of them are. */
const FAST_BITS = 32

/** Whether a match of the transport header is compared at once with its neighbours, by a load that is not fast. */
export function isJoined(statements: readonly Statement[], index: number): boolean {
  let run: Place | undefined
  let first = 0
  for (const [i, statement] of statements.entries()) {
    const place = placeOf(statement)
    const joined = run && place && join(run, place)
    if (joined === undefined) {
      if (i > index) break
      first = i
    }
    run = joined ?? place
    if (joined !== undefined && i >= index && first <= index && !isWhole(joined)) return true
  }
  return false
}

function isWhole({ offset, bits }: Place): boolean {
  return isFast(offset / 8, bits / 8)
}

function join(a: Place, b: Place): Place | undefined {
  const bits = a.bits + b.bits
  const isAdjacent = a.offset + a.bits === b.offset || b.offset + b.bits === a.offset
  const isWorthIt = bits <= FAST_BITS || a.bits > FAST_BITS || b.bits > FAST_BITS
  return isAdjacent && isWorthIt && bits <= MOST_BITS
    ? { offset: Math.min(a.offset, b.offset), bits }
    : undefined
}

function placeOf(statement: Statement): Place | undefined {
  if (statement.kind !== 'match' || statement.left.kind !== 'payload' || statement.right.kind !== 'value')
    return undefined
  if (statement.operator !== 'in' && statement.operator !== '==') return undefined
  const { base, offset, bits, type } = PROTOCOL_FIELDS[statement.left.protocol]![statement.left.field]!
  const isBytes = offset % 8 === 0 && bits % 8 === 0
  return base === 'th' && isBytes && type !== 'tcp_flag' ? { offset, bits } : undefined
}
