import { isBitmask, typeInfo } from './datatypes.js'
import { keyOf } from './elements.js'
import type {
  Chain,
  Element,
  Expression,
  Match,
  NamedSet,
  Position,
  Rule,
  Ruleset,
  Statement,
  Table,
} from './model.js'
import { checkHeldLimits, checkLimits } from './rates.js'
import { isSelector, selectorInfo, selectorsOf, selectorText } from './selectors.js'
import { type PartType, typeOf } from './types.js'

/** How deep chains may be nested by jumps, as in the kernel (NFT_JUMP_STACK_SIZE less the base chain). */
export const MAXIMUM_JUMPS = 15
/** Bound on size × rate of a window: its stamps take eight bytes each. */
export const MAXIMUM_STAMPS = 2 ** 26

/** How long a row of chains is followed: more than can be allowed, and short enough for our own stack. */
const MAXIMUM_CHAINS = 1000

/** Kinds of statements that end a rule. */
export const TERMINAL: ReadonlySet<string> = new Set<Statement['kind']>([
  'accept',
  'drop',
  'continue',
  'return',
  'jump',
  'goto',
  'reject',
  'queue',
])

/** Something wrong with a ruleset, and where. */
export interface Problem {
  readonly message: string
  readonly position?: Position
}

/** A ruleset that cannot be used; says everything that is wrong with it. */
export class RulesetError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ message }) => message).join('\n'))
    this.name = 'RulesetError'
    this.problems = problems
  }
}

/** What is wrong with a ruleset: unknown fields, names that lead nowhere, loops of jumps. Empty if nothing is. */
export function checkRuleset(ruleset: Ruleset): Problem[] {
  return ruleset.tables.flatMap((table) => [...checkTable(table)])
}

function* checkTable(table: Table): Generator<Problem> {
  yield* duplicates('chain', table.chains)
  yield* duplicates('set', table.sets)
  yield* duplicates('window', table.windows)
  for (const { name, size, rate } of table.windows) {
    if (size * rate > MAXIMUM_STAMPS) {
      const most = Math.floor(MAXIMUM_STAMPS / rate)
      yield {
        message: `window ${name} is too large: at a rate of ${rate} it can hold ${most} sources at most`,
      }
    }
  }
  yield* checkHeldLimits(table)
  for (const set of table.sets) yield* checkElementStatements(set)
  const checked = new Set<NamedSet>()
  for (const chain of table.chains) {
    for (const rule of chain.rules) {
      for (const message of checkRule(table, rule, checked)) yield at(rule, message)
    }
  }
  yield* checkJumps(table)
}

function* duplicates(kind: string, items: readonly { name: string }[]): Generator<Problem> {
  const seen = new Set<string>()
  for (const { name } of items) {
    if (seen.has(name)) yield { message: `there are two ${kind}s named ${name}` }
    seen.add(name)
  }
}

/** Elements of a named set that have statements have those of the set, which say more of them only. */
function* checkElementStatements({
  name,
  elements,
  statements = [],
  position,
}: NamedSet): Generator<Problem> {
  const wanted = statements.map(({ kind }) => kind).join(' ')
  for (const element of elements) {
    const key = element.kind === 'pair' ? element.key : element
    if (key.kind !== 'element' || !key.statements?.length) continue
    const has = key.statements.map(({ kind }) => kind).join(' ')
    if (has === wanted) continue
    const message = `an element of ${name} has ${has}, but ${name} itself has ${wanted === '' ? 'no such statement' : wanted}`
    yield position === undefined ? { message } : { message, position }
    return
  }
}

function at(rule: Rule, message: string): Problem {
  return rule.position === undefined ? { message } : { message, position: rule.position }
}

/** checked: the sets whose elements need no second look, however many rules use them. */
function* checkRule(table: Table, rule: Rule, checked: Set<NamedSet>): Generator<string> {
  const end = rule.statements.findIndex(({ kind }) => TERMINAL.has(kind))
  if (end >= 0 && end < rule.statements.length - 1)
    yield `nothing can follow ${rule.statements[end]!.kind}: it ends the rule`
  for (const statement of rule.statements) {
    yield* checkLimits(statement)
    if (statement.kind === 'match') yield* checkMatch(table, statement, checked)
    else if (statement.kind === 'window' && !table.windows.some(({ name }) => name === statement.name))
      yield `there is no window ${statement.name}`
  }
}

function* checkMatch(table: Table, match: Match, checked: Set<NamedSet>): Generator<string> {
  const unknown = [...selectorsOf(match.left)].filter((selector) => selectorInfo(selector) === undefined)
  for (const selector of unknown) yield `${selectorText(selector)} is not known`
  const parts = unknown.length > 0 ? undefined : typeOf(match.left, table.sets)
  if (parts === undefined) return
  const { right } = match
  const text = isSelector(match.left) ? selectorText(match.left) : parts.map(({ type }) => type).join(' . ')
  if (right.kind === 'reference') {
    const set = table.sets.find(({ name }) => name === right.name)
    if (set === undefined) yield `there is no set ${right.name}`
    else {
      const types = [set.type].flat().join(' . ')
      const wanted = parts.map(({ type }) => type).join(' . ')
      if (types !== wanted && set.typeof === undefined)
        yield `set ${set.name} holds ${types}, but ${text} is ${wanted}`
      else if (!checked.has(set)) {
        checked.add(set)
        yield* checkValues(text, parts, set.elements)
      }
    }
    return
  }
  if (right.kind === 'flags' && !isBitmask(parts[0]!.type)) yield `${text} is no bit mask`
  yield* checkValues(text, parts, right.kind === 'set' ? right.elements : [right])
}

function* checkValues(
  text: string,
  parts: readonly PartType[],
  values: readonly (Element | Expression)[],
): Generator<string> {
  for (const value of values) {
    const key = value.kind === 'pair' || value.kind === 'element' ? keyOf(value) : value
    if (key.kind !== 'concat') yield* checkValue(text, parts[0]!, key)
    else {
      for (const [i, part] of key.parts.entries())
        if (parts[i] !== undefined) yield* checkValue(text, parts[i], part)
    }
  }
}

function* checkValue(text: string, { type, bits }: PartType, value: Element | Expression): Generator<string> {
  const numbers = numbersOf(value)
  const { form } = typeInfo(type)
  const limit = form === 'bit' ? BigInt(bits) : 1n << BigInt(bits)
  for (const number of numbers) {
    if ((form === 'text') !== (typeof number === 'string') && type !== 'iface_index')
      yield `${text} cannot be compared with ${number}`
    else if (typeof number === 'bigint' && (number < 0n || (number >= limit && form !== 'seconds')))
      yield `${number} is out of range for ${text}: 0 to ${limit - 1n}`
  }
  if (value.kind === 'range' && value.from > value.to && type !== 'hour')
    yield `the range ${value.from}-${value.to} is empty`
  if (value.kind === 'prefix' && (value.length < 0 || value.length > bits))
    yield `a prefix of ${text} has 0 to ${bits} bits, not ${value.length}`
}

function numbersOf(value: Element | Expression): readonly (bigint | string)[] {
  switch (value.kind) {
    case 'value':
      return [value.value]
    case 'range':
      return [value.from, value.to]
    case 'prefix':
      return [value.base]
    case 'flags':
      return [value.bits]
    default:
      return []
  }
}

/** The verdicts of a statement that lead to other chains. */
function* jumpsOf(statement: Statement, table: Table): Generator<{ target: string }> {
  if (statement.kind === 'jump' || statement.kind === 'goto') yield statement
  if (statement.kind !== 'vmap') return
  const { map } = statement
  const elements =
    map.kind === 'reference'
      ? (table.sets.find(({ name }) => name === map.name)?.elements ?? [])
      : map.elements
  for (const element of elements) {
    if (element.kind === 'pair' && (element.data.kind === 'jump' || element.data.kind === 'goto'))
      yield element.data
  }
}

function* checkJumps(table: Table): Generator<Problem> {
  const chains = new Map(table.chains.map((chain) => [chain.name, chain]))
  /** How many jumps lead on from a chain; Infinity while its own are being followed, so that a loop shows. */
  const depths = new Map<Chain, number>()
  const problems: Problem[] = []

  function depthOf(chain: Chain, above: number): number {
    const known = depths.get(chain)
    if (known !== undefined) return known
    depths.set(chain, Number.POSITIVE_INFINITY)
    let depth = 0
    for (const rule of chain.rules) {
      for (const statement of rule.statements) {
        for (const { target: name } of jumpsOf(statement, table)) {
          const target = chains.get(name)
          if (target === undefined) problems.push(at(rule, `there is no chain ${name}`))
          else if (target.base !== undefined)
            problems.push(at(rule, `${target.name} is a base chain: it cannot be jumped to`))
          // A chain of chains that long is refused at its head, and need not be followed to its end.
          else if (above < MAXIMUM_CHAINS) {
            const below = depthOf(target, above + 1) + 1
            if (below === Number.POSITIVE_INFINITY)
              problems.push(
                at(rule, `chains jump in a loop: ${chain.name} and ${target.name} lead to each other`),
              )
            else depth = Math.max(depth, below)
          } else depth = Math.max(depth, 1)
        }
      }
    }
    depths.set(chain, depth)
    if (depth > MAXIMUM_JUMPS && chain.base !== undefined)
      problems.push({
        message: `chain ${chain.name} jumps ${depth} deep: ${MAXIMUM_JUMPS} is the most`,
        ...(chain.position === undefined ? {} : { position: chain.position }),
      })
    return depth
  }

  for (const chain of table.chains) depthOf(chain, 0)
  yield* problems
}
