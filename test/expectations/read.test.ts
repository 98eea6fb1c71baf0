import { describe, expect, test } from 'vitest'
import { LanguageError } from '../../src/language/diagnostic.js'
import { readExpectations, readTestFile } from '../../src/language/expect/read.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import { PolicySource } from '../../src/language/policy/source.js'
import { formatSample } from '../../src/language/traffic/samples.js'

/** The expectations of a test file with these lines under `expect`. */
function read(...lines: string[]) {
  const text = ['policy: p.yaml', 'expect:', ...lines.map((line) => `  ${line}`), ''].join('\n')
  return readExpectations(readTestFile(text, 't.yaml'), new Map())
}

function errorOf(...lines: string[]): string {
  try {
    read(...lines)
  } catch (error) {
    if (error instanceof LanguageError) return error.message
    throw error
  }
  throw new Error('the file was accepted')
}

describe('expectations', () => {
  test('of packets, one by one or many in a span', () => {
    const [one, many] = read(
      '- accept: tcp from 10.0.0.7 to :11434  # a comment',
      '- reject: 20 x udp to 198.51.100.53:53 in 30s',
      '  then: drop',
    )
    expect(one).toMatchObject({
      position: { file: 't.yaml', line: 3 },
      text: 'accept: tcp from 10.0.0.7 to :11434',
      claim: { kind: 'packets', wanted: 'accept', count: 1, span: 0 },
    })
    expect(one!.claim).not.toHaveProperty('afterwards')
    expect(many).toMatchObject({
      text: 'reject: 20 x udp to 198.51.100.53:53 in 30s, then drop',
      claim: { kind: 'packets', wanted: 'reject', count: 20, span: 30e9, afterwards: 'drop' },
    })
    const { claim } = many!
    expect(claim.kind === 'packets' && claim.samples.map(formatSample)).toEqual([
      'out udp 192.0.2.1:40000 > 198.51.100.53:53',
    ])
  })

  test('of all packets, and of captures', () => {
    const [never, capture] = read(
      '- never: anything to 10.0.2.0/24 except tcp to 10.0.2.10:5432',
      '- capture: attacks.pcapng',
      '  drops: all',
      '  local: 10.0.0.50',
    )
    expect(never!.claim).toMatchObject({ kind: 'region', wanted: 'never', region: { hook: 'output' } })
    expect(capture).toMatchObject({
      text: 'capture: attacks.pcapng drops all',
      claim: { kind: 'capture', capture: 'attacks.pcapng', drops: 'all', local: ['10.0.0.50'] },
    })
  })

  test('stand in a policy as well, and change nothing of it', () => {
    const policy = 'inbound: []\noutbound: []\n'
    const text = `${policy}expect:\n  - drop: tcp from 10.0.0.7 to :22\n`
    expect(readExpectations(new PolicySource(text, 'p.yaml'), new Map())).toHaveLength(1)
    expect(parsePolicy(text, 'p.yaml')).toEqual(parsePolicy(policy, 'p.yaml'))
  })
})

describe('what is wrong is shown where it stands', () => {
  test.each([
    [
      ['- accept: tcp from 10.0.0.7 to :114340'],
      't.yaml:3:35: error: port 114340 is out of range\n' +
        ' 3 |   - accept: tcp from 10.0.0.7 to :114340\n' +
        '   |                                   ^^^^^^\n' +
        '   a port is 0 to 65535',
    ],
    [
      ['- accept: "20 x tcp from 10.0.0.7 to :22x in 30s"'],
      't.yaml:3:41: error: 22x is no port number\n' +
        ' 3 |   - accept: "20 x tcp from 10.0.0.7 to :22x in 30s"\n' +
        '   |                                         ^^^\n' +
        '   write the number: ssh is tcp/22',
    ],
    [
      ['- accept: >-', '    tcp from 10.0.0.7', '    to :22x'],
      't.yaml:3:13: error: 22x is no port number\n' +
        ' 3 |   - accept: >-\n' +
        '   |             ^^\n' +
        '   write the number: ssh is tcp/22',
    ],
  ])('%j', (lines, message) => expect(errorOf(...lines)).toBe(message))

  test.each([
    [
      ['- accept: tcp from 10.0.0.7 to :22', '  drop: tcp from 10.0.0.7 to :22'],
      'accept and drop are two expectations',
    ],
    [['- then: drop'], 'it expects nothing'],
    [['- acept: tcp from 10.0.0.7 to :22'], 'acept is not known here'],
    [['- accept: 0 x tcp from 10.0.0.7 to :22'], '0 packets'],
    [['- accept: 2 x tcp from 10.0.0.7 to :22 in 999h'], 'the span is too long'],
    [['- never: tcp to :22', '  then: drop'], 'then goes with accept, drop, reject'],
    [['- never: icmp from fd00::7'], 'there is no such packet'],
    [['- accept: tcp from 10.0.0.7 to :22', '  drops: all'], 'drops goes with capture'],
    [['- capture: a.pcap'], 'it does not say what becomes of the packets'],
    [['- capture: a.pcap', '  drops: some'], 'write all, or how many packets'],
    [['- capture: a.pcap', '  drops: all', '  then: drop'], 'then goes with accept, drop, reject'],
    [['- accept: [tcp]'], 'packets are written: tcp from 10.0.0.7 to :11434'],
  ])('%j', (lines, message) => {
    expect(errorOf(...lines)).toMatch(/^t\.yaml:\d+:\d+: error: /)
    expect(errorOf(...lines)).toContain(`error: ${message}\n`)
  })

  test('a test file has a policy', () => {
    expect(() => readTestFile('expect: []\n', 't.yaml')).toThrow('policy is missing')
    expect(() => readTestFile('policy: p\n', 't.yaml')).toThrow('list what is expected under expect:')
  })
})
