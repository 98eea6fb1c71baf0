/** Rulesets of iptables as text that iptables reads: as commands of a script, or as iptables -S prints them. */

import { type Problem, RulesetError } from '../../../ruleset/check.js'
import type { Chain, Ruleset, Table } from '../../../ruleset/model.js'
import { TABLES } from '../firewall.js'
import { printRuleWords, Unprintable } from './rule.js'
import { type IpFamily, quoted } from './words.js'

/** Commands that make a Ruleset. Throws RulesetError, which names what iptables cannot say. */
export function printIptables({ tables }: Ruleset): string {
  const problems: Problem[] = []
  const lines = tables.flatMap((table) => {
    const family = table.family
    if (family === 'inet' || TABLES[table.name] === undefined || table.sets.length > 0) {
      problems.push({ message: `table ${family} ${table.name} is none of iptables`, ...placeOf(table) })
      return []
    }
    const program = `${family === 'ip' ? 'iptables' : 'ip6tables'}${table.name === 'filter' ? '' : ` -t ${table.name}`}`
    return printTable(table, family, problems).map((line) => `${program} ${line}`)
  })
  if (problems.length > 0) throw new RulesetError(problems)
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

/** The lines of iptables -S; what iptables cannot say goes to the problems. */
export function printTable({ chains }: Table, family: IpFamily, problems: Problem[]): string[] {
  const own = chains.filter(({ base }) => base === undefined)
  const policies = chains.filter(({ base }) => base?.policy === 'drop')
  return [
    ...policies.map(({ name }) => `-P ${name} DROP`),
    ...own.map(({ name }) => `-N ${name}`),
    ...chains.flatMap((chain) => printChain(chain, family, problems)),
  ]
}

function printChain({ name, rules }: Chain, family: IpFamily, problems: Problem[]): string[] {
  return rules.flatMap((rule) => {
    try {
      return [`-A ${[name, ...printRuleWords(rule, family)].map(quoted).join(' ')}`]
    } catch (error) {
      if (!(error instanceof Unprintable)) throw error
      problems.push({ message: `iptables has no word for ${error.message}`, ...placeOf(rule) })
      return []
    }
  })
}

function placeOf({ position }: Pick<Chain, 'position'>): Pick<Problem, 'position'> {
  return position === undefined ? {} : { position }
}
