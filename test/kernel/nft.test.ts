import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LanguageError } from '../../src/language/diagnostic.js'
import type { Json } from '../../src/language/json/json.js'
import { writeRuleset } from '../../src/language/json/write.js'
import { parseNft } from '../../src/language/nft/load.js'
import { printRuleset } from '../../src/language/nft/print/ruleset.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import { needs } from '../sandbox/needs.js'
import { table, textOf } from '../support/nft-text.js'

/** What nft says of a text that it loads, in a network of its own: its JSON of the ruleset, or its errors. */
function load(text: string): { listed?: readonly Json[]; errors: string } {
  const script = 'nft -f - && nft -j list ruleset'
  const { status, stdout, stderr } = spawnSync('unshare', ['--net', 'sh', '-c', script], {
    input: text,
    encoding: 'utf8',
  })
  return status === 0
    ? { listed: (JSON.parse(stdout) as { nftables: Json[] }).nftables, errors: '' }
    : { errors: stderr }
}

/** JSON without what only a kernel has, and without what nft 1.0.6 leaves out. */
function comparable(entries: readonly Json[]): unknown {
  const text = JSON.stringify(entries.slice(1), (key, value: unknown) => {
    if (['handle', 'expires', 'auto-merge'].includes(key)) return undefined
    if (key === 'flags' && Array.isArray(value)) return value.filter((flag) => flag !== 'dynamic')
    return value
  })
  return JSON.parse(text)
}

/** nft 1.0.6 takes a set of one flag for a question about that bit; later versions, and we, for an equality. */
const ONE_FLAG = /\{ \w+ \}/
/** Behind a match of ICMP, nft lists a port as the field of ICMP that has its place. */
const PORT_OF_ICMP = /icmp.*\bth /

needs('nft')('the kernel', () => {
  test('loads what is printed, and nft lists it as our JSON', () => {
    let rules = 0
    fc.assert(
      fc.property(table(false), ({ head, rules: generated }) => {
        const sound = generated.filter(
          (rule) => !ONE_FLAG.test(rule) && !PORT_OF_ICMP.test(rule) && loads(head, rule),
        )
        rules += sound.length
        const ruleset = parseNft(textOf({ head, rules: sound }), 'generated.nft')
        const { listed, errors } = load(printRuleset(ruleset))
        expect(errors).toBe('')
        expect(comparable(listed!)).toEqual(comparable(writeRuleset(ruleset).nftables))
      }),
      { numRuns: 100, seed: 20261122 },
    )
    expect(rules).toBeGreaterThan(100)
  }, 120_000)

  test('loads the example policy, its windows left out', () => {
    const policy = parsePolicy(readFileSync('examples/ai-server.yaml', 'utf8'), 'ai-server.yaml')
    const tables = policy.tables.map((table) => ({
      ...table,
      windows: [],
      chains: table.chains.map((chain) => ({
        ...chain,
        rules: chain.rules.map((rule) => ({
          ...rule,
          statements: rule.statements.filter(({ kind }) => kind !== 'window'),
        })),
      })),
    }))
    expect(load(printRuleset({ tables })).errors).toBe('')
  })
})

function loads(head: string, rule: string): boolean {
  try {
    parseNft(textOf({ head, rules: [rule] }), 'generated.nft')
    return true
  } catch (error) {
    if (error instanceof LanguageError) return false
    throw error
  }
}
