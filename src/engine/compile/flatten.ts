import type { ColumnName } from '../../packet/packet.js'
import { typeInfo } from '../../ruleset/datatypes.js'
import type {
  Expression,
  Match,
  Reject,
  Rule,
  Statement,
  Table,
  Verdict,
  VerdictMap,
} from '../../ruleset/model.js'
import { isSelector, type Place, selectorInfo, selectorsOf } from '../../ruleset/selectors.js'
import { symbolValue } from '../../ruleset/symbols/symbols.js'
import type { RunStatement } from '../program.js'
import type { InterfaceClasses } from '../state/interfaces.js'
import { columnBits, simplified } from './columns.js'
import { type Interval, type Intervals, intersection, union } from './intervals.js'
import { columnOf, valuesOf } from './values.js'

/** A test of one column: the values that pass, and what it takes to walk a trie of them. */
export interface ColumnTest {
  readonly kind: 'column'
  readonly column: ColumnName
  readonly values: Intervals
}

/** A test of bytes that have no column. */
export interface LoadTest {
  readonly kind: 'load'
  readonly place: Place
  readonly values: Intervals
}

/** Whether a column's value is in a named set. */
export interface SetTest {
  readonly kind: 'lookup'
  readonly column: ColumnName
  readonly set: string
  readonly wanted: boolean
}

export type Test = ColumnTest | LoadTest | SetTest

/** A statement that a step object runs. */
export interface Run {
  readonly kind: 'run'
  readonly statement: RunStatement
}

/** What a rule does inside its box, in order; a test among it is reached by its turn. */
export type FlatStep =
  | Test
  | Run
  | VerdictMap
  | Reject
  | Verdict
  | Extract<Statement, { kind: 'counter' | 'window' }>

/** A rule as the tree sees it: a box in the space of columns, and what happens inside the box. */
export interface FlatRule {
  readonly number: number
  /** The box: a column that is not named is not restricted. */
  readonly box: ReadonlyMap<ColumnName, Intervals>
  readonly steps: readonly FlatStep[]
  /** Whether a packet in the box never comes to the next rule. */
  readonly final: boolean
}

/** Takes the statements of rules apart. */
export class Flattener {
  readonly #table: Table
  readonly #interfaces: InterfaceClasses

  constructor(table: Table, interfaces: InterfaceClasses) {
    this.#table = table
    this.#interfaces = interfaces
  }

  /**
   * Undefined if no packet can match the rule. Changing: columns that rules before this one may write, so that they
   * cannot be looked at ahead of them.
   */
  flatten(rule: Rule, number: number, changing: ReadonlySet<ColumnName>): FlatRule | undefined {
    const box = new Map<ColumnName, Intervals>()
    const steps: FlatStep[] = []
    // Matches behind a statement with a state must not be tested before it.
    let leading = true
    let asked: Asked = { family: this.#table.family !== 'inet' }
    // nft asks whether a packet can be rejected before anything else.
    const last = rule.statements.at(-1)
    if (last?.kind === 'reject') for (const test of impliedByReject(last)) box.set(test.column, test.values)
    for (const statement of rule.statements) {
      for (const step of this.#steps(statement, asked)) {
        if (step.kind === 'column' && leading && !changing.has(step.column)) {
          const known = box.get(step.column)
          const values = simplified(step.column, step.values)
          box.set(step.column, known === undefined ? values : intersection(known, values))
          continue
        }
        steps.push(step)
        if (!this.#isStateless(step, statement)) leading = false
      }
      asked = { ...asked, ...askedBy(statement) }
    }
    for (const values of box.values()) if (values.length === 0) return undefined
    return { number, box, steps, final: isFinal(steps) }
  }

  /** What a statement does: first what its expressions imply, then itself. */
  *#steps(statement: Statement, asked: Asked): Generator<FlatStep> {
    for (const expression of expressionsOf(statement)) yield* impliedBy(expression, asked)
    switch (statement.kind) {
      case 'match':
        yield this.#test(statement)
        return
      case 'reject':
      case 'counter':
      case 'window':
      case 'vmap':
      case 'accept':
      case 'drop':
      case 'continue':
      case 'return':
      case 'jump':
      case 'goto':
        yield statement
        return
      default:
        yield { kind: 'run', statement: statement as RunStatement }
    }
  }

  #test(match: Match): Test | Run {
    const { left, right } = match
    const column = columnOf(left)
    if (column !== undefined) {
      const bits = columnBits(column.column!)
      const values = valuesOf(match, column, bits, this.#table.sets, this.#interfaces)
      if (values !== undefined) return { kind: 'column', column: column.column!, values }
      const set = right.kind === 'reference' ? right.name : undefined
      if (set !== undefined && isSelector(left) && column.type !== 'ifname')
        return { kind: 'lookup', column: column.column!, set, wanted: match.operator !== '!=' }
    }
    const info = isSelector(left) ? selectorInfo(left) : undefined
    const place = info?.place
    if (info !== undefined && place !== undefined && isLoadable(place)) {
      const values = valuesOf(match, info, info.bits, this.#table.sets, this.#interfaces)
      if (values !== undefined) return { kind: 'load', place, values }
    }
    return { kind: 'run', statement: match }
  }

  /** Whether it makes no difference if a packet comes to the step at all. */
  #isStateless(step: FlatStep, statement: Statement): boolean {
    if (step.kind === 'column' || step.kind === 'load') return true
    if (statement.kind !== 'match') return false
    const { left, right } = statement
    if (right.kind === 'reference' && this.#carries(right.name)) return false
    return ![...selectorsOf(left)].some(({ kind }) => kind === 'numgen') && left.kind !== 'map'
  }

  /** Whether elements of a set carry statements. */
  #carries(name: string): boolean {
    const set = this.#table.sets.find((each) => each.name === name)!
    return (
      set.statements !== undefined ||
      set.flags?.includes('dynamic') === true ||
      set.elements.some((element) => element.kind === 'element' && element.statements !== undefined)
    )
  }
}

/** Loads that the kernel also does in later fragments, and that one instruction can do. */
function isLoadable({ length, offset }: Place): boolean {
  return length <= 4 && offset % length === 0
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
interface Asked {
  readonly family?: boolean
  readonly transport?: number
}

/** What must hold of a packet for the selectors of an expression to be in it. */
function* impliedBy(expression: Expression, asked: Asked): Generator<ColumnTest> {
  for (const selector of selectorsOf(expression)) {
    if (selector.kind === 'hash') yield* impliedBy(selector.of!, asked)
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
function askedBy(statement: Statement): Asked {
  let asked: Asked = {}
  for (const selector of expressionsOf(statement).flatMap((expression) => [...selectorsOf(expression)])) {
    if (selector.kind !== 'payload' && selector.kind !== 'exthdr' && selector.kind !== 'ip option') continue
    for (const { column, value } of selectorInfo(selector)!.implies)
      asked = column === 'nfproto' ? { ...asked, family: true } : { ...asked, transport: value }
  }
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

function* impliedByReject({ type }: Reject): Generator<ColumnTest> {
  if (type === 'tcp reset') yield equal('l4proto', TCP)
  if (type === 'icmp') yield equal('nfproto', IPV4)
  if (type === 'icmpv6') yield equal('nfproto', IPV6)
}

function equal(column: ColumnName, value: number): ColumnTest {
  return { kind: 'column', column, values: [[value, value]] }
}

/** A rule as packets of one family see it; undefined if it is none of theirs. */
export function ofFamily(rule: FlatRule, family: number): FlatRule | undefined {
  const families = rule.box.get('nfproto')
  if (families === undefined) return rule
  if (intersection(families, [[family, family]]).length === 0) return undefined
  const box = new Map(rule.box)
  box.delete('nfproto')
  return { ...rule, box }
}

/** Columns that the rules of a chain, or of those that it leads to, may write. */
export function changedBy(name: string, table: Table, seen = new Set<string>()): Set<ColumnName> {
  const changed = new Set<ColumnName>()
  if (seen.has(name)) return changed
  seen.add(name)
  const chain = table.chains.find((each) => each.name === name)
  for (const { statements } of chain?.rules ?? []) {
    for (const statement of statements) {
      if (statement.kind === 'mangle' && statement.key.kind === 'meta' && statement.key.key === 'mark')
        changed.add('mark')
      if (statement.kind === 'notrack') changed.add('ctState')
      for (const target of targetsIn(statement, table))
        for (const column of changedBy(target, table, seen)) changed.add(column)
    }
  }
  return changed
}

/** The chains that a statement leads to. */
function* targetsIn(statement: Statement, table: Table): Generator<string> {
  if (statement.kind === 'jump' || statement.kind === 'goto') yield statement.target
  if (statement.kind !== 'vmap') return
  for (const element of elementsOfMap(statement, table)) {
    if (element.kind === 'pair' && 'target' in element.data) yield element.data.target
  }
}

/** The elements of a verdict map. */
export function elementsOfMap({ map }: VerdictMap, table: Table) {
  if (map.kind === 'anonymous map') return map.elements
  return table.sets.find(({ name }) => name === map.name)!.elements
}

function isFinal(steps: readonly FlatStep[]): boolean {
  for (const step of steps) {
    switch (step.kind) {
      case 'accept':
      case 'drop':
      case 'reject':
      case 'return':
      case 'goto':
        return true
      case 'counter':
        break
      default:
        return false
    }
  }
  return false
}
