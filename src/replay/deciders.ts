/** Who decides, in words. */
import { ruleText } from '../language/rule-text.js'
import type { Ruleset } from '../ruleset/model.js'

/** A rule, a base chain whose policy decides, or nobody. */
export interface Decider {
  readonly kind: 'rule' | 'policy' | 'nobody'
  readonly table?: string
  readonly chain?: string
  /** `FILE:LINE` of a rule. */
  readonly place?: string
  /** A rule's comment: of a policy's rule its name. */
  readonly name?: string
  /** A rule in the language that it most likely comes from, or what decided in its place. */
  readonly text: string
}

/** All who may decide, by the numbers of ReplayEvaluator.decider. */
export function decidersOf({ tables }: Ruleset): readonly Decider[] {
  const rules: Decider[] = []
  const policies: Decider[] = []
  for (const { name: table, family, sets, chains } of tables) {
    for (const { name: chain, base, rules: own } of chains) {
      for (const rule of own) {
        const { position, comment } = rule
        rules.push({
          kind: 'rule',
          table,
          chain,
          ...(position === undefined ? {} : { place: `${position.file}:${position.line}` }),
          ...(comment === undefined ? {} : { name: comment }),
          text: ruleText(rule, { family, sets }),
        })
      }
      if (base !== undefined)
        policies.push({ kind: 'policy', table, chain, text: `policy of chain ${chain}: ${base.policy}` })
    }
  }
  return [...rules, ...policies, { kind: 'nobody', text: 'no chain at its hooks' }]
}

/** In a line: the place, the name, and the rule. */
export function deciderText({ kind, place, name, chain, text }: Decider): string {
  if (kind !== 'rule') return text
  const comment = name === undefined ? '' : ` # ${name}`
  return `${place ?? `chain ${chain}`}: ${text}${comment}`
}
