import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Hook } from '../../src/packet/packet.js'
import { referenceSays, type Sample, treeSays } from '../support/evaluators.js'
import { packets } from '../support/language/packets.js'
import { rulesets } from '../support/language/rulesets.js'
import { ADDRESSES4, ADDRESSES6, INTERFACE_NAMES, MARKS } from '../support/language/values.js'

const NAMES = ['', ...INTERFACE_NAMES]

// Few addresses, so that packets meet each other's connections.
const bytes = packets({ sources: [...ADDRESSES4.slice(0, 3), ...ADDRESSES6.slice(0, 3)] })

const sample: fc.Arbitrary<Sample> = fc.record({
  bytes,
  hook: fc.constantFrom(...Object.values(Hook)),
  iif: fc.nat(NAMES.length - 1),
  oif: fc.nat(NAMES.length - 1),
  mark: fc.constantFrom(...MARKS.map((mark) => mark | 0)),
  uid: fc.constantFrom(-1, 0, 1000),
  priority: fc.constantFrom(0, 0x10001),
  pkttype: fc.constantFrom(0, 0, 0, 1, 2, 3),
  pause: fc.constantFrom(0, 1000, 999_999, 4_000_000, 200_000_000, 1_000_000_000, 61_000_000_000),
})

test('the tree and the reference evaluator agree on the complete language', () => {
  fc.assert(
    fc.property(rulesets(), fc.array(sample, { minLength: 1, maxLength: 50 }), (ruleset, samples) => {
      expect(treeSays(ruleset, samples, NAMES)).toEqual(referenceSays(ruleset, samples, NAMES))
    }),
    { numRuns: 300, seed: 20261122 },
  )
}, 120_000)
