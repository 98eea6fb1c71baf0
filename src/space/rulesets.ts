import { evaluable } from '../engine/evaluable.js'
import type { HookName } from '../packet/packet.js'
import { checkRuleset, RulesetError } from '../ruleset/check.js'
import type { Chain, Ruleset, Table } from '../ruleset/model.js'
import type { Version } from './fields.js'

/** Throws RulesetError if there is anything wrong with a ruleset, or anything in it that cannot be decided. */
export function refuseWhatCannotBeJudged(ruleset: Ruleset): void {
  const problems = [...checkRuleset(ruleset), ...evaluable(ruleset)]
  if (problems.length > 0) throw new RulesetError(problems)
}

/** The base chains at a hook that packets of a version run through, in their order. */
export function basesAt(ruleset: Ruleset, hook: HookName, family: Version): { table: Table; chain: Chain }[] {
  const all = ruleset.tables.flatMap((table) => {
    const isOurs = table.family === 'inet' || table.family === family
    if (table.dormant || !isOurs) return []
    return table.chains.filter(({ base }) => base?.hook === hook).map((chain) => ({ table, chain }))
  })
  // The kernel runs the later registered of two equal priorities first.
  return all.reverse().sort((a, b) => a.chain.base!.priority - b.chain.base!.priority)
}

/** Whether rules write what rules may ask for. */
export function isWriting({ tables }: Ruleset): boolean {
  return tables.some(({ chains }) =>
    chains.some(({ rules }) =>
      rules.some(({ statements }) => statements.some(({ kind }) => kind === 'mangle' || kind === 'notrack')),
    ),
  )
}
