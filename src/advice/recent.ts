/** `--set` before `--update` or `--rcheck`: what the pair really counts (net/netfilter/xt_recent.c). */
import type { Rule, Ruleset } from '../ruleset/model.js'
import type { RecentMatch } from '../ruleset/xtables.js'
import type { Advice } from './advice.js'
import { positionsOf } from './rules.js'

/** How many addresses a list keeps if the module was not told otherwise (ip_list_tot). */
const LIST = 100

export function recentPairs({ tables }: Ruleset): Advice[] {
  return tables.flatMap(({ chains }) => chains.flatMap(({ rules }) => [...inChain(rules)]))
}

function* inChain(rules: readonly Rule[]): Generator<Advice> {
  const sets = new Map<string, Rule>()
  for (const rule of rules) {
    for (const statement of rule.statements) {
      if (statement.kind !== 'xtables' || statement.name !== 'recent' || statement.invert) continue
      const set = sets.get(statement.list)
      if (statement.operation === 'set') sets.set(statement.list, rule)
      else if (set !== undefined && set !== rule && (statement.hitcount ?? 0) > 1 && refuses(rule))
        yield aboutPair(set, rule, statement)
    }
  }
}

function refuses({ statements }: Rule): boolean {
  return statements.some(
    ({ kind }) => kind === 'drop' || kind === 'reject' || kind === 'jump' || kind === 'goto',
  )
}

function aboutPair(set: Rule, check: Rule, { list, operation, hitcount = 0, seconds }: RecentMatch): Advice {
  const span = seconds === undefined ? '' : ` in ${seconds} s`
  const update = operation === 'update'
  const renewed = update
    ? ` Each refused attempt counts ${seconds === undefined ? 'again' : `twice and begins the ${seconds} s anew`}: who goes on trying stays out.`
    : ' Refused attempts count as well.'
  return {
    id: 'recent-pair',
    message: `--set stands before --${operation} --hitcount ${hitcount}: the list ${list} holds the packet already when it is counted, so ${hitcount - 1}${span} get through, not ${hitcount}.${renewed} And the list keeps ${LIST} addresses: after ${LIST} others, an offender is forgotten.`,
    hint: `a policy says it exactly: limit: ${hitcount} per ${seconds ?? 60} seconds per source`,
    positions: positionsOf(set, check),
  }
}
