import type { Problem } from '../problem.js'
import type { Increment } from './jail.js'
import type { Options } from './options.js'
import { parseSpan } from './values.js'

/** A longest ban that is never reached. */
const NO_LIMIT = Number.POSITIVE_INFINITY

/** How a jail's bans grow; undefined if they do not. */
export function readIncrement(options: Options, problems: Problem[]): Increment | undefined {
  if (!options.boolean('bantime.increment', false)) return undefined
  const formula = options.text('bantime.formula')
  if (formula !== undefined)
    problems.push({
      position: formula.at(0),
      length: formula.text.length,
      message: 'bantime.formula is a program in Python, which Portcullis does not run',
      hint: 'bantime.multipliers = 1 2 4 8 … says the same; without it bans double',
    })
  const multipliers: number[] = []
  const value = options.text('bantime.multipliers')
  for (const word of value?.text.matchAll(/[^\s,]+/g) ?? []) {
    const multiplier = Number(word[0])
    if (multiplier > 0 && Number.isFinite(multiplier)) multipliers.push(multiplier)
    else
      problems.push({
        position: value!.at(word.index),
        length: word[0].length,
        message: `${word[0]} is no multiplier`,
      })
  }
  const factor = options.text('bantime.factor')
  return {
    multipliers,
    factor: factor === undefined ? 1 : (parseSpan(factor.text) ?? 1000) / 1000,
    most: options.span('bantime.maxtime', NO_LIMIT),
    random: options.span('bantime.rndtime', 0),
    allJails: options.boolean('bantime.overalljails', false),
  }
}
