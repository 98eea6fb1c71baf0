/** What nft asks of the protocols beside what a rule says: dependencies, as nft calls them. */
import type { ColumnName } from '../../packet/packet.js'
import { typeInfo } from '../../ruleset/datatypes.js'
import type { Expression, Reject, Selector, Statement } from '../../ruleset/model.js'
import { selectorInfo, selectorsOf } from '../../ruleset/selectors.js'
import { symbolValue } from '../../ruleset/symbols/symbols.js'
import type { XtablesMatch } from '../../ruleset/xtables.js'
import { type Interval, type Intervals, union } from './intervals.js'

/** A test of one column: the values that pass. */
export interface ColumnTest {
  readonly kind: 'column'
  readonly column: ColumnName
  readonly values: Intervals
}

/** The expressions of a statement that are asked of the packet. */
function expressionsOf(statement: Statement): readonly Expression[] {
  switch (statement.kind) {
    case 'match':
      return [statement.left, statement.right]
    case 'mangle':
      return [statement.value]
    case 'set':
      return statement.data === undefined ? [statement.element] : [statement.element, statement.data]
    case 'meter':
    case 'vmap':
      return [statement.key]
    case 'object':
      return typeof statement.name === 'string' ? [] : [statement.name]
    default:
      return []
  }
}

/** What a rule has asked for before a statement: the packet's family, and a transport protocol by its number. */
export interface Asked {
  readonly family?: boolean
  readonly transport?: number
}

/** What must hold of a packet for the selectors of a statement to be in it. */
export function* impliedBy(statement: Statement, asked: Asked): Generator<ColumnTest> {
  for (const expression of expressionsOf(statement)) yield* impliedBySelectors(expression, asked)
}

function* impliedBySelectors(expression: Expression, asked: Asked): Generator<ColumnTest> {
  for (const selector of selectorsOf(expression)) {
    if (selector.kind === 'hash') yield* impliedBySelectors(selector.of!, asked)
    // Whether an option is there can be asked of any packet.
    if (!('field' in selector) && OPTIONAL.has(selector.kind)) continue
    const info = selectorInfo(selector)!
    const isAsked = info.implies.some(
      ({ column, value }) => column === 'l4proto' && value === asked.transport,
    )
    for (const { column, value } of info.implies) {
      // Where the rule has asked for the family, or for ICMP by its number, nft takes it in either family.
      const any = column === 'nfproto' && info.field?.base === 'th' && (asked.family || isAsked)
      if (!any) yield equal(column, value)
    }
    const types = info.field?.types
    if (types !== undefined) yield typesOf(types, selector.kind === 'payload' ? selector.protocol : '')
  }
}

const OPTIONAL: ReadonlySet<string> = new Set(['tcp option', 'sctp chunk', 'dccp option'])

/** What a statement asks for, by what its fields imply and by its own words. */
export function askedBy(statement: Statement): Asked {
  let asked: Asked = {}
  for (const selector of expressionsOf(statement).flatMap((expression) => [...deepSelectorsOf(expression)])) {
    if (selector.kind !== 'payload' && selector.kind !== 'exthdr' && selector.kind !== 'ip option') continue
    for (const { column, value } of selectorInfo(selector)!.implies)
      asked = column === 'nfproto' ? { ...asked, family: true } : { ...asked, transport: value }
  }
  if (statement.kind === 'xtables') return saidByXtables(statement)
  if (statement.kind !== 'match' || statement.right.kind !== 'value') return asked
  const { left, right, operator } = statement
  if (operator !== 'in' && operator !== '==') return asked
  const isMeta = left.kind === 'meta'
  if ((isMeta && left.key === 'nfproto') || (left.kind === 'ct' && left.key === 'l3proto'))
    return { ...asked, family: true }
  const isProtocol =
    (isMeta && left.key === 'l4proto') ||
    (left.kind === 'payload' && (left.field === 'protocol' || left.field === 'nexthdr'))
  return isProtocol ? { ...asked, transport: Number(right.value) } : asked
}

/** iptables' `-p` asks for a protocol by itself, where it stands. */
function saidByXtables(match: XtablesMatch): Asked {
  return match.name === 'protocol' && !match.invert ? { transport: match.protocol } : {}
}

/** Some fields are there in ICMP messages of certain types only. */
function typesOf(names: readonly string[], protocol: string): ColumnTest {
  const { symbols } = typeInfo(protocol === 'icmp' ? 'icmp_type' : 'icmpv6_type')
  const values = names.map((name): Interval => {
    const value = Number(symbolValue(symbols!, name))
    return [value, value]
  })
  return { kind: 'column', column: 'type', values: union(values) }
}

const TCP = 6
const IPV4 = 2
const IPV6 = 10

/**
 * What nft asks before anything else in a rule: the family of extension headers and IPv4's options, unless the rule has
 * asked for one before them, and whether a packet can be rejected, unless the rule asks for that itself.
 */
export function* askedFirst(statements: readonly Statement[], start: Asked): Generator<ColumnTest> {
  let asked = start
  for (const statement of statements) {
    for (const selector of expressionsOf(statement).flatMap((expression) => [
      ...deepSelectorsOf(expression),
    ])) {
      if ((selector.kind !== 'exthdr' && selector.kind !== 'ip option') || asked.family) continue
      for (const { column, value } of selectorInfo(selector)!.implies) yield equal(column, value)
    }
    asked = { ...asked, ...askedBy(statement) }
  }
  const last = statements.at(-1)
  if (last?.kind !== 'reject') return
  for (const test of impliedByReject(last)) {
    if (test.column === 'nfproto' ? !asked.family : asked.transport === undefined) yield test
  }
}

/** The selectors of an expression, and those that a hash is made of. */
function* deepSelectorsOf(expression: Expression): Generator<Selector> {
  for (const selector of selectorsOf(expression)) {
    yield selector
    if (selector.kind === 'hash') yield* deepSelectorsOf(selector.of!)
  }
}

function* impliedByReject({ type }: Reject): Generator<ColumnTest> {
  if (type === 'tcp reset') yield equal('l4proto', TCP)
  if (type === 'icmp') yield equal('nfproto', IPV4)
  if (type === 'icmpv6') yield equal('nfproto', IPV6)
}

function equal(column: ColumnName, value: number): ColumnTest {
  return { kind: 'column', column, values: [[value, value]] }
}
