import type { Rule, Statement } from '../ruleset/model.js'
import { matchAsNft, protocolOf } from '../ruleset/xtables-as-nft.js'
import type { Version } from './fields.js'
import type { Numbered } from './space.js'

/** Whether nothing that comes to some statements goes on to the next rule. */
export function isFinal(statements: readonly Numbered[]): boolean {
  const last = statements.at(-1)?.statement.kind ?? ''
  if (!FINAL.has(last)) return false
  return statements
    .slice(0, -1)
    .every(({ statement }) => statement.kind === 'counter' || statement.kind === 'log')
}

const FINAL: ReadonlySet<string> = new Set(['accept', 'drop', 'reject', 'return', 'goto'])

/** The statements of a rule, in nft's words as far as nft has them, each by its number. */
export function spelt(rule: Rule, family: Version): { statement: Statement; number: number }[] {
  const protocol = rule.statements.map(protocolOf).find((number) => number !== undefined)
  return rule.statements.flatMap((statement, number) => {
    const said = statement.kind === 'xtables' ? matchAsNft(statement, { family, protocol }) : undefined
    return (said ?? [statement]).map((each) => ({ statement: each, number }))
  })
}
