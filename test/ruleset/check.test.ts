import { describe, expect, test } from 'vitest'
import { compile } from '../../src/engine/compile/compile.js'
import { parseNft } from '../../src/language/nft/load.js'
import { checkRuleset, RulesetError } from '../../src/ruleset/check.js'
import type { Chain, Match, Rule, Ruleset, Statement, Table } from '../../src/ruleset/model.js'

const position = { file: 'f', line: 3, column: 1 }
const base = { type: 'filter', hook: 'input', priority: 0, policy: 'drop' } as const
const port: Match['left'] = { kind: 'payload', protocol: 'tcp', field: 'dport' }
const is = (left: Match['left'], right: Match['right']): Match => ({
  kind: 'match',
  operator: 'in',
  left,
  right,
})
const value = (value: bigint | string) => ({ kind: 'value', value }) as const

function rulesetOf(chains: readonly Chain[], rest: Partial<Table> = {}): Ruleset {
  return { tables: [{ family: 'inet', name: 't', sets: [], windows: [], chains, ...rest }] }
}

const ruleOf = (...statements: Statement[]): Rule => ({ statements, position })
const oneRule = (...statements: Statement[]) =>
  rulesetOf([{ name: 'in', base, rules: [ruleOf(...statements)] }])
const jumps = (name: string, ...targets: string[]): Chain => ({
  name,
  rules: targets.map((target) => ruleOf({ kind: 'jump', target })),
})

describe('what is wrong is named', () => {
  const addresses = { name: 'a', type: 'ipv4_addr', elements: [] } as const
  test.each<[string, Ruleset, RegExp]>([
    [
      'field',
      oneRule(is({ kind: 'payload', protocol: 'tcp', field: 'prot' }, value(1n))),
      /tcp prot is not known/,
    ],
    ['key', oneRule(is({ kind: 'meta', key: 'constructor' }, value(1n))), /meta constructor is not known/],
    ['size', oneRule(is(port, value(70_000n))), /70000 is out of range for tcp dport: 0 to 65535/],
    ['type', oneRule(is(port, value('lo'))), /tcp dport cannot be compared with lo/],
    ['range', oneRule(is(port, { kind: 'range', from: 2n, to: 1n })), /the range 2-1 is empty/],
    ['prefix', oneRule(is(port, { kind: 'prefix', base: 0n, length: 17 })), /0 to 16 bits, not 17/],
    ['flags', oneRule(is(port, { kind: 'flags', bits: 1n })), /tcp dport is no bit mask/],
    ['set', oneRule(is(port, { kind: 'reference', name: 'a' })), /there is no set a/],
    ['window', oneRule({ kind: 'window', name: 'w' }), /there is no window w/],
    ['end', oneRule({ kind: 'accept' }, { kind: 'counter' }), /nothing can follow accept/],
    ['target', oneRule({ kind: 'jump', target: 'x' }), /there is no chain x/],
    ['base', oneRule({ kind: 'goto', target: 'in' }), /in is a base chain/],
    ['loop', rulesetOf([jumps('a', 'b'), jumps('b', 'a')]), /loop: b and a/],
    ['itself', rulesetOf([jumps('a', 'a')]), /loop: a and a/],
    ['twice', rulesetOf([jumps('a'), jumps('a')]), /two chains named a/],
    [
      'set type',
      rulesetOf([{ name: 'in', base, rules: [ruleOf(is(port, { kind: 'reference', name: 'a' }))] }], {
        sets: [addresses],
      }),
      /set a holds ipv4_addr, but tcp dport is inet_service/,
    ],
  ])('%s', (_, ruleset, message) => {
    const problems = checkRuleset(ruleset)
    expect(problems.map(({ message }) => message).join()).toMatch(message)
    expect(() => compile(ruleset)).toThrow(RulesetError)
  })

  test('with its place', () => {
    expect(checkRuleset(oneRule({ kind: 'jump', target: 'x' }))).toEqual([
      { message: 'there is no chain x', position },
    ])
  })
})

describe('jumps', () => {
  const depth = (jumpsDeep: number) => {
    const chains = Array.from({ length: jumpsDeep }, (_, i) =>
      jumps(`c${i + 1}`, ...(i + 1 < jumpsDeep ? [`c${i + 2}`] : [])),
    )
    return rulesetOf([{ name: 'in', base, rules: [ruleOf({ kind: 'jump', target: 'c1' })] }, ...chains])
  }

  test('15 deep are accepted, 16 are not, as by the kernel', () => {
    expect(checkRuleset(depth(15))).toEqual([])
    expect(checkRuleset(depth(16))).toMatchObject([{ message: 'chain in jumps 16 deep: 15 is the most' }])
  })

  test('a diamond of many ways is checked at once', () => {
    const chains = Array.from({ length: 15 }, (_, i) =>
      jumps(`c${i}`, ...(i < 14 ? [`c${i + 1}`, `c${i + 1}`, `c${i + 1}`] : [])),
    )
    expect(checkRuleset(rulesetOf(chains))).toEqual([])
  })
})

test('an element of a set has the statements of the set, or none', () => {
  const problems = (set: string) =>
    checkRuleset(parseNft(`table ip t {\nset s { type ipv4_addr; ${set} }\n}`, 'rules.nft'))
  expect(problems('counter; elements = { 10.0.0.1, 10.0.0.2 counter packets 1 bytes 2 };')).toEqual([])
  expect(problems('elements = { 10.0.0.2 counter };')).toMatchObject([
    { message: 'an element of s has counter, but s itself has no such statement', position: { line: 2 } },
  ])
  expect(problems('counter; quota 1 mbytes; elements = { 10.0.0.2 counter };')).toMatchObject([
    { message: 'an element of s has counter, but s itself has counter quota' },
  ])
})
