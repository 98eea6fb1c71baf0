/**
 * Statements whose answer is not in the packet: limits, windows, sets that come and go, numbers drawn. Each answer is a
 * variable of its own, by what is asked and how often the packet has changed it on its way; so rules are compared as
 * asking the same of the same state, and never as knowing what it is.
 */
import type { Expression, Match, Rule, Ruleset, Selector, Statement, Table } from '../ruleset/model.js'
import { selectorsOf, selectorText } from '../ruleset/selectors.js'
import type { Node } from './diagram.js'
import type { Fields } from './fields.js'
import { isWritten } from './matches.js'

/** What is asked, and the states that the answer hangs on. */
export interface Question {
  readonly key: string
  readonly cells: readonly string[]
  /** Asking changes the answer. */
  readonly changes: readonly string[]
}

/** xtables' matches that keep a state. */
const XTABLES: ReadonlySet<string> = new Set([
  'recent',
  'limit',
  'hashlimit',
  'connlimit',
  'statistic',
  'quota',
])
/** Statements whose state may have no name. */
const NAMELESS: ReadonlySet<string> = new Set(['limit', 'quota', 'ct count', 'meter', 'object', 'xtables'])
/** The state of what gives another number each time. */
const DRAWN = 'drawn'

export class Stateful {
  readonly #fields: Fields
  readonly #ruleset: Ruleset
  /** Of each statement without a name, which it is among those that are written alike. */
  readonly #numbers = new Map<Rule, number[]>()
  readonly #asked = new Map<string, Set<string>>()

  constructor(fields: Fields, ruleset: Ruleset) {
    this.#fields = fields
    this.#ruleset = ruleset
    const counts = new Map<string, number>()
    for (const rule of ruleset.tables.flatMap(({ chains }) => chains.flatMap(({ rules }) => rules))) {
      const numbers = rule.statements.map((statement) => {
        if (!NAMELESS.has(statement.kind)) return 0
        const text = textOf(statement)
        const count = counts.get(text) ?? 0
        counts.set(text, count + 1)
        return count
      })
      this.#numbers.set(rule, numbers)
    }
  }

  /** The packets for which a statement says yes: if a match, that it holds. Number: the statement's place in its rule. */
  answer(statement: Statement, question: Question): Node {
    for (const cell of question.cells) {
      const keys = this.#asked.get(cell) ?? new Set()
      this.#asked.set(cell, keys.add(question.key))
    }
    return this.#fields.answer(question.key, 0, statement)
  }

  /** What follows a change of a state: there each look at it is a further one. */
  after(node: Node, cells: readonly string[]): Node {
    const keys = new Set(cells.flatMap((cell) => [...(this.#asked.get(cell) ?? [])]))
    return this.#fields.diagram.compose(node, this.#fields.shifted(keys))
  }

  /** Undefined for what asks nothing of a state. */
  question(statement: Statement, rule: Rule, number: number, table: Table): Question | undefined {
    const text = textOf(statement)
    switch (statement.kind) {
      case 'limit':
      case 'quota':
      case 'ct count':
      case 'meter':
        return itself(`${text} #${this.#numbers.get(rule)![number]}`)
      case 'window': {
        const window = table.windows.find(({ name }) => name === statement.name)
        return itself(this.#named('window', window!, table))
      }
      case 'object': {
        if (statement.object === 'counter') return undefined
        const { name } = statement
        if (typeof name !== 'string') return itself(`${text} #${this.#numbers.get(rule)![number]}`)
        const object = table.objects?.find((each) => each.kind === statement.object && each.name === name)
        return itself(this.#named(statement.object, object!, table))
      }
      case 'set':
        return {
          key: `${text} in ${this.set(statement.set, table)}`,
          cells: [this.set(statement.set, table)],
          changes: [],
        }
      case 'xtables': {
        if (!XTABLES.has(statement.name)) return { key: text, cells: [], changes: [] }
        if (statement.name !== 'recent') return itself(`${text} #${this.#numbers.get(rule)![number]}`)
        const list = `recent ${statement.list}`
        return { key: text, cells: [list], changes: [list] }
      }
      case 'match':
        return this.#match(statement, table)
      default:
        return undefined
    }
  }

  #match(match: Match, table: Table): Question {
    const selectors = [match.left, match.right].flatMap((each) => [...selectorsOf(each)])
    const sets = [...setsOf(match.left), ...setsOf(match.right)].map((name) => this.set(name, table))
    const drawn = selectors.some(isDrawn) ? [DRAWN] : []
    const written = selectors.filter(isWritten).map(cellOf)
    const asked = { ...match, operator: match.operator === '!=' ? 'in' : match.operator }
    return {
      key: `${textOf(asked as Match)} ${sets.join(' ')}`,
      cells: [...sets, ...drawn, ...written],
      changes: drawn,
    }
  }

  /** The state of a set. */
  set(name: string, table: Table): string {
    return this.#named('set', table.sets.find((each) => each.name === name)!, table)
  }

  /** Something with a name, by all that it is; and of several tables, by which of them. */
  #named(kind: string, what: { readonly name: string }, table: Table): string {
    const { tables } = this.#ruleset
    const before = tables.slice(0, tables.indexOf(table))
    const names = ({ sets, windows, objects = [] }: Table) =>
      [...sets, ...windows, ...objects].map(({ name }) => name)
    const number = before.filter((each) => names(each).includes(what.name)).length
    return `${kind} ${textOf(what)} #${number}`
  }
}

function itself(key: string): Question {
  return { key, cells: [key], changes: [key] }
}

/** The state of a field that rules write. */
export function cellOf(selector: Selector): string {
  return selectorText(selector)
}

function isDrawn(selector: Selector): boolean {
  return selector.kind === 'numgen' || (selector.kind === 'meta' && selector.key === 'random')
}

function setsOf(expression: Expression): string[] {
  switch (expression.kind) {
    case 'reference':
      return [expression.name]
    case 'map':
      return [
        ...setsOf(expression.key),
        ...(expression.map.kind === 'reference' ? [expression.map.name] : []),
      ]
    case 'concat':
      return expression.parts.flatMap(setsOf)
    case 'binary':
      return [...setsOf(expression.left), ...setsOf(expression.right)]
    default:
      return []
  }
}

/** What something says, without where it is written. */
export function textOf(what: unknown): string {
  return JSON.stringify(what, (name, value: unknown) => {
    if (name === 'position' || name === 'comment' || name === 'handle') return undefined
    return typeof value === 'bigint' ? `${value}n` : value
  })
}
