/** What cannot be decided: in any environment, or in this one as it is not supplied. */
import { type Problem, RulesetError } from '../../ruleset/check.js'
import type { Expression, Rule, Ruleset, Selector, Statement, Table } from '../../ruleset/model.js'
import { selectorsOf, selectorText } from '../../ruleset/selectors.js'
import type { Environment } from '../environment.js'

/** Throws RulesetError, which names each expression and its place, if there is anything that cannot be decided. */
export function refuseUndecidable(ruleset: Ruleset, environment: Environment): void {
  const problems = ruleset.tables.flatMap((table) => [...problemsOf(table, environment)])
  if (problems.length > 0) throw new RulesetError(problems)
}

function* problemsOf(table: Table, environment: Environment): Generator<Problem> {
  for (const chain of table.chains) {
    for (const rule of chain.rules) {
      for (const statement of rule.statements) {
        for (const what of undecidable(statement, environment)) yield problem(what, rule)
      }
    }
  }
}

function problem(what: string, { position }: Rule): Problem {
  const message = `${what} cannot be decided from what the source of packets supplies`
  return position === undefined ? { message } : { message, position }
}

function* undecidable(statement: Statement, environment: Environment): Generator<string> {
  if (statement.kind === 'queue') yield 'queue'
  if (statement.kind === 'object' && statement.object.startsWith('ct ')) yield statement.object
  if (statement.kind === 'ct count' && environment.connections === undefined) yield 'ct count'
  if (statement.kind === 'mangle' && statement.key.kind === 'ct') {
    if (statement.key.key === 'zone' || environment.connections === undefined)
      yield `${selectorText(statement.key)} set`
  }
  for (const expression of expressionsOf(statement)) {
    for (const selector of selectorsOf(expression))
      if (!isDecidable(selector, environment)) yield selectorText(selector)
  }
}

function* expressionsOf(statement: Statement): Generator<Expression> {
  switch (statement.kind) {
    case 'match':
      yield statement.left
      return
    case 'mangle':
      yield statement.value
      return
    case 'set':
      yield statement.element
      if (statement.data !== undefined) yield statement.data
      return
    case 'meter':
    case 'vmap':
      yield statement.key
      return
    case 'object':
      if (typeof statement.name !== 'string') yield statement.name
  }
}

const META: ReadonlySet<string> = new Set([
  ...['length', 'protocol', 'nfproto', 'l4proto', 'mark', 'priority', 'pkttype', 'random'],
  ...['iif', 'oif', 'iifname', 'oifname', 'skuid', 'skgid'],
])
const TIMES: ReadonlySet<string> = new Set(['time', 'day', 'hour'])
const UNKNOWN_OF_CONNECTIONS: ReadonlySet<string> = new Set(['helper', 'zone', 'event', 'count'])

function isDecidable(selector: Selector, { connections, clock, host }: Environment): boolean {
  switch (selector.kind) {
    case 'payload':
      return selector.protocol !== 'ether' && selector.protocol !== 'vlan'
    case 'raw':
      return selector.base !== 'll'
    case 'meta':
      return META.has(selector.key) || (TIMES.has(selector.key) && clock !== undefined)
    case 'ct':
      if (selector.key === 'state') return true
      return connections !== undefined && !UNKNOWN_OF_CONNECTIONS.has(selector.key)
    case 'fib':
      return selector.result === 'type' && !selector.exists && host !== undefined
    case 'hash':
      return selector.of !== undefined
    case 'rt':
    case 'socket':
    case 'osf':
    case 'ipsec':
      return false
    default:
      return true
  }
}
