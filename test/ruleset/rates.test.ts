import { expect, test } from 'vitest'
import { parseNft } from '../../src/language/nft/load.js'
import { checkRuleset } from '../../src/ruleset/check.js'
import type { Ruleset, Statement } from '../../src/ruleset/model.js'
import type { XtablesMatch } from '../../src/ruleset/xtables.js'

// Where the kernel's refusals begin, as Linux 6.18 has said.
test.each([
  ['limit rate 1/week burst 30500 packets', true],
  ['limit rate 1/week burst 30501 packets', false],
  ['limit rate 1/day burst 213503 packets', true],
  ['limit rate 1/day burst 213504 packets', false],
  ['limit rate over 18446744073 bytes/second', true],
  ['limit rate over 18446744074 bytes/second', false],
  ['limit rate 18446744068 bytes/second burst 5 bytes', true],
  ['limit rate 18446744068 bytes/second burst 6 bytes', false],
  ['limit rate 29 kbytes/week', true],
  ['limit rate 30 kbytes/week', false],
])('%s: %s', (limit, isTaken) => {
  const rules = [
    `chain c { ${limit} }`,
    `limit slow { ${limit.slice('limit '.length)} }`,
    `set s { type ipv4_addr; ${limit}; }`,
    `set s { type ipv4_addr; flags dynamic; }\nchain c { add @s { ip saddr ${limit} } }`,
  ]
  for (const rule of rules) {
    const problems = checkRuleset(parseNft(`table ip t {\n${rule}\n}`, 'rules.nft'))
    expect({ rule, isTaken: problems.length === 0 }).toEqual({ rule, isTaken })
  }
})

test.each<[XtablesMatch['name'], number, 'second' | 'hour' | 'day', number, boolean]>([
  ['limit', 1, 'day', 1, true],
  ['limit', 1, 'day', 2, false],
  ['limit', 1, 'hour', 37, true],
  ['limit', 1, 'hour', 38, false],
  // What wraps may come out large enough again.
  ['limit', 1, 'hour', 39, true],
  ['limit', 1000, 'second', 10_000, true],
  ['hashlimit', 1, 'day', 1, true],
  ['hashlimit', 1, 'day', 2, false],
  ['hashlimit', 7, 'second', 1_000_000, true],
  ['hashlimit', 10_000, 'second', 1_000_000, true],
])('-m %s %d/%s burst %d: %s', (name, rate, per, burst, isTaken) => {
  const match = {
    kind: 'xtables',
    name,
    rate,
    per,
    burst,
    table: 'hosts',
    above: false,
    mode: [],
  } as Statement
  const base = { type: 'filter', hook: 'input', priority: 0, policy: 'accept' } as const
  const ruleset: Ruleset = {
    tables: [
      {
        family: 'ip',
        name: 'filter',
        sets: [],
        windows: [],
        chains: [{ name: 'INPUT', base, rules: [{ statements: [match] }] }],
      },
    ],
  }
  expect(checkRuleset(ruleset).length === 0).toBe(isTaken)
})
