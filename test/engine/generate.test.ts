import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeList, toNft } from '../../bench/classbench.js'
import { compile } from '../../src/engine/compile/compile.js'
import { generateSearch, UNKNOWN } from '../../src/engine/generate.js'
import { search } from '../../src/engine/search.js'
import { loadNft } from '../../src/language/nft/load.js'
import { Family, Packet } from '../../src/packet/packet.js'
import { ruleset, sample } from '../support/arbitrary.js'

test('generated code finds what the search does', () => {
  fc.assert(
    fc.property(ruleset, fc.array(sample, { minLength: 5, maxLength: 30 }), (rules, samples) => {
      const { code, hooks, chains } = compile(rules)
      const generated = generateSearch(code, chains)
      const packet = new Packet()
      for (const { bytes, hook, ctState, mark } of samples) {
        packet.attach(bytes)
        packet.parse(0, bytes.length)
        Object.assign(packet, { ctState, mark })
        for (const { entry } of hooks[hook * 2 + (packet.family === Family.ipv6 ? 1 : 0)]!) {
          const found = generated(packet.fields, entry)
          if (found !== UNKNOWN) expect(found).toBe(search(code, packet.fields, entry, -1))
        }
      }
    }),
    { numRuns: 200, seed: 20261122 },
  )
}, 60_000)

test('long chains are left to the search', () => {
  const { code, chains } = compile(loadNft(toNft(makeList('acl-like', 500, 1).rules), 'l.nft').ruleset)
  expect(generateSearch(code, chains)(new Packet().fields, chains[0]!)).toBe(UNKNOWN)
})
