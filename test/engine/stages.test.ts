import { expect, test } from 'vitest'
import { chainsByStage, Stage } from '../../src/engine/program.js'

test('chains are told apart by what the kernel does between them, a bound belonging to what comes behind it', () => {
  const chains = [-401, -400, -201, -200, 0].map((priority, chain) => ({
    entry: 0,
    accepts: true,
    chain,
    priority,
  }))
  const stages = chainsByStage(chains).map((some) => some.map(({ priority }) => priority))
  expect(stages[Stage.beforeFragments]).toEqual([-401])
  expect(stages[Stage.beforeTracking]).toEqual([-400, -201])
  expect(stages[Stage.tracked]).toEqual([-200, 0])
  expect(stages[Stage.all]).toEqual([-401, -400, -201, -200, 0])
})
