import { describe, expect, test } from 'vitest'
import { parseNft } from '../../src/language/nft/load.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import type { Match, Ruleset } from '../../src/ruleset/model.js'
import { SpaceError } from '../../src/space/diagram.js'
import { packetOf } from '../../src/space/example.js'
import { PolicySpace, type Question } from '../../src/space/prove.js'
import { judges } from './support/judges.js'

const chain = (lines: string, hook = 'input', policy = 'drop') =>
  parseNft(
    `table inet t {\nchain c {\ntype filter hook ${hook} priority 0; policy ${policy};\n${lines}\n}\n}\n`,
    'r.nft',
  )

/** The matches that a line of nft writes. */
function matches(line: string): readonly Match[] {
  return parseNft(`table inet t {\nchain c {\n${line}\n}\n}\n`, 'm.nft').tables[0]!.chains[0]!.rules[0]!
    .statements as Match[]
}

const never = (
  region: string,
  except: readonly string[] = [],
  hook: Question['hook'] = 'input',
): Question => ({
  hook,
  wanted: 'drop',
  region: { include: [matches(region)], except: except.map(matches) },
})

/** What is found, after both evaluators have said the same of the example. */
function violation(ruleset: Ruleset, question: Question) {
  const found = new PolicySpace(ruleset).prove(question)
  if (found === null) return null
  const names = ['', ...new Set([found.example.iifname, found.example.oifname])]
  const packet = packetOf(found.example, (name) => names.indexOf(name))
  expect(judges(ruleset, names)(packet).accepted).toBe(question.wanted === 'drop')
  return {
    packets: found.packets,
    line: found.by.position?.line,
    verdict: found.verdict,
    text: found.example.text,
  }
}

describe('never and always, over all packets', () => {
  test('what holds has no example', () => {
    const rules = chain('ip daddr 10.0.2.10 tcp dport 5432 accept\nip daddr 10.0.3.0/24 accept', 'output')
    expect(
      violation(rules, never('ip daddr 10.0.2.0/24', ['ip daddr 10.0.2.10 tcp dport 5432'], 'output')),
    ).toBeNull()
  })

  test('what does not has one, with the rule', () => {
    const rules = chain('ip daddr 10.0.2.10 tcp dport 5432-5433 accept', 'output')
    const question = never('ip daddr 10.0.2.0/24', ['ip daddr 10.0.2.10 tcp dport 5432'], 'output')
    expect(violation(rules, question)).toEqual({
      packets: ['tcp to 10.0.2.10 port 5433'],
      line: 4,
      verdict: 'accept',
      text: 'tcp 198.51.100.7:40000 > 10.0.2.10:5433 new out eth0',
    })
  })

  test('always', () => {
    const rules = chain('ip6 saddr fd00::/8 drop\ntcp dport 22 accept')
    const question: Question = {
      hook: 'input',
      wanted: 'accept',
      region: { include: [matches('tcp dport 22')] },
    }
    expect(violation(rules, question)).toMatchObject({
      packets: ['tcp from fd00::/8 to port 22'],
      verdict: 'drop',
      line: 4,
    })
  })

  test('a policy of a chain decides, or nobody', () => {
    expect(violation(chain('tcp dport 22 drop', 'input', 'accept'), never('tcp dport 23'))).toMatchObject({
      line: 2,
    })
    expect(violation(chain('drop'), never('tcp dport 23', [], 'forward'))).toMatchObject({ line: undefined })
  })

  test('a limit may let through and may not: each is assumed where it takes it', () => {
    const rules = chain('tcp dport 22 limit rate 5/minute accept')
    const found = new PolicySpace(rules).prove(never('tcp dport 22'))!
    expect(found.example.assumes).toMatchObject([{ statement: { kind: 'limit' }, holds: true }])
    const always: Question = {
      hook: 'input',
      wanted: 'accept',
      region: { include: [matches('tcp dport 22')] },
    }
    expect(new PolicySpace(rules).prove(always)!.example.assumes).toMatchObject([{ holds: false }])
  })

  test('the policy of a page lets in from the internal network alone', () => {
    const text = `inbound:\n  - allow: ollama\n    port: tcp/11434\n    from: [10.0.0.0/16, fd00:10::/48]\noutbound: any\n`
    const ruleset = parsePolicy(text, 'p.yaml')
    const isNew = 'ct state new iifname "eth0" tcp dport 11434'
    expect(violation(ruleset, never(isNew, ['ip saddr 10.0.0.0/16', 'ip6 saddr fd00:10::/48']))).toBeNull()
    expect(violation(ruleset, never(isNew, ['ip saddr 10.0.0.0/16']))).toMatchObject({
      packets: ['tcp from fd00:10::/48 to port 11434 in eth0, state new'],
      line: 2,
    })
  })

  test('what outgrows its memory is refused', () => {
    const lines = Array.from(
      { length: 60 },
      (_, i) => `ip saddr 10.${i}.0.${i} ip daddr 192.0.${i}.${i * 3} tcp dport ${i * 7} accept`,
    )
    expect(() =>
      new PolicySpace(chain(lines.join('\n')), { nodes: 2000 }).prove(never('tcp dport 1')),
    ).toThrow(SpaceError)
  })
})
