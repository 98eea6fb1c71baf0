import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LanguageError } from '../../../src/language/diagnostic.js'
import { isIpsetSave } from '../../../src/language/iptables/ipset/commands.js'
import { loadIpsets, loadIptables } from '../../../src/language/iptables/load.js'
import { importAsNft } from '../../../src/language/iptables/nft.js'
import { parseNft } from '../../../src/language/nft/load.js'
import type { Element, NamedSet } from '../../../src/ruleset/model.js'

/** The text of nft that rules of iptables become, looking into sets. */
function imported(saved: string, ...rules: string[]): string {
  const text = rules.map((rule) => (rule.includes('tables') ? rule : `iptables -A INPUT ${rule}`)).join('\n')
  const { ruleset } = loadIptables(text, 'fw.sh', { ipsets: loadIpsets(saved, 'ipsets') })
  const nft = importAsNft(ruleset, text).text
  parseNft(nft, 'imported')
  return nft.replaceAll(/\s+/g, ' ')
}

function errorOf(saved: string, ...rules: string[]): string {
  try {
    return imported(saved, ...rules)
  } catch (error) {
    if (error instanceof LanguageError) return error.message
    throw error
  }
}

const BAD = `create bad hash:ip family inet hashsize 1024 maxelem 65536 counters comment bucketsize 12 initval 0x1
add bad 10.0.0.5 packets 3 bytes 180 comment "knocked too often"
add bad 10.0.0.7
`

describe('ipsets', () => {
  test('a file of ipset save is told from others', () => {
    expect(isIpsetSave(`# saved\n${BAD}`)).toBe(true)
    for (const text of ['add table ip x', 'create table ip x', '*filter\nCOMMIT', 'create bad'])
      expect(isIpsetSave(text)).toBe(false)
  })

  test.each([
    [
      BAD,
      '-m set --match-set bad src -j DROP',
      'ip saddr @bad',
      'type ipv4_addr elements = { 10.0.0.5, 10.0.0.7 }',
    ],
    [BAD, '-m set ! --match-set bad dst', 'ip daddr != @bad', 'type ipv4_addr'],
    [
      'create ours hash:net\nadd ours 10.0.0.0/8\nadd ours 10.1.0.0/16 nomatch\nadd ours 192.168.0.0/24',
      '-m set --match-set ours src',
      'ip saddr @ours',
      'flags interval elements = { 10.0.0.0/16, 10.2.0.0-10.255.255.255, 192.168.0.0/24 }',
    ],
    [
      'create web hash:ip,port\nadd web 10.0.0.1,tcp:80\nadd web 10.0.0.1,udp:5000-5010\nadd web 10.0.0.2,443',
      '-m set --match-set web dst,dst',
      'ip daddr . meta l4proto . th dport @web',
      'type ipv4_addr . inet_proto . inet_service flags interval elements = { 10.0.0.1 . udp . 5000-5010, 10.0.0.1 . tcp . 80, 10.0.0.2 . tcp . 443 }',
    ],
    [
      'create ways hash:net,port,net\nadd ways 10.0.0.0/8,tcp:22,10.1.0.0/16\nadd ways 10.2.0.0/16,tcp:22,10.1.2.0/24',
      '-m set --match-set ways src,dst,dst',
      'ip saddr . meta l4proto . th dport . ip daddr @ways',
      'elements = { 10.0.0.0/8 . tcp . 22 . 10.1.0.0/16 } }',
    ],
    [
      'create web hash:net,port\nadd web 10.0.0.0/24,tcp:20-29\nadd web 10.0.0.0/23,tcp:25',
      '-m set --match-set web src,src',
      'ip saddr . meta l4proto . th sport @web',
      '{ 10.0.0.0/24 . tcp . 20-29, 10.0.1.0/24 . tcp . 25 }',
    ],
    [
      'create ports bitmap:port range 0-65535\nadd ports 22\nadd ports 80-90',
      '-p tcp -m set ! --match-set ports dst',
      'th dport != @ports',
      'type inet_service flags interval elements = { 22, 80-90 }',
    ],
    [
      'create ports bitmap:port range 0-9\nadd ports 5',
      '-m set --match-set ports src',
      'meta l4proto { tcp, udp } th sport @ports',
      '{ 5 }',
    ],
    [
      'create nets hash:ip netmask 24 timeout 600\nadd nets 10.0.0.9 timeout 60\nadd nets 10.1.0.9',
      '-m set --match-set nets src',
      'ip saddr @nets',
      'elements = { 10.1.0.0/24 timeout 10m, 10.0.0.0/24 timeout 1m }',
    ],
    [
      `${BAD}create worse hash:net\nadd worse 10.9.0.0/16\ncreate six hash:ip family inet6\nadd six ::1\ncreate all list:set\nadd all bad\nadd all worse\nadd all six`,
      '-m set --match-set all src',
      'ip saddr @all',
      'elements = { 10.0.0.5, 10.0.0.7, 10.9.0.0/16 }',
    ],
    [
      'create 1st:x hash:ip family inet6\nadd 1st:x 2001:db8::1',
      'ip6tables -A INPUT -m set --match-set 1st:x src',
      'ip6 saddr @set_1st_x',
      'set set_1st_x { type ipv6_addr elements = { 2001:db8::1 }',
    ],
  ])('%s %s', (saved, rule, match, set) => {
    const nft = imported(saved, rule)
    expect(nft).toContain(` ${match} `)
    expect(nft).toContain(set)
  })

  test('commands of ipset stand in scripts, and rules look at what they have made in the end', () => {
    const nft = imported(
      '',
      'ipset -exist create one iphash # iptables',
      'sudo ipset -N two hash:ip # iptables',
      'iptables -A INPUT -m set --match-set one src -j DROP',
      'ipset add one 10.0.0.1 -exist # iptables',
      'ipset add two 10.0.0.2 # iptables',
      'ipset add two 10.0.0.3 # iptables',
      'ipset del two 10.0.0.3 # iptables',
      'ipset swap one two # iptables',
      'ipset destroy two # iptables',
    )
    expect(nft).toContain('set one { type ipv4_addr elements = { 10.0.0.2 } }')
  })

  test.each([
    ['', '-m set --match-set bad src', /there is no ipset bad here[\s\S]*ipset save > ipsets/],
    [BAD, '-m set --match-set bda src', /there is no ipset bda here/],
    [BAD, '-m set --match-set bad sideways', /sideways is no list of src and dst/],
    ['create w hash:ip,port', '-m set --match-set w src', /holds 2 parts, and this names 1/],
    [
      BAD,
      'ip6tables -A INPUT -m set --match-set bad src',
      /bad holds no addresses of IPv6[\s\S]*iptables can look/,
    ],
    [BAD, '-m set --match-set bad src --return-nomatch', /--return-nomatch of the match set is not read/],
    [BAD, '-m set --match-set bad src --packets-gt 5', /--packets-gt of the match set is not read/],
    ['create p bitmap:port range 0-9', '-m set ! --match-set p src', /inverted needs -p tcp or -p udp/],
    ['create m hash:mac', '', /sets of the type hash:mac are not read/],
    ['create a hash:ip\nadd b 10.0.0.1', '', /there is no ipset b/],
    ['create a hash:ip\nadd a ::1', '', /::1 is no IPv4 address/],
    ['create a hash:ip\nadd a 10.0.0.1,80', '', /is no element of hash:ip: it has 1 parts/],
    ['create a hash:ip,port\nadd a 10.0.0.1,icmp:8/0', '', /elements of icmp are not read/],
    ['create a hash:ip\nadd a 10.0.0.1 timeout 5', '', /a was created without timeout/],
    ['create a hash:ip\ndel a 10.0.0.1', '', /10.0.0.1 is not in a/],
    ['create a hash:ip\nadd a 10.0.0.9-10.0.0.1', '', /is empty/],
    ['create a hash:ip color red', '', /color is no option of ipset/],
    ['create', '', /a name is missing/],
    ['create a hash:ip\nrepair a', '', /repair is no command of ipset/],
  ])('%s %s is refused', (saved, rule, message) => {
    expect(errorOf(saved, rule)).toMatch(message)
  })

  test('of networks in each other, the innermost decides', () => {
    const net = fc.record({
      base: fc.nat({ max: 255 }),
      length: fc.integer({ min: 24, max: 32 }),
      nomatch: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(net, { maxLength: 12 }), (nets) => {
        const found = new Map<string, boolean>()
        for (const { base, length, nomatch } of nets)
          found.set(`10.0.0.${base & (0xff << (32 - length))}/${length}`, nomatch)
        const lines = [...found].map(([text, nomatch]) => `add n ${text}${nomatch ? ' nomatch' : ''}`)
        const ipsets = loadIpsets(`create n hash:net\n${lines.join('\n')}`, 'ipsets')
        const { ruleset } = loadIptables('iptables -A INPUT -m set --match-set n src', 'x', { ipsets })
        const set = ruleset.tables[0]!.sets[0]!
        for (let host = 0; host < 256; host++) {
          const inner = [...found]
            .map(([text, nomatch]) => ({
              base: Number(text.split(/[./]/)[3]),
              length: Number(text.split('/')[1]),
              nomatch,
            }))
            .filter(({ base, length }) => base === (host & (0xff << (32 - length))))
            .toSorted((a, b) => b.length - a.length)[0]
          expect([host, holds(set, 0x0a000000n + BigInt(host))]).toEqual([
            host,
            inner !== undefined && !inner.nomatch,
          ])
        }
      }),
      { numRuns: 50 },
    )
  })

  test('hostile text is read or refused, and nothing else', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'create',
        'add',
        'a',
        'hash:ip',
        'hash:net,port',
        '10.0.0.1',
        '10.0.0.0/8,tcp:1',
        'timeout',
        '5',
        'nomatch',
        '"',
      ),
      fc.string({ maxLength: 5 }),
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        expect(errorOf(`create a hash:ip\n${words.join(' ')}`, '')).toEqual(expect.any(String))
      }),
    )
  })
})

function holds({ elements }: NamedSet, address: bigint): boolean {
  return elements.some((element: Element) => {
    if (element.kind === 'value') return element.value === address
    if (element.kind === 'prefix')
      return element.base >> BigInt(32 - element.length) === address >> BigInt(32 - element.length)
    return element.kind === 'range' && element.from <= address && address <= element.to
  })
}
