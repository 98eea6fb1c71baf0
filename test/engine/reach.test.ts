import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileChains } from '../../src/engine/compile/compile.js'
import { unreachable } from '../../src/engine/compile/reach.js'
import { Engine } from '../../src/engine/judge.js'
import { loadNft } from '../../src/language/nft/load.js'
import { Packet } from '../../src/packet/packet.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { INTERFACES, ruleset, sample } from '../support/arbitrary.js'
import { environment } from '../support/environment.js'

function unreachableOf(rules: Ruleset) {
  const { program, chains } = compileChains(rules)
  return unreachable(chains, program.rules.length)
}

function ofText(rules: string, family = 'inet') {
  const text = `table ${family} t {\nchain c {\ntype filter hook input priority 0;\n${rules}\n}\n}\n`
  return unreachableOf(loadNft(text, 'r.nft').ruleset)
}

describe('rules that no packet comes to', () => {
  test('one rule covers another', () => {
    expect(ofText('tcp dport 22 accept\nip saddr 10.0.0.0/8 tcp dport 22 counter drop')).toEqual([
      { rule: 1, by: 0 },
    ])
    expect(ofText('ip6 saddr fd00::/8 drop\nip6 saddr fd00:1::/32 tcp dport 1 accept')).toEqual([
      { rule: 1, by: 0 },
    ])
    expect(ofText('tcp dport 22 accept\ntcp dport 1-100 accept\ntcp dport { 22, 80 } drop')).toEqual([
      { rule: 2, by: 1 },
    ])
  })

  test('several do together', () => {
    expect(ofText('tcp dport < 1000 drop\ntcp dport >= 1000 drop\ntcp dport 900-1100 accept', 'ip')).toEqual([
      { rule: 2, by: 'several' },
    ])
  })

  test('what it asks for excludes itself', () => {
    expect(ofText('ct state new ct state established accept')).toEqual([{ rule: 0, by: 'none' }])
  })

  test('a rule that may let packets go on covers nothing', () => {
    expect(ofText('tcp dport 22 limit rate 1/second accept\ntcp dport 22 drop')).toEqual([])
    expect(ofText('tcp dport 22 counter\ntcp dport 22 drop')).toEqual([])
    expect(ofText('ip daddr 10.0.0.1 accept\naccept\n')).toEqual([])
  })

  test('a rule that packets of one IP version come to is not told of', () => {
    expect(ofText('meta nfproto ipv4 accept\ntcp dport 22 accept')).toEqual([])
    expect(ofText('meta nfproto ipv4 accept\nmeta nfproto ipv6 drop\ntcp dport 22 accept')).toEqual([
      { rule: 2, by: 'several' },
    ])
  })

  test('never is a rule told of that a packet comes to', () => {
    fc.assert(
      fc.property(ruleset, fc.array(sample, { minLength: 20, maxLength: 60 }), (rules, samples) => {
        const { program, chains } = compileChains(rules)
        const told = new Set(unreachable(chains, program.rules.length).map(({ rule }) => rule))
        const engine = new Engine(program, environment())
        for (const [index, name] of INTERFACES.entries()) engine.learnInterface(index, name)
        const packet = new Packet()
        for (const { bytes, hook, iif, oif, mark, ctState } of samples) {
          packet.attach(bytes)
          packet.parse(0, bytes.length)
          Object.assign(packet, { hook, iif, oif, mark, ctState })
          engine.judge(packet)
          expect(told.has(engine.decidedBy)).toBe(false)
        }
        program.counters.forEach((rule, counter) => {
          if (told.has(rule)) expect(engine.counters[counter * 2]).toBe(0)
        })
      }),
      { numRuns: 100, seed: 20261122 },
    )
  }, 60_000)
})
