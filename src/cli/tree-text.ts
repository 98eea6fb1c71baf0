import { columnBits, lastPoint } from '../engine/compile/columns.js'
import type { CompiledChain } from '../engine/compile/compile.js'
import { type Point, predecessor } from '../engine/compile/intervals.js'
import type { Cut, Item, Leaf, Node } from '../engine/compile/tree.js'
import type { RuleInfo } from '../engine/program.js'
import { formatAddress } from '../packet/address.js'
import { Column, type ColumnName, Family } from '../packet/packet.js'

/** The trees of a chain as people read them: a line for each part of a field, what is left of it behind it or below. */
export function chainText(
  { table, name, family, rules, trees }: CompiledChain,
  infos: readonly RuleInfo[],
): string {
  const version = family === Family.ipv4 ? 'IPv4' : 'IPv6'
  const head = `chain ${name} of table ${table.family} ${table.name}, ${version}: ${rules.length} ${rules.length === 1 ? 'rule' : 'rules'}`
  const lines = trees.flatMap(({ root }, i) => [
    ...(trees.length > 1 ? [`  tree ${i + 1}`] : []),
    ...nodeLines(root, trees.length > 1 ? '    ' : '  ', infos),
  ])
  return [head, ...lines, ''].join('\n')
}

function nodeLines(node: Node, indent: string, infos: readonly RuleInfo[]): string[] {
  return node.kind === 'leaf' ? [`${indent}${leafText(node, infos)}`] : cutLines(node, indent, infos)
}

function cutLines(cut: Cut, indent: string, infos: readonly RuleInfo[]): string[] {
  const lines = [`${indent}${cut.column}`]
  for (const child of new Set(cut.children)) {
    const where = `${indent}  ${segmentsText(cut, child)}:`
    if (child.kind === 'leaf') lines.push(`${where} ${leafText(child, infos)}`)
    else lines.push(where, ...cutLines(child, `${indent}    `, infos))
  }
  return lines
}

/** The values that lead to a child. */
function segmentsText({ column, starts, children }: Cut, child: Node): string {
  const last = lastPoint(column)
  const parts: string[] = []
  for (let i = 0; i < starts.length; i++) {
    if (children[i] !== child) continue
    const low = starts[i]!
    while (children[i + 1] === child) i++
    const high = i + 1 < starts.length ? predecessor(starts[i + 1]!) : last
    parts.push(rangeText(column, low, high))
  }
  return parts.join(', ')
}

function rangeText(column: ColumnName, low: Point, high: Point): string {
  // Where a packet may lack a field, the last point stands for that.
  const missing = typeof high === 'number' && high >= 2 ** columnBits(column)
  if (missing && low === high) return 'none'
  const end = missing ? predecessor(high) : high
  const text = low === end ? pointText(column, low) : `${pointText(column, low)}-${pointText(column, end)}`
  return missing ? `${text}, none` : text
}

function pointText(column: ColumnName, point: Point): string {
  switch (column) {
    case 'saddr4':
    case 'daddr4':
      return formatAddress({ bits: 32, value: BigInt(point) })
    case 'saddr6':
    case 'daddr6':
      return formatAddress({ bits: 128, value: BigInt(point) })
    default:
      return String(point)
  }
}

/** The rules that are left, by their places, each with the columns that it still asks for. */
function leafText({ items }: Leaf, infos: readonly RuleInfo[]): string {
  return items.length === 0 ? '-' : items.map((item) => itemText(item, infos)).join(', ')
}

function itemText({ rule, open }: Item, infos: readonly RuleInfo[]): string {
  const { position } = infos[rule.number]!
  const place = position === undefined ? `rule ${rule.number + 1}` : `${position.file}:${position.line}`
  const asked = [...rule.box.keys()].filter((column) => (open & (1 << Column[column])) !== 0)
  return asked.length === 0 ? place : `${place} (${asked.join(' ')})`
}
