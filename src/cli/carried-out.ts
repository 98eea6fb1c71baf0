import { type Problem, RulesetError } from '../ruleset/check.js'
import type { Chain, Position, Ruleset } from '../ruleset/model.js'

/** What the gate does not see must not seem to be guarded. Throws RulesetError if there is such. */
export function checkCarriedOut({ tables }: Ruleset): void {
  const problems = tables.flatMap(({ chains }) => chains.flatMap((chain) => [...notCarriedOut(chain)]))
  if (problems.length > 0) throw new RulesetError(problems)
}

function* notCarriedOut({ name, base, rules, position }: Chain): Generator<Problem> {
  if (base !== undefined && base.hook !== 'input' && base.hook !== 'output')
    yield problem(
      `chain ${name} is at the hook ${base.hook}: run guards input and output only so far`,
      position,
    )
  for (const rule of rules) {
    for (const { kind } of rule.statements) {
      if (kind === 'reject' || kind === 'log')
        yield problem(`run does not carry out ${kind} so far: ${INSTEAD[kind]}`, rule.position)
    }
  }
}

const INSTEAD = {
  reject: 'use drop',
  log: 'what is refused is logged without it',
}

function problem(message: string, position: Position | undefined): Problem {
  return position === undefined ? { message } : { message, position }
}
