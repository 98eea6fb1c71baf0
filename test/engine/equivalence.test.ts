import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compile } from '../../src/engine/compile/compile.js'
import { Engine, policyNumber, Verdict } from '../../src/engine/judge.js'
import { ReferenceEngine } from '../../src/engine/reference/evaluate.js'
import { Packet } from '../../src/packet/packet.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { INTERFACES, ruleset, type Sample, sample } from '../support/arbitrary.js'
import { environment } from '../support/environment.js'

/** What the engine and the reference say about a sequence of packets, in the same words. */
function judgeBoth(rules: Ruleset, samples: readonly Sample[]) {
  const program = compile(rules)
  const engine = new Engine(program, environment())
  const reference = new ReferenceEngine(rules, environment())
  INTERFACES.forEach((name, index) => {
    engine.learnInterface(index, name)
    reference.interfaces.set(index, name)
  })
  const written = rules.tables.flatMap(({ chains }) => chains)
  const bases = written.filter(({ base }) => base !== undefined)
  const allRules = written.flatMap(({ rules }) => rules)
  const packet = new Packet()
  const engineSays: string[] = []
  const referenceSays: string[] = []
  for (const { bytes, hook, iif, oif, mark, ctState, pause } of samples) {
    packet.attach(bytes)
    packet.parse(0, bytes.length)
    Object.assign(packet, { hook, iif, oif, mark, ctState })
    packet.time[0]! += pause
    const verdict = engine.judge(packet) === Verdict.accept ? 'accept' : 'drop'
    engineSays.push(`${verdict} by ${engine.decidedBy}`)
    const said = reference.judge(packet)
    const decider =
      said.rule !== undefined
        ? allRules.indexOf(said.rule)
        : said.chain !== undefined
          ? policyNumber(bases.indexOf(said.chain))
          : packet.present === 0
            ? -2
            : -1
    referenceSays.push(`${said.verdict} by ${decider}`)
  }
  const engineCounts = allRules.map(() => [0, 0])
  program.counters.forEach((rule, counter) => {
    engineCounts[rule]![0]! += engine.counters[counter * 2]!
    engineCounts[rule]![1]! += engine.counters[counter * 2 + 1]!
  })
  const referenceCounts = allRules.map((rule) => {
    const counters = reference.countersOf(rule)
    return [
      counters.reduce((sum, { packets }) => sum + Number(packets), 0),
      counters.reduce((sum, { bytes }) => sum + Number(bytes), 0),
    ]
  })
  return {
    engine: { verdicts: engineSays, counts: engineCounts },
    reference: { verdicts: referenceSays, counts: referenceCounts },
  }
}

test('the tree and the reference evaluator agree on every verdict, decider and counter', () => {
  fc.assert(
    fc.property(ruleset, fc.array(sample, { minLength: 1, maxLength: 60 }), (rules, samples) => {
      const { engine, reference } = judgeBoth(rules, samples)
      expect(engine).toEqual(reference)
    }),
    { numRuns: 1500, seed: 20261122 },
  )
}, 120_000)
