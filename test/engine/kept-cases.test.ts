import { describe, expect, test } from 'vitest'
import { EVALUATORS } from '../../src/engine/host/evaluators.js'
import { differenceOf } from '../kernel/differential/compare.js'
import { keptCases } from '../kernel/differential/kept.js'
import { judgeOurselves } from '../kernel/differential/our-judge.js'

describe.each(EVALUATORS)('what the kernel said of once, says the %s', (evaluator) => {
  test.each(keptCases())('$name', (one) => {
    const ours = judgeOurselves(one, evaluator, one.kernel)
    expect('refused' in ours ? ours : differenceOf(one, one.kernel, ours)).toBeUndefined()
  })
})
