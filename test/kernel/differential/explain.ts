/** Explanations held against the engine, on rulesets and packets without end. */
import fc from 'fast-check'
import { printRuleset } from '../../../src/language/nft/print/ruleset.js'
import { Random } from '../../support/conversations/random.js'
import { occasion, sayBoth } from '../../support/explained.js'
import { rulesets } from '../../support/language/rulesets.js'

/** Packets that meet a ruleset. */
const ROUND = 1000

export interface ExplainBounds {
  readonly seed: number
  readonly packets: number
  /** Of performance.now(). */
  readonly until: number
  readonly progress: (packets: number) => void
}

/** Returns the first difference in words, or undefined. */
export function explainUntil({ seed, packets, until, progress }: ExplainBounds): string | undefined {
  const random = new Random(seed)
  for (let done = 0; done < packets && performance.now() < until; done += ROUND) {
    const [ruleset] = fc.sample(rulesets(), { seed: random.word() | 0, numRuns: 1 })
    const occasions = fc.sample(occasion, {
      seed: random.word() | 0,
      numRuns: Math.min(ROUND, packets - done),
    })
    const { engine, explained } = sayBoth(ruleset!, occasions)
    const at = engine.findIndex((verdict, i) => verdict !== explained[i])
    if (at >= 0) {
      const { bytes, way } = occasions[at]!
      const packet = `${JSON.stringify(way)} ${Buffer.from(bytes).toString('hex')}`
      return `packet ${at} (${packet}): the engine says ${engine[at]}, its explanation ${explained[at]}\n${printRuleset(ruleset!)}`
    }
    progress(done + occasions.length)
  }
  return undefined
}
