import { Column, type ColumnName, CtState } from '../../packet/packet.js'
import { domain, type Interval, type Intervals, type Point, union } from './intervals.js'

export const COLUMNS = Object.keys(Column) as ColumnName[]

/** Bits of a column's values. Interface classes are small numbers. */
export function columnBits(column: ColumnName): number {
  switch (column) {
    case 'saddr6':
    case 'daddr6':
      return 128
    case 'saddr4':
    case 'daddr4':
    case 'mark':
      return 32
    case 'sport':
    case 'dport':
    case 'iifname':
    case 'oifname':
      return 16
    default:
      return 8
  }
}

/**
 * The largest number that can stand in a column: the largest value, or, where a packet may lack the field, the number
 * behind it, which stands for that (see `Packet.fields`).
 */
export function lastPoint(column: ColumnName): Point {
  switch (column) {
    case 'l4proto':
    case 'sport':
    case 'dport':
    case 'type':
    case 'code':
    case 'tcpFlags':
      return 2 ** columnBits(column)
    default:
      return domain(columnBits(column))[1]
  }
}

/** Packets have one state or, if their source does not tell, none. */
const STATES = [0, ...Object.values(CtState)].sort((a, b) => a - b)

/** The same values of those that occur, in as few intervals as it takes. */
export function simplified(column: ColumnName, values: Intervals): Intervals {
  if (column !== 'ctState') return values
  const holds = (state: number) => values.some(([low, high]) => low <= state && state <= high)
  // From one state that is in it to the next nothing else occurs.
  return union(
    STATES.flatMap((state, i): Interval[] => {
      if (!holds(state)) return []
      const next = STATES[i + 1]
      return [[state, next !== undefined && holds(next) ? next : state]]
    }),
  )
}
