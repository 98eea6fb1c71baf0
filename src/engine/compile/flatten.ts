import type { ColumnName } from '../../packet/packet.js'
import { type Place, type SelectorInfo, selectorInfo } from '../../ruleset/selectors.js'
import type {
  EvaluableElement,
  EvaluableMatch,
  EvaluableRight,
  EvaluableRule,
  EvaluableStatement,
  EvaluableTable,
} from '../evaluable.js'
import type { InterfaceClasses } from '../state/interfaces.js'
import { complement, type Interval, type Intervals, intersection, union } from './intervals.js'

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

export type Test = ColumnTest | LoadTest

/** What a rule does after its leading tests, in order; a test among them is reached by its turn. */
export type Step = Test | Exclude<EvaluableStatement, EvaluableMatch>

/** A rule as the tree sees it: a box in the space of columns, and what happens inside the box. */
export interface FlatRule {
  readonly number: number
  /** The box: a column that is not named is not restricted. */
  readonly box: ReadonlyMap<ColumnName, Intervals>
  readonly steps: readonly Step[]
  /** Whether a packet in the box never comes to the next rule. */
  readonly final: boolean
}

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

/** The values of ct state as a packet has them: one bit. */
const CT_STATES = [1, 2, 4, 8, 64]

/** Takes the matches of rules apart. */
export class Flattener {
  readonly #table: EvaluableTable
  readonly #interfaces: InterfaceClasses
  readonly #sets = new Map<string, Intervals>()

  constructor(table: EvaluableTable, interfaces: InterfaceClasses) {
    this.#table = table
    this.#interfaces = interfaces
  }

  /** Undefined if no packet can match the rule. */
  flatten(rule: EvaluableRule, number: number): FlatRule | undefined {
    const box = new Map<ColumnName, Intervals>()
    const steps: Step[] = []
    // Matches behind a statement that counts must not be tested before it.
    let leading = true
    for (const statement of rule.statements) {
      if (statement.kind !== 'match') {
        leading = false
        steps.push(statement)
        continue
      }
      for (const test of this.#tests(statement)) {
        if (!leading || test.kind === 'load') steps.push(test)
        else {
          const known = box.get(test.column)
          box.set(test.column, known === undefined ? test.values : intersection(known, test.values))
        }
      }
    }
    for (const values of box.values()) if (values.length === 0) return undefined
    return { number, box, steps, final: isFinal(steps) }
  }

  /** What a match tests: first what it implies, then its own field. */
  *#tests(match: EvaluableMatch): Generator<Test> {
    const info = selectorInfo(match.left)!
    for (const { column, value } of info.implies) yield { kind: 'column', column, values: [[value, value]] }
    const values = this.#values(match, info)
    if (info.column !== undefined) yield { kind: 'column', column: info.column, values }
    else yield { kind: 'load', place: info.place!, values }
  }

  #values(match: EvaluableMatch, info: SelectorInfo): Intervals {
    const { operator, right } = match
    const bits = info.column === undefined ? info.bits : columnBits(info.column)
    if (info.type === 'ct_state' && right.kind !== 'set' && right.kind !== 'reference') {
      const wanted =
        right.kind === 'flags' ? Number(right.bits) : right.kind === 'value' ? Number(right.value) : 0
      // `in` asks for a common bit, the other operators compare the whole word: a packet's has one bit.
      const states = CT_STATES.filter((state) =>
        operator === 'in' ? (state & wanted) !== 0 : state === wanted,
      )
      const set = union(states.map((state): Interval => [state, state]))
      return operator === '!=' ? complement(set, bits) : set
    }
    const set = this.#set(right, info.type === 'ifname', bits)
    return operator === '!=' ? complement(set, bits) : set
  }

  #set(right: EvaluableRight, names: boolean, bits: number): Intervals {
    if (right.kind === 'reference') {
      let known = this.#sets.get(right.name)
      if (known === undefined) {
        const set = this.#table.sets.find(({ name }) => name === right.name)!
        known = union(set.elements.flatMap((element) => this.#element(element, names, bits)))
        this.#sets.set(right.name, known)
      }
      return known
    }
    if (right.kind === 'flags') return []
    const elements = right.kind === 'set' ? right.elements : [right]
    return union(elements.flatMap((element) => this.#element(element, names, bits)))
  }

  #element(element: EvaluableElement, names: boolean, bits: number): Interval[] {
    if (names) {
      const pattern = element.kind === 'value' ? String(element.value) : ''
      return this.#interfaces.matching(pattern).map((id): Interval => [id, id])
    }
    const point = (value: bigint) => (bits > 32 ? value : Number(value))
    switch (element.kind) {
      case 'value':
        return [[point(BigInt(element.value)), point(BigInt(element.value))]]
      case 'range':
        return [[point(element.from), point(element.to)]]
      case 'prefix': {
        const last = element.base | ((1n << BigInt(bits - element.length)) - 1n)
        return [[point(element.base), point(last)]]
      }
    }
  }
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

function isFinal(steps: readonly Step[]): boolean {
  for (const step of steps) {
    switch (step.kind) {
      case 'column':
      case 'load':
      case 'window':
      case 'continue':
      case 'jump':
        return false
      case 'accept':
      case 'drop':
      case 'return':
      case 'goto':
        return true
    }
  }
  return false
}
