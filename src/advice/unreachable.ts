/** Rules that can never match: behind one that decides all that they could, or contradicting themselves. */
import { TERMINAL } from '../ruleset/check.js'
import type { Chain, Match, Rule, Ruleset, Statement, Table } from '../ruleset/model.js'
import { isSelector, selectorInfo, selectorText } from '../ruleset/selectors.js'
import type { Advice } from './advice.js'
import { answerOf } from './probe.js'
import { type IpFamily, placed, positionsOf } from './rules.js'

/** How many earlier rules a rule is held against. */
const MOST_BEFORE = 2000

export function unreachable({ tables }: Ruleset): Advice[] {
  return tables.flatMap((table) => table.chains.flatMap((chain) => [...inChain(table, chain)]))
}

function* inChain(table: Table, chain: Chain): Generator<Advice> {
  const family: IpFamily = table.family === 'ip6' ? 'ip6' : 'ip'
  /** What rules that decide ask for, the matches as text. */
  const deciding: { rule: Rule; matches: ReadonlySet<string> }[] = []
  for (const rule of chain.rules) {
    const { statements } = placed(rule, chain, table, family)
    const matches = statements.filter((each): each is Match => each.kind === 'match')
    const texts = new Set(matches.map(text))
    const contradiction = contradictory(matches, table, family)
    if (contradiction !== undefined)
      yield {
        id: 'contradiction',
        message: `this rule can never match: ${contradiction}`,
        hint: 'two rules, or a list in braces, if either was meant',
        positions: positionsOf(rule),
      }
    const before = deciding.find(({ matches: wider }) => [...wider].every((each) => texts.has(each)))
    if (before !== undefined)
      yield {
        id: 'unreachable',
        message: 'this rule can never match: a rule before it decides all that it could',
        hint: 'put it before that rule, or take one of the two away',
        positions: positionsOf(rule, before.rule),
      }
    else if (decides(statements) && deciding.length < MOST_BEFORE) deciding.push({ rule, matches: texts })
  }
}

/** Whether a rule settles every packet that its matches let through. */
function decides(statements: readonly Statement[]): boolean {
  const last = statements.at(-1)
  const ends = last !== undefined && TERMINAL.has(last.kind) && !['continue', 'jump'].includes(last.kind)
  return (
    ends &&
    statements.every(
      ({ kind }) => kind === 'match' || kind === 'counter' || kind === 'log' || TERMINAL.has(kind),
    )
  )
}

const text = (match: Match) =>
  JSON.stringify(match, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))

/** What contradicts itself in a rule: a field that is to be two things at once, or two protocols. */
function contradictory(matches: readonly Match[], table: Table, family: IpFamily): string | undefined {
  const known: Record<string, bigint | string> = {}
  for (const match of matches) {
    const { left, operator, right } = match
    if (!isSelector(left)) continue
    const name = selectorText(left)
    for (const { column, value } of selectorInfo(left)?.implies ?? []) {
      if (column !== 'l4proto') continue
      const protocol = known['meta l4proto']
      if (protocol !== undefined && protocol !== BigInt(value)) return `${name} is of another protocol`
      known['meta l4proto'] = BigInt(value)
    }
    const probe = { hook: 'input', family, known } as const
    if (known[name] !== undefined && answerOf(match, probe, table) === 'no')
      return `${name} would have to be two things at once`
    const single = operator === 'in' && right.kind === 'value' && !String(right.value).endsWith('*')
    if (single && selectorInfo(left)?.type !== 'ct_state') known[name] = right.value
  }
  return undefined
}
