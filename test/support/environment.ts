import type { Environment } from '../../src/engine/environment.js'

/** An environment without a host: the same numbers in each run. */
export function environment(more: Partial<Environment> = {}): Environment {
  let state = 1
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state
  }
  return { seeds: [1, 2], random, ...more }
}
