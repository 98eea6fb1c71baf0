/** What of the model the engine evaluates so far. Everything else is refused by its name before a packet is judged. */

import { type Problem, RulesetError } from '../ruleset/check.js'
import { isBitmask } from '../ruleset/datatypes.js'
import type {
  Chain,
  Counter,
  Ct,
  Element,
  Expression,
  Flags,
  Match,
  Meta,
  NamedSet,
  Payload,
  PrefixElement,
  Range,
  Rule,
  Ruleset,
  SetReference,
  Statement,
  Table,
  Value,
  Verdict,
  WindowReference,
} from '../ruleset/model.js'
import { isSelector, selectorInfo, selectorText } from '../ruleset/selectors.js'

export type EvaluableElement = Value | Range | PrefixElement
export type EvaluableSelector = Payload | Meta | Ct
export type EvaluableSet = { readonly kind: 'set'; readonly elements: readonly EvaluableElement[] }
export type EvaluableRight = EvaluableElement | EvaluableSet | SetReference | Flags

export interface EvaluableMatch {
  readonly kind: 'match'
  readonly operator: 'in' | '==' | '!='
  readonly left: EvaluableSelector
  readonly right: EvaluableRight
}

export type EvaluableStatement = EvaluableMatch | Counter | WindowReference | Verdict
export type EvaluableRule = Omit<Rule, 'statements'> & { readonly statements: readonly EvaluableStatement[] }
export type EvaluableChain = Omit<Chain, 'rules'> & { readonly rules: readonly EvaluableRule[] }
export type EvaluableNamedSet = Omit<NamedSet, 'elements'> & {
  readonly elements: readonly EvaluableElement[]
}
export type EvaluableTable = Omit<Table, 'sets' | 'chains'> & {
  readonly sets: readonly EvaluableNamedSet[]
  readonly chains: readonly EvaluableChain[]
}
export type EvaluableRuleset = { readonly tables: readonly EvaluableTable[] }

const STATEMENTS: ReadonlySet<string> = new Set<EvaluableStatement['kind']>([
  'match',
  'counter',
  'window',
  'accept',
  'drop',
  'continue',
  'return',
  'jump',
  'goto',
])

/** The same ruleset. Throws RulesetError, which names everything in it that cannot be evaluated, if there is such. */
export function evaluable(ruleset: Ruleset): EvaluableRuleset {
  const problems = ruleset.tables.flatMap((table) => [...refusals(table)])
  if (problems.length > 0) throw new RulesetError(problems)
  return ruleset as EvaluableRuleset
}

function* refusals(table: Table): Generator<Problem> {
  if (table.dormant) yield problem(`table ${table.name} is dormant`, table)
  const used = new Set<string>()
  for (const chain of table.chains) {
    if (chain.base !== undefined && chain.base.type !== 'filter')
      yield problem(`type ${chain.base.type} of chain ${chain.name}`, chain)
    for (const rule of chain.rules) {
      for (const statement of rule.statements) {
        const what = refusedStatement(statement)
        if (what !== undefined) yield problem(what, rule)
        if (statement.kind === 'match' && statement.right.kind === 'reference') used.add(statement.right.name)
      }
    }
  }
  for (const set of table.sets) {
    if (!used.has(set.name)) continue
    const flag = set.flags?.find((flag) => flag === 'dynamic' || flag === 'timeout')
    if (flag !== undefined || set.timeout !== undefined)
      yield problem(`flag ${flag ?? 'timeout'} of set ${set.name}`, set)
    if (set.map !== undefined) yield problem(`map ${set.name}`, set)
    const element = set.elements.map(refusedElement).find((what) => what !== undefined)
    if (element !== undefined) yield problem(`${element} in set ${set.name}`, set)
  }
}

function problem(what: string, { position }: Pick<Rule, 'position'>): Problem {
  const message = `${what} cannot be evaluated yet`
  return position === undefined ? { message } : { message, position }
}

function refusedStatement(statement: Statement): string | undefined {
  if (!STATEMENTS.has(statement.kind))
    return statement.kind === 'object' ? `named ${statement.object}` : statement.kind
  return statement.kind === 'match' ? refusedMatch(statement) : undefined
}

function refusedMatch({ left, operator, right }: Match): string | undefined {
  if (!isSelector(left)) return left.kind === 'binary' ? `the operator ${left.operator}` : left.kind
  const text = selectorText(left)
  const info = selectorInfo(left)
  const column = info?.column !== undefined || info?.place !== undefined
  // A field that only some ICMP types have would have to look at the type first.
  if (info === undefined || !column || info.field?.types !== undefined) return text
  if (isBitmask(info.type) && info.type !== 'ct_state') return text
  if (operator !== 'in' && operator !== '==' && operator !== '!=') return `${text} ${operator}`
  const what =
    right.kind === 'set'
      ? right.elements.map(refusedElement).find((each) => each !== undefined)
      : refusedRight(right)
  return what === undefined ? undefined : `${text} with ${what}`
}

function refusedRight(right: Expression): string | undefined {
  if (right.kind === 'reference' || right.kind === 'flags') return undefined
  return isElement(right) ? refusedElement(right) : right.kind
}

function isElement(expression: Expression): expression is EvaluableElement {
  return expression.kind === 'value' || expression.kind === 'range' || expression.kind === 'prefix'
}

function refusedElement(element: Element): string | undefined {
  switch (element.kind) {
    case 'value':
      return typeof element.value === 'string' && element.value.includes('\\')
        ? `the name ${element.value}`
        : undefined
    case 'range':
    case 'prefix':
      return undefined
    case 'concat':
      return 'a concatenation'
    case 'wildcard':
      return 'the element *'
    default:
      return 'an element that carries something'
  }
}
