import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { changesOf } from '../../src/explain/changes.js'
import { Explainer, interfacesOf, packetOf, wayOf } from '../../src/explain/explain.js'
import { explanationText } from '../../src/explain/text.js'
import { loadIptables } from '../../src/language/iptables/load.js'
import { parseNft } from '../../src/language/nft/load.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import { namesOf } from '../../src/language/traffic/names.js'
import { formatSample, samplesOf } from '../../src/language/traffic/samples.js'
import { parseTraffic } from '../../src/language/traffic/traffic.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { occasion, sayBoth } from '../support/explained.js'
import { rulesets } from '../support/language/rulesets.js'

const POLICY = `define:
  internal: [10.0.0.0/16, fd00:10::/48]
inbound:
  - deny: noisy
    from: 10.0.66.0/24
  - allow: ollama
    port: tcp/11434
    from: internal
    limit: 2 per minute per source
  - allow: lan
    port: tcp/22
    interface: lan*
outbound: []
`

const policy = parsePolicy(POLICY, 'policy.yaml')
const nft = (rules: string, head = '') =>
  parseNft(
    `table ip t {\n${head}\nchain in { type filter hook input priority 0; policy drop\n${rules}\n}\n}`,
    'r.nft',
  )

/** Explains a packet in words, after `before` others of its kind, one a second. */
function explain(ruleset: Ruleset, text: string, before = 0) {
  const [sample] = samplesOf(parseTraffic(text, namesOf(ruleset)), text)
  const way = wayOf(sample!)
  const explainer = new Explainer(ruleset, { interfaces: interfacesOf(sample!) })
  for (let i = 0; i < before; i++)
    explainer.judge(packetOf({ ...sample!, sport: sample!.sport! + 1 + i }), way, i * 1e9)
  const explanation = explainer.explain(packetOf(sample!), way, before * 1e9)
  const later = (wait: number) => explainer.judge(packetOf(sample!), way, before * 1e9 + wait)
  const changes = changesOf(ruleset, sample!, explanation, later)
  const failures = explanation.steps.flatMap((step) =>
    step.kind === 'rule' && step.failed !== undefined ? [step.failed.reason] : [],
  )
  const text2 = explanationText(formatSample(sample!), explanation, changes, true)
  const wouldBe = changes.map(({ what, verdict, rule }) => `${verdict} ${what} ${rule?.comment ?? ''}`.trim())
  return { ...explanation, failures, text: text2, wouldBe }
}

describe('a way through the rules', () => {
  test('names the expression that failed, what it saw and what it asked for', () => {
    const { verdict, failures, chain, rule } = explain(policy, 'tcp from 203.0.113.9 to :11434')
    expect(verdict).toBe('drop')
    expect(rule).toBeUndefined()
    expect(chain?.name).toBe('input')
    expect(failures).toContain('ip saddr is 203.0.113.9, asked for @internal_ipv4 { 10.0.0.0/16 }')
    expect(failures).toContain('ip6 saddr: the packet is of IPv4')
    expect(failures).toContain('iifname is eth0, asked for "lan*"')
    expect(failures).toContain('ct state is new, asked for established,related')
    expect(failures).toContain('icmp type: the packet is tcp')
  })

  test('is text with places, and the rule that decided', () => {
    const { text } = explain(policy, 'tcp from 10.0.0.7 to :11434')
    expect(text).toMatch(
      /^in tcp 10\.0\.0\.7:40000 > 192\.0\.2\.1:11434\n\ninput: chain inet portcullis input\n/,
    )
    expect(text).toMatch(
      /^ {2}policy\.yaml:6 +ollama +accept \(@internal_ipv4 holds 10\.0\.0\.7; window ollama: 0 of 2 used\)$/m,
    )
    expect(text).toContain('\naccept, by ollama (policy.yaml:6)\n')
  })

  test('tells what state it found', () => {
    const { verdict, failures, wouldBe } = explain(policy, 'tcp from 10.0.0.7 to :11434', 2)
    expect(verdict).toBe('drop')
    expect(failures).toContain('window ollama: 2 of 2 used, the oldest frees in 58s')
    expect(wouldBe).toEqual(['accept in 58s'])
  })

  test('tells of limits, quotas, and elements that expire', () => {
    const ruleset = nft(
      'tcp dport 22 limit rate 1/minute burst 2 packets accept\ntcp dport 23 quota over 100 bytes accept\nip saddr @banned drop\naccept',
      'set banned { type ipv4_addr; flags timeout; elements = { 10.0.0.9 timeout 5m } }',
    )
    expect(explain(ruleset, 'tcp from 10.0.0.7 to :22', 2).failures).toContain(
      'limit rate 1/minute burst 2 packets: 0 of 2 left, one more in 58s',
    )
    expect(explain(ruleset, 'tcp from 10.0.0.7 to :23', 1).failures).toContain(
      'quota over 100 bytes: 40 of 100 bytes used',
    )
    const banned = explain(ruleset, 'tcp from 10.0.0.9 to :80', 60)
    expect(banned.text).toContain('drop (@banned holds 10.0.0.9, which expires in 4m)')
    expect(banned.wouldBe).toContain('accept from other than 10.0.0.9, such as 10.0.0.8')
  })

  test('goes down chains and comes back', () => {
    const { text } = explain(
      parseNft(
        `table ip t {
          chain one { tcp dport 23 drop; ip saddr 10.0.0.0/8 goto two; }
          chain two { tcp dport 24 drop; }
          chain in { type filter hook prerouting priority -300; jump one; counter; }
          chain last { type filter hook input priority 0; policy drop; ip saddr 10.0.0.7 accept; }
        }`,
        'r.nft',
      ),
      'tcp from 10.0.0.7 to :22',
    )
    const lines = text
      .split('\n')
      .map((line) => line.replace(/ {2,}(?=\S)/g, (gap, at) => (at === 0 ? gap : ' ')))
    expect(lines.slice(2, lines.indexOf('', 2))).toEqual([
      'prerouting: chain ip t in',
      '  r.nft:4 jump one yes, jump one',
      '  chain ip t one',
      '    r.nft:2 tcp dport 23 drop no: tcp dport is 22, asked for 23',
      '    r.nft:2 ip saddr 10.0.0.0/8 goto two yes, goto two',
      '    chain ip t two',
      '      r.nft:3 tcp dport 24 drop no: tcp dport is 22, asked for 24',
      '  r.nft:4 counter yes',
      '  policy accept',
      'input: chain ip t last',
      '  r.nft:5 ip saddr 10.0.0.7 accept accept',
    ])
    expect(text).toContain('\naccept, by ip saddr 10.0.0.7 accept (r.nft:5)\n')
  })

  test('of iptables tells its own words, and what its lists hold', () => {
    const { ruleset } = loadIptables(
      [
        'iptables -P INPUT DROP',
        'iptables -A INPUT -p tcp --dport 22 -m recent --set --name SSH',
        'iptables -A INPUT -p tcp --dport 22 -m recent --rcheck --seconds 60 --hitcount 4 --name SSH -j DROP',
        'iptables -A INPUT -p tcp -m multiport --dports 22,23 -j ACCEPT',
        '',
      ].join('\n'),
      'rules.sh',
    )
    const first = explain(ruleset, 'tcp from 10.0.0.7 to :22', 2)
    expect(first.verdict).toBe('accept')
    expect(first.failures).toContain('recent SSH: seen 3 times within 60s, asked for 4')
    expect(first.text).toContain('yes (recent SSH: seen 2 times before)')
    const fourth = explain(ruleset, 'tcp from 10.0.0.7 to :22', 3)
    expect(fourth.verdict).toBe('drop')
    expect(fourth.text).toContain('drop (recent SSH: seen 4 times within 60s, asked for 4)')
    expect(fourth.text).toMatch(/^ {2}rules\.sh:3 {2}-p tcp -m tcp --dport 22 -m recent --rcheck.*… {2}drop/m)
    expect(explain(ruleset, 'tcp from 10.0.0.7 to :24').wouldBe).toEqual([
      'accept to port 22',
      'accept to port 23',
    ])
  })

  test('of what no rule decides says so', () => {
    const empty = parseNft('table ip t { }', 'r.nft')
    expect(explain(empty, 'tcp from 10.0.0.7 to :22').text).toContain(
      'accept, by no rule: no chain is at its hooks',
    )
    expect(explain(empty, 'udp from 10.0.0.7 to 224.0.0.251:5353').text).toContain('lost, by no rule')
  })
})

describe('what would change it', () => {
  test.each([
    ['tcp from 203.0.113.9 to :11434', ['accept from 10.0.0.0/16 ollama']],
    ['tcp from fd00:20::1 to :11434', ['accept from fd00:10::/48 ollama']],
    ['tcp from 10.0.0.7 to :80', ['accept to port 11434 ollama']],
    ['udp from 10.0.0.7 to :11434', ['accept over tcp ollama']],
    ['tcp from 203.0.113.9 to :22', ['accept on lan* lan']],
    ['tcp from 203.0.113.9 to :80', []],
    ['tcp from 10.0.66.1 to :11434', ['accept from other than 10.0.66.0/24, such as 10.0.65.255 ollama']],
    [
      'tcp from 10.0.0.7 to :11434',
      [
        'drop to port other than 11434, such as 11433',
        'drop from other than 10.0.0.0/16, such as 9.255.255.255',
      ],
    ],
  ])('%s', (text, changes) => expect(explain(policy, text).wouldBe).toEqual(changes))

  test('is claimed only if it is so at both ends', () => {
    const ruleset = nft('ip saddr 10.0.255.255 drop\nip saddr 10.0.0.0/16 tcp dport 22 accept')
    expect(explain(ruleset, 'tcp from 203.0.113.9 to :22').wouldBe).toEqual([])
    expect(explain(ruleset, 'tcp from 10.0.0.7 to :23').wouldBe).toEqual(['accept to port 22'])
  })

  test('is found among many rules that are farther off', () => {
    const far = Array.from({ length: 200 }, (_, i) => `ip saddr 10.1.${i}.0/24 tcp dport 22 accept`)
    const ruleset = nft([...far, 'ip saddr 10.0.0.0/16 tcp dport 23 accept'].join('\n'))
    expect(explain(ruleset, 'tcp from 10.0.0.7 to :24').wouldBe).toEqual(['accept to port 23'])
  })

  test('a state that was given may be another', () => {
    const ruleset = nft('ct state established,related accept')
    expect(explain(ruleset, 'tcp from 10.0.0.7 to :22').wouldBe).toEqual([])
    expect(explain(ruleset, 'tcp from 10.0.0.7 to :22 state new').wouldBe).toEqual([
      'accept with state established',
      'accept with state related',
    ])
  })
})

test('explanations and the engine agree on the complete language', () => {
  fc.assert(
    fc.property(rulesets(), fc.array(occasion, { minLength: 1, maxLength: 40 }), (ruleset, occasions) => {
      const { engine, explained } = sayBoth(ruleset, occasions)
      expect(explained).toEqual(engine)
    }),
    { numRuns: 60, seed: 20261123 },
  )
}, 120_000)
