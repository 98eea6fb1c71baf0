import { describe, expect, test } from 'vitest'
import { compile } from '../../src/engine/compile/compile.js'
import type { Supply } from '../../src/engine/environment.js'
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
set i { type ipv4_addr; flags interval; }
ct helper h { type "ftp" protocol tcp; }
counter n { }`
const rulesetOf = (rule: string): Ruleset =>
  parseNft(`table inet t {\n${sets}\nchain c { type filter hook input priority 0\n${rule}\n}\n}`, 'rules.nft')

const EVERYTHING = undefined
const NOTHING = new Set<Supply>()

describe('what cannot be decided is refused by its name, with its place and the reason', () => {
  test.each([
    ['queue', 'queue cannot be decided: what another program does with the packet is not known'],
    ['ct helper set "h"', 'ct helper cannot be decided: it takes more of the host than packets tell'],
    ['ct zone set 1', 'setting ct zone cannot be decided: it takes more of the host than packets tell'],
    ['ether saddr 00:00:00:00:00:01', 'ether saddr cannot be decided: packets come without their link layer'],
    ['socket wildcard 1', 'socket wildcard cannot be decided: it takes more of the host than packets tell'],
    ['meta cpu 1', 'meta cpu cannot be decided: it takes more of the host than packets tell'],
    ['ct helper "ftp"', 'ct helper cannot be decided: it takes more of the host than packets tell'],
    ['fib saddr oif 1', 'fib saddr oif cannot be decided: routes are not known'],
    [
      'meta mark set symhash mod 2',
      'symhash mod 2 cannot be decided: the kernel hashes flows with a secret of its own',
    ],
    ['counter name tcp dport map { 22 : "nope" }', 'there is no counter nope'],
    ['add @i { ip saddr }', 'set i holds intervals: packets cannot put elements into it'],
  ])('%s', (rule, message) => {
    expect(refused(() => compile(rulesetOf(rule), EVERYTHING))).toEqual([`7:1 ${message}`])
  })
})

describe('what the source of packets cannot tell is refused', () => {
  test.each([
    [
      'ct state new',
      'ct state cannot be decided: the source of packets does not know the state of connections',
    ],
    ['ct mark 5', 'ct mark cannot be decided: the source of packets does not track connections'],
    ['ct mark set 5', 'setting ct mark cannot be decided: the source of packets does not track connections'],
    ['ct count 5', 'ct count cannot be decided: the source of packets does not track connections'],
    [
      'add @d { tcp dport ct count 5 }',
      'ct count cannot be decided: the source of packets does not track connections',
    ],
    ['meta hour "17:00"', 'hour cannot be decided: the source of packets does not know the time of day'],
    [
      'meta skuid 0',
      'skuid cannot be decided: the source of packets does not know whose socket a packet is of',
    ],
    [
      'iifname . tcp dport { "lo" . 22 }',
      'iifname cannot be decided: the source of packets does not know interfaces',
    ],
    [
      'fib daddr type local',
      'fib daddr type cannot be decided: the source of packets does not know which addresses are the host’s own',
    ],
  ])('%s', (rule, message) => {
    const [first] = refused(() => compile(rulesetOf(rule), NOTHING))
    expect(first).toBe(`7:1 ${message.replace(/^(hour|skuid)/, 'meta $1')}`)
    expect(refused(() => compile(rulesetOf(rule), EVERYTHING))).toEqual([])
  })
})

test('what is written and not used is not asked for', () => {
  expect(refused(() => compile(rulesetOf('tcp dport 22'), NOTHING))).toEqual([])
})
