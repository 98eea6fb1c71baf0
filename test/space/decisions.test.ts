import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Family, Hook, type HookName, Packet } from '../../src/packet/packet.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { Decisions } from '../../src/space/decisions.js'
import { Space } from '../../src/space/space.js'
import { INTERFACES, ruleset, type Sample, sample } from '../support/arbitrary.js'
import { judges } from './support/judges.js'
import { pointOf } from './support/points.js'

/** Windows have a state, which no diagram knows: they are taken out. */
function withoutWindows({ tables }: Ruleset): Ruleset {
  return {
    tables: tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) => ({
        ...chain,
        rules: chain.rules.map((rule) => ({
          ...rule,
          statements: rule.statements.filter(({ kind }) => kind !== 'window'),
        })),
      })),
    })),
  }
}

function packetOf({ bytes, hook, iif, oif, mark, ctState }: Sample): Packet {
  const packet = new Packet()
  packet.attach(bytes)
  packet.parse(0, bytes.length)
  return Object.assign(packet, { hook, iif, oif, mark, ctState })
}

const STATES: readonly number[] = [1, 2, 4, 8, 64]

test('a diagram says of each packet what both evaluators say', () => {
  let asked = 0
  fc.assert(
    fc.property(ruleset, fc.array(sample, { minLength: 20, maxLength: 60 }), (rules, samples) => {
      const plain = withoutWindows(rules)
      const judge = judges(plain, INTERFACES)
      const space = new Space()
      const decisions = new Decisions(space, plain)
      const nodes = new Map<string, number>()
      for (const each of samples) {
        const packet = packetOf(each)
        if (packet.present === 0 || packet.fragmentOffset !== 0 || !STATES.includes(packet.ctState)) continue
        const hook = Object.entries(Hook).find(([, number]) => number === packet.hook)![0] as HookName
        const family = packet.family === Family.ipv4 ? 'ip' : 'ip6'
        const node = nodes.get(`${hook} ${family}`) ?? decisions.at(hook, family)
        nodes.set(`${hook} ${family}`, node)
        const names = { iifname: INTERFACES[packet.iif]!, oifname: INTERFACES[packet.oif]! }
        const point = pointOf(packet, names, space.fields)
        const outcome = space.outcomes.at(space.diagram.at(node, (variable) => point.get(variable) ?? false))
        expect(outcome.verdict === 'accept').toBe(judge(packet).accepted)
        asked++
      }
    }),
    { numRuns: 80, seed: 20261122 },
  )
  expect(asked).toBeGreaterThan(700)
}, 60_000)
