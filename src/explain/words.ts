/** Statements, and what they saw of a packet, in words. */
import { printMatch } from '../language/iptables/print/matches.js'
import { flagNames, printExpression, printValue } from '../language/nft/print/expression.js'
import { printStatement } from '../language/nft/print/statement.js'
import { protocolName } from '../language/traffic/traffic.js'
import { Family, type Packet } from '../packet/packet.js'
import { isBitmask, typeInfo } from '../ruleset/datatypes.js'
import type { Match, NamedSet, Statement, Table } from '../ruleset/model.js'
import { selectorInfo, selectorsOf } from '../ruleset/selectors.js'
import { type PartType, typeOf } from '../ruleset/types.js'
import { formatDuration } from '../ruleset/values.js'
import { xtablesModule } from '../ruleset/xtables.js'

type Value = readonly bigint[]

/** Elements of a set that are named. */
const SHOWN = 4
/** Letters of an expression that are shown. */
const LONGEST = 120

export function statementText(statement: Statement, table: Table): string {
  if (statement.kind !== 'xtables') return cut(printStatement(statement, table.sets, table.family))
  const words = printMatch(statement, table.family === 'ip6' ? 'ip6' : 'ip') ?? []
  return cut(['-m', xtablesModule(statement), ...words].join(' '))
}

/** Why a statement ended its rule. Seen: what the packet has where a match looked. */
export function failureText(
  statement: Statement,
  seen: Value | undefined,
  table: Table,
  packet: Packet,
): string {
  if (statement.kind === 'vmap') return `${statementText(statement, table)} has nothing for it`
  if (statement.kind !== 'match') return `${statementText(statement, table)} says no`
  const left = printExpression(statement.left)
  if (seen !== undefined)
    return `${left} is ${valueText(seen, statement, table)}, asked for ${askedText(statement, table)}`
  return `${left}: ${lackOf(statement, packet) ?? 'the packet has none'}`
}

/** Which protocol the packet lacks for a match, in words; undefined if it lacks something else. */
function lackOf({ left }: Match, packet: Packet): string | undefined {
  const implied = [...selectorsOf(left)].flatMap((selector) => selectorInfo(selector)?.implies ?? [])
  for (const { column, value } of implied) {
    if (column === 'nfproto' && packet.family !== value)
      return `the packet is of ${packet.family === Family.ipv4 ? 'IPv4' : 'IPv6'}`
    if (column === 'l4proto' && packet.l4proto !== value)
      return packet.l4proto < 0
        ? 'the packet has no protocol'
        : `the packet is ${protocolName(packet.l4proto)}`
  }
  return undefined
}

/** What a match asks for: with the elements of its set. */
export function askedText({ left, operator, right }: Match, table: Table): string {
  const parts = typeOf(left, table.sets)
  const sign = operator === 'in' ? '' : `${operator} `
  const named = right.kind === 'reference' ? table.sets.find(({ name }) => name === right.name) : undefined
  if (named !== undefined) return `${sign}@${named.name} ${elementsText(named, parts)}`
  if (right.kind === 'set') return `${sign}${elementsText(right, parts)}`
  return cut(`${sign}${printExpression(right, { parts, sets: table.sets })}`)
}

function elementsText(
  { elements }: Pick<NamedSet, 'elements'>,
  parts: readonly PartType[] | undefined,
): string {
  const shown = printExpression({ kind: 'set', elements: elements.slice(0, SHOWN) }, { parts })
  const more = elements.length > SHOWN ? `, … ${elements.length} in all }` : ' }'
  return elements.length === 0 ? '{ }' : cut(shown.slice(0, -2)) + more
}

export function valueText(value: Value, { left }: Match, table: Table): string {
  const parts = typeOf(left, table.sets)
  return value.map((one, i) => partText(one, parts?.[i])).join(' . ')
}

function partText(value: bigint, part: PartType | undefined): string {
  if (part === undefined) return `0x${value.toString(16)}`
  if (typeInfo(part.type).form === 'text') return nameOf(value)
  if (isBitmask(part.type)) return value === 0n ? 'none' : flagNames(value, part).join(',')
  return printValue(value, part)
}

/** The name that a number of 16 bytes stands for. */
function nameOf(value: bigint): string {
  const bytes = Buffer.from(value.toString(16).padStart(32, '0'), 'hex')
  const end = bytes.indexOf(0)
  const name = bytes.toString('utf8', 0, end < 0 ? undefined : end)
  return name === '' ? 'no name' : name
}

/** A span of nanoseconds: to the second, or shorter ones to the millisecond. */
export function spanText(nanoseconds: number | bigint): string {
  const milliseconds = Math.ceil(Number(nanoseconds) / 1e6)
  const rounded = milliseconds < 1000 ? milliseconds : Math.ceil(milliseconds / 1000) * 1000
  return formatDuration(BigInt(rounded)).replace(/(?<=[a-z])(?=\d)/g, ' ')
}

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
}
