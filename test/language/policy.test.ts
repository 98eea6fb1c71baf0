import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LanguageError } from '../../src/language/diagnostic.js'
import { parseNft } from '../../src/language/nft/load.js'
import { printRuleset } from '../../src/language/nft/print/ruleset.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import { policyJsonSchema } from '../../src/language/policy/schema.js'
import { checkRuleset } from '../../src/ruleset/check.js'

/** A policy with these lines inbound, and nothing outbound. */
const inbound = (...lines: string[]) =>
  [
    lines.length === 0 ? 'inbound: []' : 'inbound:',
    ...lines.map((line) => `  ${line}`),
    'outbound: []',
    '',
  ].join('\n')

function errorOf(text: string): string {
  try {
    parsePolicy(text, 'p.yaml')
  } catch (error) {
    if (error instanceof LanguageError) return error.message
    throw error
  }
  throw new Error('the policy was accepted')
}

const rulesOf = (text: string, chain = 'input') =>
  printRuleset(parsePolicy(text, 'p.yaml'), { places: true })
    .split(`chain ${chain} {`)[1]!
    .split('\n\t}')[0]!
    .split('\n')
    .filter((line) => line.includes('# p.yaml:'))
    .map((line) => line.trim().replace(/ comment .*#/, ' #'))

test('the example becomes the rules that are written down', () => {
  const file = 'examples/ai-server.yaml'
  const ruleset = parsePolicy(readFileSync(file, 'utf8'), file)
  expect(checkRuleset(ruleset)).toEqual([])
  expect(printRuleset(ruleset, { places: true })).toMatchSnapshot()
})

describe('rules', () => {
  test('ports of several kinds become sets, one rule a protocol', () => {
    expect(rulesOf(inbound('- allow: x', '  port: [tcp/22, tcp/8000-8010, udp/53]'))).toEqual([
      'tcp dport { 22, 8000-8010 } ct state new counter accept # p.yaml:2',
      'udp dport 53 ct state new counter accept # p.yaml:2',
    ])
  })

  test('a protocol alone is every port of it', () => {
    expect(rulesOf(inbound('- allow: x', '  port: udp'))).toEqual([
      'meta l4proto udp ct state new counter accept # p.yaml:2',
    ])
  })

  test('without a port, everything', () => {
    expect(rulesOf(inbound('- allow: x', '  from: 10.0.0.5'))).toEqual([
      'ip saddr 10.0.0.5 ct state new counter accept # p.yaml:2',
    ])
  })

  test('addresses of both versions become a rule each; ranges and prefixes stay what they are', () => {
    expect(rulesOf(inbound('- allow: x', '  from: [10.0.0.1-10.0.0.9, 10.1.0.0/16, fd00::/64]'))).toEqual([
      'ip saddr { 10.0.0.1-10.0.0.9, 10.1.0.0/16 } ct state new counter accept # p.yaml:2',
      'ip6 saddr fd00::/64 ct state new counter accept # p.yaml:2',
    ])
  })

  test('where from and to share one version only, there is one rule', () => {
    expect(rulesOf(inbound('- allow: x', '  from: [10.0.0.1, fd00::1]', '  to: 10.0.0.50'))).toEqual([
      'ip saddr 10.0.0.1 ip daddr 10.0.0.50 ct state new counter accept # p.yaml:2',
    ])
  })

  test('deny drops whatever the state', () => {
    expect(rulesOf(inbound('- deny: x', '  from: 10.0.0.66', '  interface: eth*'))).toEqual([
      'iifname "eth*" ip saddr 10.0.0.66 counter drop # p.yaml:2',
    ])
  })

  test('defines may hold names of others', () => {
    const text = `define:\n  a: [b, 10.0.0.1]\n  b: 10.0.0.2\n${inbound('- allow: x', '  from: a')}`
    expect(printRuleset(parsePolicy(text, 'p.yaml'))).toContain('elements = { 10.0.0.2, 10.0.0.1 }')
  })

  test('prefixes of a define that overlap are joined when nft reads them', () => {
    const text = `define:\n  a: [10.0.0.0/8, 10.1.0.0/16]\n${inbound('- allow: x', '  from: a')}`
    const printed = printRuleset(parsePolicy(text, 'p.yaml'))
    expect(printed).toContain('auto-merge')
    expect(printRuleset(parseNft(printed, 'p.nft'))).toContain('elements = { 10.0.0.0/8 }')
  })

  test('any opens a direction, but for what is invalid', () => {
    const { tables } = parsePolicy('inbound: []\noutbound: any\n', 'p.yaml')
    expect(tables[0]!.chains.map(({ base }) => base!.policy)).toEqual(['drop', 'accept'])
  })

  test('also adds what it says, and nothing is there unasked', () => {
    expect(printRuleset(parsePolicy(inbound(), 'p.yaml'))).not.toMatch(/53|67|echo/)
    const text = `also: [dhcp, dns, ping]\n${inbound()}`
    expect(rulesOf(text)).toEqual([
      'udp dport 68 udp sport 67 counter accept # p.yaml:1',
      'udp dport 546 udp sport 547 ip6 saddr fe80::/10 counter accept # p.yaml:1',
      'icmp type echo-request ct state new counter accept # p.yaml:1',
      'icmpv6 type echo-request ct state new counter accept # p.yaml:1',
    ])
    expect(rulesOf(text, 'output')).toEqual([
      'udp sport 68 udp dport 67 counter accept # p.yaml:1',
      'udp sport 546 udp dport 547 ip6 daddr { fe80::/10, ff02::1:2 } counter accept # p.yaml:1',
      'udp dport 53 ct state new counter accept # p.yaml:1',
      'tcp dport 53 ct state new counter accept # p.yaml:1',
    ])
  })

  test.each([
    ['20 per minute per source', 20, 60_000],
    ['5 per second per source', 5, 1000],
    ['3 per 10 seconds per source', 3, 10_000],
    ['100 per hour per source', 100, 3_600_000],
    ['1 per 2 days per source', 1, 172_800_000],
  ])('the limit %s', (limit, rate, per) => {
    const { windows } = parsePolicy(inbound('- allow: x', `  limit: ${limit}`), 'p.yaml').tables[0]!
    const rest = { name: 'x', strict: false, size: 65_536, prefix4: 32, prefix6: 64 }
    expect(windows).toEqual([{ ...rest, rate, per }])
  })

  test('a limit with options', () => {
    const limit = '{ rate: 20 per minute per source, strict: true, sources: 1000000, ipv4: 24, ipv6: 56 }'
    const { windows } = parsePolicy(inbound('- allow: x', `  limit: ${limit}`), 'p.yaml').tables[0]!
    expect(windows).toEqual([
      { name: 'x', rate: 20, per: 60_000, strict: true, size: 1_000_000, prefix4: 24, prefix6: 56 },
    ])
  })
})

describe('errors name the place, the fault and the remedy', () => {
  const cases: [string, string, string[]][] = [
    [
      'a port out of range',
      inbound('- allow: x', '  port: tcp/70000'),
      [
        'p.yaml:3:11: error: port 70000 is out of range',
        ' 3 |     port: tcp/70000',
        '   |           ^^^^^^^^^',
        '   a port is 0 to 65535',
      ],
    ],
    [
      'a port without its protocol',
      inbound('- allow: x', "  port: ['443']"),
      [
        'p.yaml:3:12: error: port 443 lacks its protocol',
        " 3 |     port: ['443']",
        '   |            ^^^^^',
        '   write tcp/443 or udp/443',
      ],
    ],
    [
      'a misspelt key',
      inbound('- alow: x'),
      [
        'p.yaml:2:5: error: alow is not known here',
        ' 2 |   - alow: x',
        '   |     ^^^^',
        '   did you mean allow?',
      ],
    ],
    [
      'a misspelt section',
      `inbond: []\n${inbound()}`,
      [
        'p.yaml:1:1: error: inbond is not known here',
        ' 1 | inbond: []',
        '   | ^^^^^^',
        '   did you mean inbound?',
      ],
    ],
    [
      'a missing section',
      'inbound: []\n',
      [
        'p.yaml:1:1: error: outbound is missing',
        ' 1 | inbound: []',
        '   | ^^^^^^^^^^^',
        '   list what is allowed under outbound:, or write outbound: any',
      ],
    ],
    [
      'a misspelt name of define',
      `define:\n  internal: 10.0.0.0/16\n${inbound('- allow: x', '  from: [10.0.0.1, interal]')}`,
      [
        'p.yaml:5:22: error: interal is no address',
        ' 5 |     from: [10.0.0.1, interal]',
        '   |                      ^^^^^^^',
        '   did you mean internal?',
      ],
    ],
    [
      'a host name',
      inbound('- allow: x', '  from: proxy.example.com'),
      [
        'p.yaml:3:11: error: proxy.example.com is a host name',
        ' 3 |     from: proxy.example.com',
        '   |           ^^^^^^^^^^^^^^^^^',
        '   host names are not looked up: write its address',
      ],
    ],
    [
      'bits behind a prefix',
      inbound('- allow: x', '  from: 10.0.0.5/16'),
      [
        'p.yaml:3:11: error: 10.0.0.5/16 has bits set behind its first 16',
        ' 3 |     from: 10.0.0.5/16',
        '   |           ^^^^^^^^^^^',
        '   write an address (10.0.0.5), a prefix (10.0.0.0/16), a range (10.0.0.5-10.0.0.9) or a name of define',
      ],
    ],
    [
      'a limit that does not say whom',
      inbound('- allow: x', '  limit: 20 per minute'),
      [
        'p.yaml:3:12: error: 20 per minute is no limit',
        ' 3 |     limit: 20 per minute',
        '   |            ^^^^^^^^^^^^^',
        '   say whom it limits: 20 per minute per source',
      ],
    ],
    [
      'a misspelt unit',
      inbound('- allow: x', '  limit: 20 per minite per source'),
      [
        'p.yaml:3:12: error: minite is no unit of time',
        ' 3 |     limit: 20 per minite per source',
        '   |            ^^^^^^^^^^^^^^^^^^^^^^^^',
        '   did you mean minute?',
      ],
    ],
    [
      'a name twice',
      inbound('- allow: x', '- allow: x'),
      [
        'p.yaml:3:12: error: there is a rule x in line 2 already',
        ' 3 |   - allow: x',
        '   |            ^',
        '   each rule has a name of its own',
      ],
    ],
    [
      'a rule without a name',
      inbound('- port: tcp/22'),
      [
        'p.yaml:2:5: error: the rule has no name',
        ' 2 |   - port: tcp/22',
        '   |     ^^^^^^^^^^^^',
        '   start it with allow: and a name of yours',
      ],
    ],
    [
      'broken YAML',
      'inbound: [\noutbound: []\n',
      [
        'p.yaml:2:1: error: not readable as YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
      ],
    ],
  ]

  test.each(cases)('%s', (_, text, lines) => {
    expect(errorOf(text).split('\n').slice(0, lines.length)).toEqual(lines)
  })

  test.each([
    [
      'a define that leads back to itself',
      `define:\n  a: b\n  b: a\n${inbound()}`,
      /a is defined by itself: a → b → a/,
    ],
    [
      'versions that cannot meet',
      inbound('- allow: x', '  from: 10.0.0.1', '  to: fd00::1'),
      /share no IP version/,
    ],
    [
      'a limit outbound',
      'inbound: []\noutbound:\n  - allow: x\n    limit: 1 per minute per source\n',
      /only one, this server/,
    ],
    ['allow and deny together', inbound('- allow: x', '  deny: y'), /either allow or deny/],
    [
      'too many sources for the rate',
      inbound('- allow: x', '  limit: { rate: 1000 per hour per source, sources: 1000000 }'),
      /set sources: to 67108 or less/,
    ],
    [
      'a port that is a list of lists',
      inbound('- allow: x', '  port: [[tcp/1]]'),
      /p.yaml:3:12: error: a port is written/,
    ],
    [
      'an unknown word under also',
      `also: [dchp]\n${inbound()}`,
      /p.yaml:1:8: error: also knows dhcp, dns, ping/,
    ],
    ['a policy that is a list', '- a\n- b\n', /p.yaml:1:1: error: a policy is a mapping/],
    ['an empty file', '', /p.yaml:1:1: error: /],
    [
      'too many aliases',
      `define:\n  a: &a [10.0.0.1]\n  b: [${Array(200).fill('*a').join()}]\n`,
      /p.yaml:\d+:\d+: error: /,
    ],
  ])('%s', (_, text, message) => {
    expect(errorOf(text)).toMatch(message)
  })

  test('all of them at once, at most ten in full', () => {
    const message = errorOf(
      inbound(...Array.from({ length: 12 }, (_, i) => `- { allow: x${i}, port: tcp/0x${i} }`)),
    )
    expect(message.match(/error:/g)).toHaveLength(10)
    expect(message).toMatch(/\nand 2 more$/)
  })

  test('any text at all gets a Ruleset or errors with places', () => {
    const words = fc.constantFrom(
      'define:',
      'inbound:',
      'outbound:',
      ' - allow: x',
      '  port: tcp/1',
      ' [',
      '{',
      '&a',
      '*a',
      '"',
      '- ',
      ': ',
      '\n',
      '\t',
      '!!map',
      '? ',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.string()), { maxLength: 30 }), (parts) => {
        try {
          parsePolicy(parts.join('\n'), 'p.yaml')
        } catch (error) {
          expect(error).toBeInstanceOf(LanguageError)
          expect((error as Error).message).toMatch(/^p\.yaml:\d+:\d+: error: /)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

test('the JSON schema describes the sections', () => {
  expect(policyJsonSchema()).toMatchObject({
    type: 'object',
    required: ['inbound', 'outbound'],
    additionalProperties: false,
  })
})
