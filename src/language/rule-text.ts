import type { Rule, Table } from '../ruleset/model.js'
import { printRuleWords, Unprintable } from './iptables/print/rule.js'
import { printStatements } from './nft/print/statement.js'

/** A rule in the language that it most likely comes from. */
export function ruleText(rule: Rule, table: Pick<Table, 'family' | 'sets'>): string {
  const isXtables = rule.statements.some(({ kind }) => kind === 'xtables' || kind === 'xtables target')
  if (isXtables && table.family !== 'inet') {
    try {
      return printRuleWords(rule, table.family).join(' ')
    } catch (error) {
      if (!(error instanceof Unprintable)) throw error
    }
  }
  return printStatements(rule, table.sets, table.family)
}
