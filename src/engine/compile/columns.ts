import { Column, type ColumnName } from '../../packet/packet.js'
import { domain, type Point } from './intervals.js'

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
