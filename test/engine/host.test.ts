import { describe, expect, test } from 'vitest'
import { EVALUATORS } from '../../src/cli/judge/evaluators.js'
import { judgeOurselves } from '../kernel/differential/our-judge.js'
import { HOST_CASES } from '../support/host-cases.js'

describe.each(EVALUATORS)('a host around the %s', (evaluator) => {
  test.each(HOST_CASES)('$name', ({ name, rules, steps, forwards }) => {
    const one = { name, loader: 'nft', rules, lines: steps.map(([line]) => line), forwards } as const
    const outcome = judgeOurselves(one, evaluator, { loaded: 0, origin: 0n })
    const said =
      'answers' in outcome ? outcome.answers.map(({ verdict, mark }) => `${verdict} ${mark}`) : outcome
    expect(said).toEqual(steps.map(([, answer]) => (answer.includes(' ') ? answer : `${answer} 0`)))
  })
})
