import { describe, expect, test } from 'vitest'
import { compile } from '../../src/engine/compile/compile.js'
import { Engine } from '../../src/engine/judge.js'
import { Packet } from '../../src/packet/packet.js'
import type { PrefixElement, Range, Rule, Ruleset, Value } from '../../src/ruleset/model.js'
import { environment } from '../support/environment.js'
import { segment } from '../support/packets.js'

type Plain = Value | Range | PrefixElement

const prefix = (base: number, length: number): Plain => ({
  kind: 'prefix',
  base: BigInt(base),
  length,
})

function match(protocol: string, field: string, right: Plain): Rule['statements'][number] {
  return { kind: 'match', operator: 'in', left: { kind: 'payload', protocol, field }, right }
}

function rulesetOf(rules: readonly Rule[], sets: Ruleset['tables'][number]['sets'] = []): Ruleset {
  const base = { type: 'filter', hook: 'input', priority: 0, policy: 'drop' } as const
  return { tables: [{ family: 'inet', name: 't', sets, windows: [], chains: [{ name: 'in', base, rules }] }] }
}

/** The number of the rule that decides on a TCP segment. */
function decider(ruleset: Ruleset): (source: string, destination: string, port: number) => number {
  const engine = new Engine(compile(ruleset), environment())
  const packet = new Packet()
  return (source, destination, port) => {
    const bytes = segment('tcp', source, destination, port)
    packet.attach(bytes)
    packet.parse(0, bytes.length)
    engine.judge(packet)
    return engine.decidedBy
  }
}

describe('the tree', () => {
  test('10,000 rules, each found', () => {
    const rules = Array.from(
      { length: 10_000 },
      (_, i): Rule => ({
        statements: [
          match('ip', 'saddr', prefix(0x0a000000 + i * 256, 24)),
          match('tcp', 'dport', { kind: 'value', value: BigInt(1000 + (i % 50)) }),
          { kind: 'accept' },
        ],
      }),
    )
    const decide = decider(rulesetOf(rules))
    for (let i = 0; i < 10_000; i += 97) {
      expect(decide(`10.${(i >> 8) & 255}.${i & 255}.9`, '10.0.0.50', 1000 + (i % 50))).toBe(i)
    }
    expect(decide('10.0.5.9', '10.0.0.50', 1006)).toBeLessThan(0)
  }, 60_000)

  test('stays within its bounds on boxes made to multiply rules, and stays right', () => {
    const random = (() => {
      let state = 7
      return (below: number) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0
        return Math.floor((state / 2 ** 32) * below)
      }
    })()
    const range = (bits: number): Plain => {
      const ends = [BigInt(random(2 ** bits)), BigInt(random(2 ** bits))].sort((a, b) => (a < b ? -1 : 1))
      return { kind: 'range', from: ends[0]!, to: ends[1]! }
    }
    const boxes = Array.from({ length: 400 }, () => [range(32), range(32), range(16)] as const)
    const rules = boxes.map(
      ([source, destination, port]): Rule => ({
        statements: [
          match('ip', 'saddr', source),
          match('ip', 'daddr', destination),
          match('tcp', 'dport', port),
          { kind: 'accept' },
        ],
      }),
    )
    const ruleset = rulesetOf(rules)
    expect(compile(ruleset).figures.bytes).toBeLessThan(64 * 2 ** 20)
    const decide = decider(ruleset)
    const holds = (element: Plain, value: number) =>
      element.kind === 'range' && element.from <= BigInt(value) && BigInt(value) <= element.to
    const text = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
    for (let i = 0; i < 2000; i++) {
      const point = [random(2 ** 32), random(2 ** 32), random(2 ** 16)] as const
      const first = boxes.findIndex((box) => box.every((element, at) => holds(element, point[at]!)))
      const decided = decide(text(point[0]), text(point[1]), point[2])
      expect(first < 0 ? decided < 0 : decided === first).toBe(true)
    }
  }, 60_000)

  test('a set of 20,000 prefixes is one look-up', () => {
    const elements = Array.from({ length: 20_000 }, (_, i) => prefix(((i * 7919) << 8) >>> 0, 24))
    const set = { name: 'block', type: 'ipv4_addr', elements } as const
    const drop: Rule = {
      statements: [
        {
          kind: 'match',
          operator: 'in',
          left: { kind: 'payload', protocol: 'ip', field: 'saddr' },
          right: { kind: 'reference', name: 'block' },
        },
        { kind: 'drop' },
      ],
    }
    const decide = decider(rulesetOf([drop], [set]))
    const members = new Set(elements.map((element) => (element.kind === 'prefix' ? element.base : 0n)))
    for (let i = 0; i < 5000; i++) {
      const network = (i * 104_729) & 0xffffff
      const text = [network >> 16, (network >> 8) & 255, network & 255, 1].join('.')
      expect(decide(text, '10.0.0.50', 1) === 0).toBe(members.has(BigInt(network) << 8n))
    }
  }, 60_000)

  test('a constant set is cut in the tree, a large one is looked up as a whole', () => {
    const lookups = (length: number) => {
      const elements = Array.from({ length }, (_, i) => prefix((i * 7919 * 256) % 2 ** 32, 32))
      const set = { name: 'hosts', type: 'ipv4_addr', flags: ['constant'], elements } as const
      const left = { kind: 'payload', protocol: 'ip', field: 'saddr' } as const
      const right = { kind: 'reference', name: 'hosts' } as const
      const drop: Rule = { statements: [{ kind: 'match', operator: 'in', left, right }, { kind: 'drop' }] }
      return compile(rulesetOf([drop], [set])).lookups.length
    }
    expect(lookups(100)).toBe(0)
    expect(lookups(20_000)).toBe(1)
  }, 60_000)

  test('a column that would copy more than the budget leaves the others to be cut', () => {
    const names = ['a', 'b', 'c', 'd']
    const sets = names.map((name, i) => ({
      name,
      type: 'ipv4_addr' as const,
      elements: Array.from({ length: 30_000 }, (_, j) => prefix(((j * 4 + i) * 2) << 8, 24)),
    }))
    const left = { kind: 'payload', protocol: 'ip', field: 'daddr' } as const
    const rules = names.map(
      (name, i): Rule => ({
        statements: [
          { kind: 'match', operator: 'in', left, right: { kind: 'reference', name } },
          match('tcp', 'dport', { kind: 'value', value: BigInt(i) }),
          { kind: 'accept' },
        ],
      }),
    )
    expect(compile(rulesetOf(rules, sets)).figures.longestLeaf).toBe(1)
  }, 60_000)

  test('a rule that no packet can match is left out', () => {
    const never: Rule = {
      statements: [
        match('tcp', 'dport', { kind: 'value', value: 1n }),
        match('udp', 'dport', { kind: 'value', value: 1n }),
        { kind: 'accept' },
      ],
    }
    expect(compile(rulesetOf([never])).figures).toMatchObject({
      rules: 1,
      nodes: 0,
      longestLeaf: 0,
    })
  })
})

test('of two base chains with one priority, the later runs first, as in the kernel', () => {
  const chain = (name: string, verdict: 'accept' | 'drop') => ({
    name,
    base: { type: 'filter', hook: 'input', priority: 0, policy: 'accept' } as const,
    rules: [{ statements: [{ kind: 'counter' }, { kind: verdict }] }] as Rule[],
  })
  const table = { family: 'inet', name: 't', sets: [], windows: [] } as const
  const ruleset: Ruleset = { tables: [{ ...table, chains: [chain('one', 'accept'), chain('two', 'drop')] }] }
  expect(decider(ruleset)('10.0.0.7', '10.0.0.50', 1)).toBe(1)
})
