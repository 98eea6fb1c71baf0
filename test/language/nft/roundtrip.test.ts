import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ReferenceEngine } from '../../../src/engine/reference/evaluate.js'
import { LanguageError } from '../../../src/language/diagnostic.js'
import { parseJson } from '../../../src/language/json/load.js'
import { writeRuleset } from '../../../src/language/json/write.js'
import { parseNft } from '../../../src/language/nft/load.js'
import { printRuleset } from '../../../src/language/nft/print/ruleset.js'
import { parsePolicy } from '../../../src/language/policy/load.js'
import { Packet } from '../../../src/packet/packet.js'
import type { Ruleset } from '../../../src/ruleset/model.js'
import { INTERFACES, sample } from '../../support/arbitrary.js'
import { environment } from '../../support/environment.js'
import { table, textOf } from '../../support/nft-text.js'

/** A ruleset without the places that it came from. */
function withoutPlaces(ruleset: Ruleset): unknown {
  const { tables } = structuredClone(ruleset)
  return JSON.parse(
    JSON.stringify(tables, (key, value: unknown) => {
      if (key === 'position') return undefined
      return typeof value === 'bigint' ? `${value}n` : value
    }),
  )
}

/** The rules of a table that can be read: those that contradict themselves are left out. */
function readable(generated: { head: string; rules: string[] }): { head: string; rules: string[] } {
  return {
    ...generated,
    rules: generated.rules.filter((rule) => makesSense({ ...generated, rules: [rule] })),
  }
}

function makesSense(generated: { head: string; rules: string[] }): boolean {
  try {
    parseNft(textOf(generated), 'generated.nft')
    return true
  } catch (error) {
    if (error instanceof LanguageError) return false
    throw error
  }
}

test('what is printed, as text or as JSON, is read as the same ruleset', () => {
  let rules = 0
  let kept = 0
  fc.assert(
    fc.property(table(true), (generated) => {
      const sound = readable(generated)
      rules += generated.rules.length
      kept += sound.rules.length
      const ruleset = parseNft(textOf(sound), 'generated.nft')
      const text = printRuleset(ruleset)
      const again = parseNft(text, 'printed.nft')
      expect(withoutPlaces(again)).toEqual(withoutPlaces(ruleset))
      expect(printRuleset(again)).toBe(text)
      const json = JSON.stringify(writeRuleset(ruleset))
      expect(withoutPlaces(parseJson(json, 'printed.json'))).toEqual(withoutPlaces(ruleset))
    }),
    { numRuns: 600, seed: 20261122 },
  )
  expect(kept / rules).toBeGreaterThan(0.5)
}, 120_000)

test('the example policy, printed as nft text and as JSON and read again, judges the same', () => {
  const policy = parsePolicy(readFileSync('examples/ai-server.yaml', 'utf8'), 'ai-server.yaml')
  const text = printRuleset(policy)
  const rulesets = [
    policy,
    parseNft(text, 'ai-server.nft'),
    parseJson(JSON.stringify(writeRuleset(policy)), 'ai-server.json'),
  ]
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1, maxLength: 60 }), (samples) => {
      const [first, ...others] = rulesets.map((ruleset) => verdicts(ruleset, samples))
      for (const other of others) expect(other).toEqual(first)
    }),
    { numRuns: 100, seed: 20261122 },
  )
})

function verdicts(ruleset: Ruleset, samples: readonly { bytes: Uint8Array; pause: number }[]): string[] {
  const engine = new ReferenceEngine(ruleset, environment())
  INTERFACES.forEach((name, index) => {
    engine.interfaces.set(index, name)
  })
  const packet = new Packet()
  return samples.map(({ bytes, pause, ...metadata }) => {
    packet.attach(bytes)
    packet.parse(0, bytes.length)
    Object.assign(packet, metadata)
    packet.time[0]! += pause
    const { verdict, rule } = engine.judge(packet)
    return `${verdict} ${rule?.comment ?? ''}`
  })
}
