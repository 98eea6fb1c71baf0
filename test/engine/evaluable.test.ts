import { describe, expect, test } from 'vitest'
import { compile } from '../../src/engine/compile/compile.js'
import { ReferenceEngine } from '../../src/engine/reference/evaluate.js'
import { parseNft } from '../../src/language/nft/load.js'
import { RulesetError } from '../../src/ruleset/check.js'
import type { Ruleset } from '../../src/ruleset/model.js'

function refused(action: () => unknown): string[] {
  try {
    action()
    return []
  } catch (error) {
    if (!(error instanceof RulesetError)) throw error
    return error.problems.map(({ message, position }) => `${position?.line}:${position?.column} ${message}`)
  }
}

const sets = `set d { type inet_service; flags dynamic; }
set w { type inet_service; elements = { 1 comment "x" }; }
map m { type inet_service : verdict; }
counter n { }`
const rulesetOf = (rule: string): Ruleset =>
  parseNft(`table inet t {\n${sets}\nchain c { type filter hook input priority 0\n${rule}\n}\n}`, 'rules.nft')

describe('what cannot be judged yet is refused by its name, with its place, by both evaluators', () => {
  test.each([
    ['limit rate 5/second', 'limit'],
    ['quota 5 bytes', 'quota'],
    ['ct count 5', 'ct count'],
    ['log', 'log'],
    ['reject', 'reject'],
    ['queue', 'queue'],
    ['notrack', 'notrack'],
    ['meta mark set 5', 'mangle'],
    ['add @d { tcp dport }', 'set'],
    ['meter x { tcp dport counter }', 'meter'],
    ['tcp dport vmap @m', 'vmap'],
    ['counter name n', 'named counter'],
    ['tcp flags syn', 'tcp flags'],
    ['tcp dport & 1 == 1', 'the operator &'],
    ['tcp dport < 5', 'tcp dport <'],
    ['iifname . tcp dport { "lo" . 22 }', 'concat'],
    ['icmp mtu 1500', 'icmp mtu'],
    ['ip dscp ef', 'ip dscp'],
    ['meta skuid 0', 'meta skuid'],
    ['ct mark 5', 'ct mark'],
    ['fib daddr type local', 'fib daddr type'],
    ['exthdr frag exists', 'exthdr frag'],
    ['tcp option maxseg exists', 'tcp option maxseg'],
    ['iifname "eth\\*"', 'iifname with the name eth\\*'],
  ])('%s', (rule, name) => {
    const ruleset = rulesetOf(rule)
    const expected = [`7:1 ${name} cannot be evaluated yet`]
    expect(refused(() => compile(ruleset))).toEqual(expected)
    expect(refused(() => new ReferenceEngine(ruleset))).toEqual(expected)
  })

  test('sets that change or carry something, where a rule uses them', () => {
    expect(refused(() => compile(rulesetOf('tcp dport @d')))).toEqual([
      '2:1 flag dynamic of set d cannot be evaluated yet',
    ])
    expect(refused(() => compile(rulesetOf('tcp dport @w')))).toEqual([
      '3:1 an element that carries something in set w cannot be evaluated yet',
    ])
    expect(refused(() => compile(rulesetOf('tcp dport 22')))).toEqual([])
  })
})
