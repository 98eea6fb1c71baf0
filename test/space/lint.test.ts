import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseNft } from '../../src/language/nft/load.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { diff } from '../../src/space/diff.js'
import { idleRules, unusedSets } from '../../src/space/lint.js'
import { comparedVersions } from '../../src/space/versions.js'
import { rules, textOf } from './support/rules.js'

const inet = (lines: string, policy = 'drop', head = '') =>
  parseNft(
    `table inet t {\n${head}\nchain c {\ntype filter hook input priority 0; policy ${policy};\n${lines}\n}\n}\n`,
    'r.nft',
  )
/** The rules that change nothing, by their places among the lines. */
const idle = (lines: string, policy?: string) =>
  idleRules(inet(lines, policy), []).map(({ position }) => position!.line - 5)

describe('rules that change nothing', () => {
  test('what follows does the same', () => {
    expect(idle('tcp dport 80 accept\ntcp dport { 80, 443 } accept')).toEqual([0])
    expect(idle('tcp dport 22 accept\nip saddr 10.0.0.0/8 drop\ndrop')).toEqual([1, 2])
    expect(idle('tcp dport 22')).toEqual([0])
    expect(idle('meta l4proto tcp continue\ntcp dport 22 accept')).toEqual([0])
  })

  test('on the packets that come to it alone', () => {
    expect(idle('tcp dport 22 accept\ntcp dport 22-23 drop\naccept')).toEqual([])
    expect(idle('ip saddr 10.0.0.1 drop\nip saddr 10.0.0.0/24 accept\nip saddr 10.0.0.2 accept')).toEqual([])
    expect(idle('tcp dport 22 accept\ntcp dport { 22, 23 } drop')).toEqual([1])
  })

  test('what counts, logs or keeps a state is there for that', () => {
    expect(idle('tcp dport 22 counter drop')).toEqual([])
    expect(idle('tcp dport 22 log drop')).toEqual([])
    expect(idle('limit rate 1/second drop')).toEqual([])
  })

  test('for one IP version alone it is of use', () => {
    expect(idle('meta nfproto ipv6 accept\ntcp dport 22 accept')).toEqual([])
    expect(idle('meta nfproto ipv4 drop\ntcp dport 22 accept\naccept')).toEqual([1])
  })

  test('a rule to which no packet comes is told of elsewhere', () => {
    const ruleset = inet('tcp dport 22 accept\ntcp dport 22 accept')
    const second = ruleset.tables[0]!.chains[0]!.rules[1]!.position!
    expect(idleRules(ruleset, [{ message: '', position: second }])).toEqual([])
  })

  test('all that are told of may go at once', () => {
    let told = 0
    fc.assert(
      fc.property(rules, (each) => {
        const ruleset = parseNft(textOf(each), 'r.nft')
        const lines = new Set(idleRules(ruleset, []).map(({ position }) => position!.line))
        told += lines.size
        expect(diff(ruleset, without(ruleset, lines)).changes).toEqual([])
      }),
      { numRuns: 60, seed: 20261122 },
    )
    expect(told).toBeGreaterThan(40)
  }, 60_000)
})

function without({ tables }: Ruleset, lines: ReadonlySet<number>): Ruleset {
  return {
    tables: tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) => ({
        ...chain,
        rules: chain.rules.filter(({ position }) => !lines.has(position!.line)),
      })),
    })),
  }
}

test('sets and maps that no rule names', () => {
  const sets = [
    'set one { type ipv4_addr; }',
    'set two { type ipv4_addr; flags dynamic; }',
    'set three { type ipv4_addr; }',
    'map four { type ipv4_addr : verdict; }',
    'map five { type ipv4_addr : mark; }',
  ].join('\n')
  const lines =
    'ip saddr @one accept\nadd @two { ip saddr }\nip saddr vmap @four\nmeta mark set ip saddr map { 10.0.0.1 : 0x1 }'
  expect(unusedSets(inet(lines, 'drop', sets)).map(({ message }) => message)).toEqual([
    'no rule uses the set three',
    'no rule uses the map five',
  ])
})

describe('both IP versions', () => {
  const compared = (lines: string) =>
    comparedVersions(inet(lines)).map(({ message, positions }) => [
      message,
      ...positions.map(({ line }) => line - 5),
    ])

  test('one lets in from anywhere what the other restricts', () => {
    const lines =
      'ip saddr 10.0.0.0/8 tcp dport 11434 accept\nmeta nfproto ipv6 tcp dport { 22, 11434 } accept'
    expect(compared(lines)).toEqual([
      ['IPv6 lets in from anywhere what IPv4 restricts: tcp to port 11434', 1, 0],
    ])
    expect(
      compared('ip6 saddr fd00::/8 udp dport 53 accept\nudp dport 53-54 meta nfproto ipv4 accept'),
    ).toEqual([['IPv4 lets in from anywhere what IPv6 restricts: udp to port 53', 1, 0]])
  })

  test('where both do the same, or one has nothing to do with it, nothing is said', () => {
    expect(compared('tcp dport 22 accept')).toEqual([])
    expect(compared('ip saddr 10.0.0.0/8 accept\nip6 saddr fd00::/8 accept')).toEqual([])
    expect(compared('meta nfproto ipv6 udp dport 546 accept')).toEqual([])
    expect(compared('iifname "lo" accept\nip saddr 10.0.0.0/8 tcp dport 22 accept')).toEqual([])
  })
})
