import { compile } from '../engine/compile/compile.js'
import type { Environment, Supply } from '../engine/environment.js'
import { Engine } from '../engine/judge.js'
import type { Ruleset } from '../ruleset/model.js'

export interface EngineOptions extends Partial<Environment> {
  /** What the source of packets tells of them: what a policy asks beyond that is refused. Default: all of it. */
  readonly supplies?: Iterable<Supply>
}

/**
 * An engine for a policy. Without options its hash tables are seeded by the system's random numbers, and its clock begins
 * with the packets'. Throws RulesetError with everything that cannot be decided.
 */
export function createEngine(
  policy: Ruleset | { readonly ruleset: Ruleset },
  { supplies, ...environment }: EngineOptions = {},
): Engine {
  const ruleset = 'ruleset' in policy ? policy.ruleset : policy
  const program = compile(ruleset, supplies === undefined ? undefined : new Set(supplies))
  const [a = 0, b = 0] = crypto.getRandomValues(new Int32Array(2))
  const drawn = new Uint32Array(1)
  const random = () => crypto.getRandomValues(drawn)[0]!
  return new Engine(program, { seeds: [a, b], random, ...environment })
}
