import { describe, expect, test } from 'vitest'
import { type Files, loadNft, parseNft } from '../../../src/language/nft/load.js'
import { Comments } from '../../../src/language/nft/print/comments.js'
import { printRuleset } from '../../../src/language/nft/print/ruleset.js'
import { printStatements } from '../../../src/language/nft/print/statement.js'

/** The last chain's rules as they are listed. */
function list(text: string, files?: Files): string[] {
  const { tables } = parseNft(text, 'rules.nft', files === undefined ? {} : { files })
  const table = tables.at(-1)!
  return table.chains.at(-1)!.rules.map((rule) => printStatements(rule, table.sets, table.family))
}

const inChain = (family: string, rule: string) =>
  `table ${family} t {\nset s { type inet_service; flags dynamic; }\nchain c {\n${rule}\n}\n}`

describe('a rule is listed as nft lists it', () => {
  test.each([
    ['ip', 'ip protocol udp udp dport 123 drop', 'udp dport 123 drop'],
    ['inet', 'ip protocol udp udp dport ntp drop', 'ip protocol udp udp dport 123 drop'],
    ['inet', 'meta nfproto ipv4 ip saddr 10.1.2.3/8 drop', 'ip saddr 10.0.0.0/8 drop'],
    ['inet', 'meta l4proto tcp counter tcp dport 22', 'meta l4proto tcp counter tcp dport 22'],
    ['inet', 'tcp dport { 90, 22, 80-85, 83-89 }', 'tcp dport { 22, 80-90 }'],
    ['inet', 'tcp dport { 22 }', 'tcp dport 22'],
    ['inet', 'iifname { "wlan0", "lo" }', 'iifname { "lo", "wlan0" }'],
    ['inet', 'tcp flags & syn != 0', 'tcp flags syn'],
    ['inet', 'meta hour 09:00 ip6 saddr fd00::7-fd00::98', 'meta hour "09:00" ip6 saddr fd00::7-fd00::98'],
    ['inet', 'meta priority 1:10 ip6 saddr { fd00::/64 }', 'meta priority 1:10 ip6 saddr fd00::/64'],
    ['inet', 'tcp flags & (syn | ack) == 0', 'tcp flags ! syn,ack'],
    ['inet', 'tcp flags & (fin|syn|rst) == syn', 'tcp flags syn / fin,syn,rst'],
    ['inet', 'ct mark xor 0x5 == 0x9', 'ct mark 0x0000000c'],
    ['inet', 'ip saddr & 255.255.0.0 == 10.1.0.0', 'ip saddr 10.1.0.0/16'],
    ['inet', 'ip saddr 10.0.0.1 reject', 'ip saddr 10.0.0.1 reject with icmp port-unreachable'],
    ['inet', 'reject with tcp reset', 'meta l4proto tcp reject with tcp reset'],
    ['ip', 'icmp id 7', 'icmp type { echo-reply, echo-request } icmp id 7'],
    ['ip', 'icmp code 1 icmp type 3', 'icmp type destination-unreachable icmp code host-unreachable'],
    ['inet', 'meta hour "22:00"-"06:00" drop', 'meta hour != "06:00"-"22:00" drop'],
    ['inet', 'limit rate 7168 bytes/second', 'limit rate 7 kbytes/second'],
    ['inet', 'log level warn flags tcp sequence,options', 'log flags tcp sequence,options'],
    ['inet', 'mark set mark and 0xff or 0x100', 'meta mark set meta mark & 0x000001ff | 0x00000100'],
    ['inet', 'set add tcp dport timeout 60s @s', 'add @s { tcp dport timeout 1m }'],
    ['inet', 'ct expiration 90', 'ct expiration 1m30s'],
    ['inet', '@th,16,16 22', 'th dport 22'],
    [
      'inet',
      'ip6 nexthdr tcp tcp dport { 1, 2 } ip6 hoplimit 255',
      'ip6 nexthdr tcp ip6 hoplimit 255 tcp dport { 1, 2 }',
    ],
    ['inet', '@nh,0,4 6', '@nh,0,8 & 0xf0 == 0x60'],
    ['inet', 'tcp flags & 0xff == syn', 'tcp flags == syn'],
    ['inet', 'ct status 5', 'ct status expected,assured'],
    ['inet', 'meta l4proto udp th dport 53', 'udp dport 53'],
    ['inet', 'tcp option mss size 1-500', 'tcp option maxseg size 1-500'],
  ])('%s: %s', (family, rule, expected) => {
    expect(list(inChain(family, rule))).toEqual([expected])
  })
})

describe('scripts', () => {
  test('commands are carried out in their order', () => {
    const text = `add table ip t
add chain ip t c
add rule ip t c counter
insert rule ip t c accept
add rule ip t c index 0 drop
add set ip t s { type inet_service; elements = { 1, 2, 3 }; }
delete element ip t s { 2 }
add element ip t s { 7 }
flush chain ip t c
add rule ip t c tcp dport @s return
destroy table ip6 nothing`
    expect(list(text)).toEqual(['tcp dport @s return'])
    const [set] = parseNft(text, 'rules.nft').tables[0]!.sets
    expect(set!.elements.map((element) => element.kind === 'value' && element.value)).toEqual([1n, 3n, 7n])
    expect(
      list(
        text
          .replace(/flush chain.*/, 'delete set ip t none')
          .split('\n')
          .slice(0, 5)
          .join('\n'),
      ),
    ).toEqual(['accept', 'drop', 'counter'])
  })

  test('variables hold values, sets and names, and can be changed', () => {
    const text = `define web = { 80, 443 }
define all = { $web, 8080 }
define hosts = 10.0.0.1-10.0.0.9
define priority = -5
table ip t {
  define inner = 22
  chain c {
    type filter hook input priority $priority
    tcp dport $all
    tcp dport $inner ip saddr $hosts
  }
  chain d {
    tcp dport $web
  }
}`
    expect(list(text)).toEqual(['tcp dport { 80, 443 }'])
    const { chains } = parseNft(text, 'rules.nft').tables[0]!
    expect(chains[0]!.base!.priority).toBe(-5)
    expect(chains[0]!.rules.map((rule) => printStatements(rule))).toEqual([
      'tcp dport { 80, 443, 8080 }',
      'tcp dport 22 ip saddr 10.0.0.1-10.0.0.9',
    ])
  })

  test('files are included at the top, in tables and in chains', () => {
    const texts: Record<string, string> = {
      defs: 'define p = 7',
      sets: 'set s { type inet_service; }',
      rules: 'tcp dport $p\ntcp dport @s',
    }
    const files: Files = { read: (path) => texts[path], find: (path) => (path in texts ? [path] : []) }
    const text = 'include "defs"\ntable ip t {\ninclude "sets"\nchain c {\ninclude "rules"\naccept\n}\n}'
    expect(list(text, files)).toEqual(['tcp dport 7', 'tcp dport @s', 'accept'])
  })
})

test('the layout is that of nft list ruleset, and comments stay where they stand', () => {
  const text = `# of the file
table inet t { # of the table
# of the chain
chain c { type filter hook input priority 5; policy drop
tcp dport 22 accept # of the rule
# at the end
}
set s { type ipv4_addr; elements = { 10.0.0.3,
  # of an element
  10.0.0.1, 10.0.0.2 } }
}
`
  const { ruleset, sources } = loadNft(text, 'rules.nft')
  const printed = printRuleset(ruleset, { comments: new Comments(sources, ruleset) })
  expect(printed).toBe(`# of the file
table inet t { # of the table
\tset s {
\t\ttype ipv4_addr
\t\t# of an element
\t\telements = { 10.0.0.1, 10.0.0.2,
\t\t\t     10.0.0.3 }
\t}

\t# of the chain
\tchain c {
\t\ttype filter hook input priority filter + 5; policy drop;
\t\ttcp dport 22 accept # of the rule
\t\t# at the end
\t}
}
`)
  const again = loadNft(printed, 'again.nft')
  expect(printRuleset(again.ruleset, { comments: new Comments(again.sources, again.ruleset) })).toBe(printed)
})

test('an element has its statements before how long it lives', () => {
  const set = (elements: string) => `table ip t {
	set s {
		type ipv4_addr
		flags interval,timeout
		counter
		elements = { ${elements} }
	}
}
`
  const text = set(
    '10.0.0.0/24 counter packets 1 bytes 2 timeout 6m40s expires 1m comment "seen", * counter packets 3 bytes 4 timeout 1h',
  )
  expect(printRuleset(parseNft(text, 'rules.nft'))).toBe(text)
  expect(() => parseNft(set('10.0.0.7 timeout 1h counter'), 'rules.nft')).toThrow('unexpected counter')
})
