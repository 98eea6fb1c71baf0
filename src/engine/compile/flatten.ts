import type { ColumnName } from '../../packet/packet.js'
import type {
  Match,
  Reject,
  Rule,
  Selector,
  Statement,
  Table,
  Verdict,
  VerdictMap,
} from '../../ruleset/model.js'
import { isSelector, type Place, selectorInfo, selectorsOf } from '../../ruleset/selectors.js'
import type { RunStatement } from '../program.js'
import type { InterfaceClasses } from '../state/interfaces.js'
import { columnBits, simplified } from './columns.js'
import { type Asked, askedBy, askedFirst, type ColumnTest, impliedBy } from './implied.js'
import { type Intervals, intersection } from './intervals.js'
import { columnOf, valuesOf } from './values.js'

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
    for (const test of askedFirst(rule.statements, asked)) {
      const known = box.get(test.column)
      box.set(test.column, known === undefined ? test.values : intersection(known, test.values))
    }
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
    yield* impliedBy(statement, asked)
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
    return ![...selectorsOf(left)].some(draws) && left.kind !== 'map'
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

/** Whether each look at a selector gives another value. */
function draws(selector: Selector): boolean {
  return selector.kind === 'numgen' || (selector.kind === 'meta' && selector.key === 'random')
}

/** Loads that the kernel also does in later fragments, and that one instruction can do. */
function isLoadable({ length, offset }: Place): boolean {
  return length <= 4 && offset % length === 0
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
