import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LinkType } from '../../src/capture/link.js'
import { PcapWriter } from '../../src/capture/write.js'
import { readable, tap } from '../../src/expectations/report.js'
import { type Result, runSuite } from '../../src/expectations/run.js'
import { findSuites, loadSuite } from '../../src/expectations/suite.js'
import { parseAddress } from '../../src/packet/address.js'
import { buildPacket } from '../../src/packet/build.js'

const POLICY = `define:
  internal: [10.0.0.0/16, fd00:10::/48]
inbound:
  - allow: ollama
    port: tcp/11434
    from: internal
    limit: 3 per minute per source
outbound:
  - allow: postgresql
    port: tcp/5432
    to: 10.0.2.10
`
const NFT = `table ip t {
  set internal { type ipv4_addr; flags interval; elements = { 10.0.0.0/16 } }
  chain in { type filter hook input priority 0; policy drop
    ip saddr @internal tcp dport 22 accept
    tcp dport 23 reject with tcp reset
  }
}
`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-expect-'))
  writeFileSync(join(folder, 'policy.yaml'), POLICY)
  writeFileSync(join(folder, 'rules.nft'), NFT)
  const capture = new PcapWriter(join(folder, 'some.pcap'), LinkType.raw)
  for (const [source, port] of [
    ['10.0.0.7', 11434],
    ['203.0.113.9', 11434],
    ['203.0.113.9', 22],
  ] as const)
    capture.write(0, 0, synOf(source, port))
  capture.close()
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The bytes of a SYN to 10.0.0.1. */
function synOf(source: string, dport: number): Uint8Array {
  const [from, to] = [source, '10.0.0.1'].map((text) => parseAddress(text)!)
  return buildPacket({ source: from!, destination: to!, protocol: 6, sport: 40000, dport })
}

/** What becomes of expectations, each a line of YAML or more, of a policy. */
async function run(
  policy: string,
  ...lines: string[]
): Promise<{ results: readonly Result[]; text: string; tap: string }> {
  const file = join(folder, 'test.yaml')
  writeFileSync(file, [`policy: ${policy}`, 'expect:', ...lines.map((line) => `  ${line}`), ''].join('\n'))
  const suite = loadSuite(file)
  const report = await runSuite(suite)
  const { results } = report
  const reports = [report]
  const plain = (text: string) => text.replaceAll(`${folder}/`, '')
  return { results, text: plain(readable(reports)), tap: plain(tap(reports)) }
}

describe('a policy that does what is expected', () => {
  test('passes, with who decided', async () => {
    const { results, text } = await run(
      'policy.yaml',
      '- accept: tcp from internal to :11434',
      '- drop: tcp from 203.0.113.9 to :11434',
      '- accept: 3 x tcp from 10.0.0.8 to :11434 in 30s',
      '  then: drop',
      '- accept: 6 x tcp from 10.0.0.8 to :11434 in 2m',
      '- accept: tcp to 10.0.2.10:5432',
      '- drop: tcp to 198.51.100.1:443',
      '- never: anything to 10.0.2.0/24 except tcp to 10.0.2.10:5432',
      '- never: tcp to :11434 except tcp from internal to :11434',
      '- always: tcp to 10.0.2.10:5432',
      '- capture: some.pcap',
      '  local: 10.0.0.1',
      '  accepts: 1',
      '  drops: 2',
    )
    expect(results.map(({ ok, message }) => message ?? ok)).toEqual(Array(results.length).fill(true))
    expect(text.split('\n')[0]).toBe('test.yaml, of policy.yaml')
    expect(text).toMatch(/^ {2}ok {6}3 {2}accept: tcp from internal to :11434 +ollama \(policy\.yaml:4\)$/m)
    expect(text).toMatch(/^ {2}ok {6}4 {2}drop: .* policy of chain input: drop$/m)
    expect(text).toMatch(/\n\n10 as expected, 0 not\n$/)
  })

  test('in any language, with the names of its sets', async () => {
    const { results } = await run(
      'rules.nft',
      '- accept: tcp from internal to :22',
      '- reject: tcp from 203.0.113.9 to :23',
      '- drop: tcp from 203.0.113.9 to :22',
      '- never: tcp from 10.1.0.0-255.255.255.255',
    )
    expect(results.map(({ ok, message }) => message ?? ok)).toEqual([true, true, true, true])
  })

  test('each expectation meets it as it was just loaded', async () => {
    const three = '- accept: 3 x tcp from 10.0.0.8 to :11434'
    const { results } = await run('policy.yaml', three, three)
    expect(results.map(({ ok }) => ok)).toEqual([true, true])
  })
})

describe('what is otherwise', () => {
  test('is told, with the packet and how to see why', async () => {
    const { results, text } = await run(
      'policy.yaml',
      '- drop: tcp from 10.0.0.7 to :11434',
      '- accept: 4 x tcp from 10.0.0.8 to :11434 in 30s',
      '- accept: 3 x tcp from 10.0.0.8 to :11434',
      '  then: accept',
    )
    expect(results.map(({ ok }) => ok)).toEqual([false, false, false])
    expect(text).toContain(
      [
        '  FAILED 3  drop: tcp from 10.0.0.7 to :11434',
        '           in tcp 10.0.0.7:40000 > 192.0.2.1:11434: accept, by ollama (policy.yaml:4)',
        "           see portcullis explain --policy policy.yaml 'in tcp 10.0.0.7:40000 > 192.0.2.1:11434'",
      ].join('\n'),
    )
    expect(results[1]!.message).toBe(
      'packet 4 of 4, in tcp 10.0.0.8:40000 > 192.0.2.1:11434: drop, by policy of chain input: drop',
    )
    expect(results[2]!.message).toContain('packet 4 of 4')
    expect(text).toMatch(/\n\n0 as expected, 3 not\n$/)
  })

  test('of ranges at either end', async () => {
    const { results } = await run('policy.yaml', '- accept: tcp from 9.255.255.255-10.0.0.5 to :11434')
    expect(results[0]!.message).toContain('in tcp 9.255.255.255:40000')
  })

  test('of all packets is an example', async () => {
    const { results } = await run(
      'policy.yaml',
      '- never: tcp to :11434',
      '- always: tcp from internal to :11434',
      '- always: udp to 10.0.2.10',
    )
    expect(results[0]!.message).toMatch(/^tcp .*:11434.*: accept, by ollama \(.*policy\.yaml:4\)\n/)
    expect(results[0]!.message).toContain('window name "ollama" says yes')
    expect(results[0]!.packet).toBeUndefined()
    expect(results[1]!.message).toContain('window name "ollama" says no')
    expect(results[2]!.message).toMatch(/^udp .* > 10\.0\.2\.10.*: drop, by the policy of chain output\n/)
    expect(results[2]!.packet).toMatch(/^out udp .* > 10\.0\.2\.10:\d+ state new oif \S+$/)
    expect(results.map(({ ok }) => ok)).toEqual([false, false, false])
  })

  test('of captures is the first packet', async () => {
    const { results } = await run(
      'policy.yaml',
      '- capture: some.pcap',
      '  drops: all',
      '  local: 10.0.0.1',
      '- capture: some.pcap',
      '  accepts: 2',
      '  local: 10.0.0.1',
    )
    expect(results[0]!.message?.replaceAll(folder, '')).toBe(
      'of 3 packets 1 are accepted, 2 are not\npacket 1: accept, by ollama (/policy.yaml:4)',
    )
    expect(results[1]!.message).toBe('of 3 packets 1 are accepted, 2 are not')
  })

  test('is told in TAP as well', async () => {
    const { tap } = await run(
      'policy.yaml',
      '- drop: tcp from 203.0.113.9 to :11434',
      '- drop: tcp from 10.0.0.7 to :11434',
    )
    expect(tap.split('\n')).toEqual([
      'TAP version 14',
      '1..2',
      'ok 1 - test.yaml:3 drop: tcp from 203.0.113.9 to :11434, by policy of chain input: drop',
      'not ok 2 - test.yaml:4 drop: tcp from 10.0.0.7 to :11434',
      '  ---',
      '  message: |',
      '    in tcp 10.0.0.7:40000 > 192.0.2.1:11434: accept, by ollama (policy.yaml:4)',
      "    see portcullis explain --policy policy.yaml 'in tcp 10.0.0.7:40000 > 192.0.2.1:11434'",
      '  at: "test.yaml:4"',
      '  ...',
      '',
    ])
  })
})

describe('files with expectations', () => {
  test('are found in folders', () => {
    const place = join(folder, 'found')
    mkdirSync(join(place, 'deep', 'node_modules'), { recursive: true })
    writeFileSync(join(place, 'b.yaml'), `${POLICY}expect:\n  - drop: tcp to 198.51.100.1:443\n`)
    writeFileSync(join(place, 'none.yaml'), POLICY)
    writeFileSync(join(place, 'deep', 'a.yml'), 'policy: ../b.yaml\nexpect: []\n')
    writeFileSync(join(place, 'deep', 'node_modules', 'c.yaml'), 'expect: []\n')
    expect(findSuites([place])).toEqual([join(place, 'b.yaml'), join(place, 'deep', 'a.yml')])
    expect(loadSuite(join(place, 'b.yaml'))).toMatchObject({ policy: join(place, 'b.yaml') })
  })

  test('that say nothing, or name no policy, are told', () => {
    expect(() => loadSuite(join(folder, 'policy.yaml'))).toThrow('expects nothing')
    const file = join(folder, 'lost.yaml')
    writeFileSync(file, 'policy: nowhere.yaml\nexpect: []\n')
    expect(() => loadSuite(file)).toThrow(/lost\.yaml:1:9: error: .*nowhere\.yaml: there is no such file/)
    mkdirSync(join(folder, 'empty'))
    expect(() => findSuites([join(folder, 'empty')])).toThrow('there is no file with expectations')
  })
})
