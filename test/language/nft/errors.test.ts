import { describe, expect, test } from 'vitest'
import { LanguageError } from '../../../src/language/diagnostic.js'
import { type Files, parseNft } from '../../../src/language/nft/load.js'

/** What is said of a text, a line an error: line:column message (hint). */
function errorsOf(text: string, files?: Files): string[] {
  try {
    parseNft(text, 'rules.nft', files === undefined ? {} : { files })
    return []
  } catch (error) {
    if (!(error instanceof LanguageError)) throw error
    return error.diagnostics.map(
      ({ position, message, hint }) =>
        `${position.line}:${position.column} ${message}${hint === undefined ? '' : ` (${hint})`}`,
    )
  }
}

const inChain = (rule: string, more = '') =>
  `table inet t {\n${more}\nchain side { }\nchain main { type filter hook input priority 0\n${rule}\n}\n}\n`

/** Errors of a rule in line 5. */
const errorsIn = (rule: string, more = '') =>
  errorsOf(inChain(rule, more)).map((error) => error.replace(/^5:/, ''))

describe('errors', () => {
  test.each([
    ['tcp dprt 22 accept', '5 tcp has no field dprt (did you mean dport?)'],
    ['tcp dport 70000 accept', '11 70000 is too large for a port: 0 to 65535'],
    ['ip saddr tcp accept', '10 tcp is not an IPv4 address'],
    ['ip saddr fd00::1 accept', '10 fd00::1 is not an IPv4 address'],
    ['udp dport domian accept', '11 domian is not a port (did you mean domain?)'],
    ['tcp dport 22 accpt', '14 accpt is no statement (did you mean accept?)'],
    ['ct state establishd accept', '10 establishd is not connection states (did you mean established?)'],
    ['jump sid', '6 there is no chain sid in table inet t (did you mean side?)'],
    ['jump main', '6 main is a base chain: it cannot be jumped to'],
    ['accept drop', '8 nothing can follow accept: it ends the rule'],
    ['ip saddr @alowed accept', '10 there is no set alowed in table inet t'],
    ['ip saddr 10.0.0.9-10.0.0.1', '10 the range is empty: its end is below its start'],
    [
      'ip saddr 10.0.0.1 ip6 daddr ::1',
      '19 ip6 daddr asks for IPv6, but ip saddr for IPv4: no packet is both',
    ],
    ['tcp dport 22 udp sport 53', '14 udp sport asks for udp, but tcp dport for tcp: no packet is both'],
    ['dnat to 10.0.0.1', "1 nat belongs in the kernel's own ruleset: leave it there"],
    ['ip ttl set 5', "1 payload mangling belongs in the kernel's own ruleset: leave it there"],
    ['limit rate 5/sec', '14 sec is no span: expected second, minute, hour, day or week'],
    ['tcp dport { 22, 80-90, 85-95 } vmap { 1 : accept }', undefined],
    ['tcp dport vmap { 80-90 : accept, 85-95 : drop }', '16 80-90 and 85-95 overlap in this set'],
    ['tcp dport vmap { 22 : accept, 22 : drop }', '16 the set holds 22 twice'],
    ['ip saddr . tcp dport { 10.0.0.1 }', '24 this has 1 part, but 2 are expected: an IPv4 address . a port'],
    ['reject with icmp no-route', '18 no-route is not an ICMP code'],
    ['window name "w"', '13 there is no window w'],
    ['tcp dport $ports accept', '11 there is no variable $ports'],
    ['ct original mark 5', '1 ct mark has no direction'],
  ])('%s', (rule, expected) => {
    const errors = errorsIn(rule)
    if (expected === undefined) expect(errors).not.toEqual([])
    else expect(errors).toContain(expected)
  })

  test('create takes no element that is there, add does', () => {
    const text = (verb: string) =>
      `table inet t {\nset s { type inet_service; elements = { 22 }; }\n}\n${verb} element inet t s { 80, 22 }\n`
    expect(errorsOf(text('add'))).toEqual([])
    expect(errorsOf(text('create'))).toEqual([
      '4:25 set s holds one of these elements already (add takes it once more)',
    ])
  })

  test('a set names both ends of what overlaps, and both types that do not fit', () => {
    const overlapping = 'set s { type inet_service; flags interval; elements = { 1-10, 5-20 }; }'
    expect(errorsIn('accept', overlapping)).toEqual([
      '2:55 1-10 and 5-20 overlap in this set (auto-merge joins such elements)',
    ])
    const addresses = 'set s { type ipv4_addr; }'
    expect(errorsIn('tcp dport @s accept', addresses)).toEqual([
      '11 @s holds ipv4_addr, but inet_service is looked up in it',
    ])
    const ranges = 'set s { type inet_service; elements = { 1-10 }; }'
    expect(errorsIn('accept', ranges)).toEqual([
      '2:41 this set holds no ranges (declare it with flags interval)',
    ])
  })

  test('several are found in one go, ten at most', () => {
    expect(errorsIn('tcp dprt 1\ntcp dport 2 accpt\nip sadr 3')).toHaveLength(3)
    expect(errorsIn('tcp dprt 1\n'.repeat(50))).toHaveLength(10)
    expect(errorsIn('tcp dport ,\n'.repeat(50))).toHaveLength(10)
  })

  test('the line and a caret under the words are shown', () => {
    expect(() => parseNft(inChain('  tcp dprt 22 accept'), 'rules.nft')).toThrow(
      'rules.nft:5:7: error: tcp has no field dprt\n 5 |   tcp dprt 22 accept\n   |       ^^^^\n   did you mean dport?',
    )
  })

  test('loops of includes, and files that are not there', () => {
    const texts: Record<string, string> = { a: 'include "b"', b: 'include "a"' }
    const files: Files = { read: (path) => texts[path], find: (path) => (path in texts ? [path] : []) }
    expect(errorsOf('include "a"', files)).toEqual(['1:9 a includes itself: rules.nft → a → b → a'])
    expect(errorsOf('include "c"', files)).toEqual(['1:9 there is no file c'])
    expect(errorsOf('include "c*"', files)).toEqual([])
  })
})

describe('hostile texts get an error within a second', () => {
  test.each([
    ['deep braces', '{'.repeat(1_000_000)],
    ['deep brackets', inChain(`meta mark set ${'('.repeat(100_000)}`)],
    ['brackets that are closed', inChain(`tcp flags & ${'('.repeat(20)}syn${')'.repeat(20)} == `)],
    ['a megabyte on a line', inChain(`tcp dport ${'9'.repeat(1_000_000)}`)],
    ['a megabyte of a word', inChain('a'.repeat(1_000_000))],
    ['a long sum', inChain(`meta mark ${'0x1 | '.repeat(150_000)}0x1`)],
    ['quotes that do not end', inChain(`log prefix "${'x'.repeat(1_000_000)}`)],
    ['many concatenations', inChain(`ip saddr ${'. ip daddr '.repeat(50_000)} @s`)],
    ['signs', ';}'.repeat(200_000)],
    ['bytes', Array.from({ length: 300_000 }, (_, i) => String.fromCharCode((i * 7919) % 256)).join('')],
    ['a variable by itself', 'define a = $b\nredefine b = $a\ntable ip t { chain c { ip saddr $a\n} }'],
    [
      'a row of chains',
      `table ip t {\n${Array.from({ length: 5000 }, (_, i) => `chain c${i} { jump c${i + 1}; }`).join('\n')}\n}`,
    ],
  ])('%s', (_, text) => {
    expect(errorsOf(text)).not.toEqual([])
  })
})
