import type { Chain, Position, Right, Rule, Ruleset, Statement, Table } from './model.js'
import { selectorInfo, selectorText } from './selectors.js'

/** How deep chains may be nested by jumps, as in the kernel (NFT_JUMP_STACK_SIZE less the base chain). */
export const MAXIMUM_JUMPS = 15
/** Bound on size × rate of a window: its stamps take eight bytes each. */
export const MAXIMUM_STAMPS = 2 ** 26

const VERDICTS: ReadonlySet<string> = new Set(['accept', 'drop', 'continue', 'return', 'jump', 'goto'])

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
  for (const chain of table.chains) {
    for (const rule of chain.rules) {
      for (const message of checkRule(table, rule)) yield at(rule, message)
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

function at(rule: Rule, message: string): Problem {
  return rule.position === undefined ? { message } : { message, position: rule.position }
}

function* checkRule(table: Table, rule: Rule): Generator<string> {
  const verdict = rule.statements.findIndex(({ kind }) => VERDICTS.has(kind))
  if (verdict >= 0 && verdict < rule.statements.length - 1)
    yield `nothing can follow ${rule.statements[verdict]!.kind}: it ends the rule`
  for (const statement of rule.statements) {
    if (statement.kind === 'match') yield* checkMatch(table, statement)
    else if (statement.kind === 'window' && !table.windows.some(({ name }) => name === statement.name))
      yield `there is no window ${statement.name}`
  }
}

function* checkMatch(table: Table, match: Extract<Statement, { kind: 'match' }>): Generator<string> {
  const info = selectorInfo(match.left)
  const text = selectorText(match.left)
  if (info === undefined) {
    yield `${text} is not known`
    return
  }
  const { right } = match
  if (right.kind === 'reference') {
    const set = table.sets.find(({ name }) => name === right.name)
    if (set === undefined) yield `there is no set ${right.name}`
    else if (set.type !== info.type) yield `set ${set.name} holds ${set.type}, but ${text} is ${info.type}`
    else yield* checkValues(text, info.type === 'ifname', info.bits, set.elements)
    return
  }
  if (right.kind === 'flags' && info.type !== 'ct_state') yield `${text} is no bit mask`
  yield* checkValues(text, info.type === 'ifname', info.bits, right.kind === 'set' ? right.elements : [right])
}

function* checkValues(
  text: string,
  names: boolean,
  bits: number,
  values: readonly Right[],
): Generator<string> {
  const limit = 1n << BigInt(bits)
  for (const value of values) {
    const numbers =
      value.kind === 'value'
        ? [value.value]
        : value.kind === 'range'
          ? [value.from, value.to]
          : value.kind === 'prefix'
            ? [value.base]
            : value.kind === 'flags'
              ? [value.bits]
              : []
    for (const number of numbers) {
      if (names !== (typeof number === 'string')) yield `${text} cannot be compared with ${number}`
      else if (typeof number === 'bigint' && (number < 0n || number >= limit))
        yield `${number} is out of range for ${text}: 0 to ${limit - 1n}`
    }
    if (value.kind === 'range' && value.from > value.to) yield `the range ${value.from}-${value.to} is empty`
    if (value.kind === 'prefix' && (value.length < 0 || value.length > bits))
      yield `a prefix of ${text} has 0 to ${bits} bits, not ${value.length}`
  }
}

function* checkJumps(table: Table): Generator<Problem> {
  const chains = new Map(table.chains.map((chain) => [chain.name, chain]))
  /** How many jumps lead on from a chain; Infinity while its own are being followed, so that a loop shows. */
  const depths = new Map<Chain, number>()
  const problems: Problem[] = []

  function depthOf(chain: Chain): number {
    const known = depths.get(chain)
    if (known !== undefined) return known
    depths.set(chain, Number.POSITIVE_INFINITY)
    let depth = 0
    for (const rule of chain.rules) {
      for (const statement of rule.statements) {
        if (statement.kind !== 'jump' && statement.kind !== 'goto') continue
        const target = chains.get(statement.target)
        if (target === undefined) problems.push(at(rule, `there is no chain ${statement.target}`))
        else if (target.base !== undefined)
          problems.push(at(rule, `${target.name} is a base chain: it cannot be jumped to`))
        else {
          const below = depthOf(target) + 1
          if (below === Number.POSITIVE_INFINITY)
            problems.push(
              at(rule, `chains jump in a loop: ${chain.name} and ${target.name} lead to each other`),
            )
          else depth = Math.max(depth, below)
        }
      }
    }
    depths.set(chain, depth)
    if (depth > MAXIMUM_JUMPS && chain.base !== undefined)
      problems.push({ message: `chain ${chain.name} jumps ${depth} deep: ${MAXIMUM_JUMPS} is the most` })
    return depth
  }

  table.chains.forEach(depthOf)
  yield* problems
}
