import { describe, expect, test } from 'vitest'
import { LanguageError } from '../../../src/language/diagnostic.js'
import { parseJson } from '../../../src/language/json/load.js'
import { printRuleset } from '../../../src/language/nft/print/ruleset.js'

const json = (...entries: unknown[]) => JSON.stringify({ nftables: entries })
const table = { table: { family: 'inet', name: 't' } }
const chain = {
  chain: { family: 'inet', table: 't', name: 'c', type: 'filter', hook: 'input', prio: 0, policy: 'drop' },
}
const rule = (...expr: unknown[]) => ({ rule: { family: 'inet', table: 't', chain: 'c', handle: 7, expr } })

function errorsOf(text: string): string[] {
  try {
    parseJson(text, 'rules.json')
    return []
  } catch (error) {
    if (!(error instanceof LanguageError)) throw error
    return error.diagnostics.map(({ position, message }) => `${position.line}:${position.column} ${message}`)
  }
}

describe('nftables JSON', () => {
  test('a listing becomes a ruleset', () => {
    const port = {
      match: {
        op: '==',
        left: { payload: { protocol: 'tcp', field: 'dport' } },
        right: { set: [22, { range: [80, 90] }] },
      },
    }
    const text = printRuleset(
      parseJson(
        json(
          { metainfo: { json_schema_version: 1 } },
          table,
          chain,
          rule(port, { counter: { packets: 1, bytes: 60 } }, { accept: null }),
        ),
        'rules.json',
      ),
    )
    expect(text).toContain('\t\ttcp dport { 22, 80-90 } counter packets 1 bytes 60 accept\n')
    expect(text).toContain('type filter hook input priority filter; policy drop;')
  })

  test('commands change it', () => {
    const text = json(
      { add: table },
      { add: chain },
      { add: rule({ drop: null }) },
      { replace: rule({ accept: null }) },
      { flush: { ruleset: null } },
    )
    expect(parseJson(text, 'rules.json')).toEqual({ tables: [] })
  })

  test.each([
    ['no JSON', '{ "nftables": [ }', /this is no JSON/],
    ['another JSON', '{"tables": []}', /an object with an array nftables is expected/],
    ['nested too deep', '['.repeat(100_000), /nested deeper/],
    [
      'an unknown field',
      json(
        table,
        chain,
        rule({ match: { op: '==', left: { payload: { protocol: 'tcp', field: 'dprt' } }, right: 1 } }),
      ),
      /tcp has no field dprt/,
    ],
    [
      'an unknown statement',
      json(table, chain, rule({ acept: null })),
      /nftables\[2\]: there is no statement acept/,
    ],
    [
      'a number for a text',
      json(table, chain, rule({ match: { op: '==', left: { meta: { key: 5 } }, right: 1 } })),
      /nftables\[2\]: key should be a text/,
    ],
    [
      'a rule of iptables',
      json(table, chain, rule({ xt: { type: 'match', name: 'recent' } })),
      /take such rules from iptables-save/,
    ],
    [
      'nat',
      json(table, chain, rule({ dnat: { addr: '10.0.0.1' } })),
      /nat belongs in the kernel's own ruleset/,
    ],
  ])('%s is an error', (_, text, expected) => {
    expect(errorsOf(text).join('\n')).toMatch(expected)
  })

  test('an error stands where its entry stands', () => {
    const [head, last] = [json(table, chain).slice(0, -2), JSON.stringify(rule({ acept: null }))]
    expect(errorsOf(`${head},\n  ${last}]}`)).toEqual(['2:3 nftables[2]: there is no statement acept'])
  })
})
