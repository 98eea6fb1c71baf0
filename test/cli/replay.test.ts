import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCapture } from '../../src/capture/open.js'
import { Misuse } from '../../src/cli/errors.js'
import { isMet, parseExpectation } from '../../src/cli/replay/expectation.js'
import { Progress } from '../../src/cli/replay/progress.js'
import type { ReplayReport } from '../../src/replay/report.js'

const CAPTURE = 'examples/ai-server.pcapng'
const POLICY = 'examples/ai-server.yaml'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-replay-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function replay(args: readonly string[], input?: Uint8Array) {
  const all = ['dist/src/cli/main.js', 'replay', ...args]
  const { status, stdout, stderr } = spawnSync('node', all, { encoding: 'utf8', input: input ?? '' })
  return { status, stdout, stderr }
}

test('says what was decided by whom, and of whose traffic', () => {
  const written = join(folder, 'dropped.pcapng')
  const args = [
    CAPTURE,
    '--policy',
    POLICY,
    '--write',
    written,
    '--expect',
    'drops=184',
    '--expect',
    'rejects<1',
  ]
  const { status, stdout, stderr } = replay(args)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const lines = stdout.split('\n')
  expect(lines.slice(0, 5)).toEqual([
    `832 packets of ${CAPTURE}, 2026-03-01 09:00:00.000 to 2026-03-01 09:01:19.000`,
    `host 10.0.0.50, fd00:10::50 (guessed: by the directions of packets that the capture tells; --local says it); policy ${POLICY}`,
    'accepted 648, dropped 184, rejected 0; 48 connections',
    '',
    'verdict  packets    bytes  flows  first                    last                     rule',
  ])
  expect(stdout).toContain(
    `accept        28    1,120     28  2026-03-01 09:00:00.000  2026-03-01 09:01:03.000  ${POLICY}:10 ollama\n`,
  )
  expect(stdout).toContain(`decided nothing: ${POLICY}:30 elasticsearch, ${POLICY}:33 management-ssh\n`)
  expect(stdout).toMatch(/^dropped, by source +packets +bytes\n10\.0\.0\.50 +72 +7,560\n/m)
})

test('what is dropped is written with the rule that dropped it', async () => {
  const written = join(folder, 'comments.pcapng')
  const rules = join(folder, 'rules.sh')
  writeFileSync(
    rules,
    'iptables -P INPUT ACCEPT\niptables -A INPUT -s 198.51.100.77 -p tcp --dport 22 -j DROP\n',
  )
  const said = replay([
    CAPTURE,
    '--policy',
    rules,
    '--local',
    '10.0.0.50',
    '--write',
    written,
    '--expect',
    'accept',
  ])
  expect(said).toMatchObject({ status: 1, stderr: 'not as expected: accept\n' })
  const reader = await openCapture(written)
  const comments = new Set<string | undefined>()
  while (await reader.fill()) while (reader.next()) comments.add(reader.comment())
  reader.close()
  expect(reader.number).toBe(18)
  expect([...comments]).toEqual([
    `${rules}:2: ip saddr 198.51.100.77 meta l4proto tcp tcp dport 22 counter drop`,
  ])
})

test('a line of JSON for each packet, or each flow; or all in one', () => {
  const local = ['--local', '10.0.0.50/16,fd00:10::50/48']
  const packets = jsonLines(replay([CAPTURE, '--policy', POLICY, '--ndjson', ...local]).stdout)
  expect(packets.length).toBe(832)
  expect(packets[0]).toEqual({
    packet: 1,
    file: CAPTURE,
    time: '2026-03-01T09:00:00.000000Z',
    verdict: 'accept',
    hook: 'input',
    state: 'new',
    place: `${POLICY}:10`,
    chain: 'input',
    name: 'ollama',
    rule: expect.stringContaining('tcp dport 11434'),
    protocol: 6,
    source: '10.0.3.7',
    sport: 40_000,
    destination: '10.0.0.50',
    dport: 11_434,
    bytes: 40,
  })
  const flows = jsonLines(replay([CAPTURE, '--policy', POLICY, '--ndjson=flows', ...local]).stdout)
  const verdicts = flows.map((flow) => flow.verdicts as Record<string, number>)
  expect(verdicts.reduce((sum, { accept = 0, drop = 0 }) => sum + accept + drop, 0)).toBe(832)
  // Of the client in too much of a hurry ten connections of thirty are dropped from their first packet on.
  const hurried = flows.filter(({ source }) => source === '10.0.4.66')
  expect(hurried.filter(({ verdicts }) => 'drop' in (verdicts as object)).length).toBe(10)
  const report = JSON.parse(replay([CAPTURE, '--policy', POLICY, '--json', ...local]).stdout) as ReplayReport
  expect(report.outcomes.drop.packets).toBe(184)
})

test('reads standard input; what is cut is told, and what is damaged is an error', () => {
  const whole = readFileSync(CAPTURE)
  const args = ['-', '--policy', POLICY, '--local', '10.0.0.50,fd00:10::50']
  const { status, stderr, stdout } = replay(args, whole.subarray(0, 10_002))
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringMatching(
      /^standard input: byte [\d,]+: the capture is cut: .*\n.*packets before it are good/,
    ),
  })
  expect(stdout).toMatch(/^\d+ packets of -,/)
  const damaged = Buffer.concat([whole.subarray(0, whole.length - 8), Buffer.alloc(64, 0xff)])
  const said = replay(args, damaged)
  expect({ status: said.status, stdout: said.stdout }).toEqual({ status: 2, stdout: '' })
  expect(said.stderr).toMatch(/^standard input: byte /)
})

test('whoever reads its lines may stop', () => {
  const command = `node dist/src/cli/main.js replay ${CAPTURE} --policy ${POLICY} --ndjson | head -n 1`
  const { stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
  expect({ stderr, lines: jsonLines(stdout).length }).toEqual({ stderr: '', lines: 1 })
})

test.each<[string, string[], string]>([
  ['no capture', ['--policy', POLICY], 'replay needs captures: FILE…, or - for standard input\n'],
  ['no rules', [CAPTURE], 'replay needs rules: --policy RULES\n'],
  [
    'an expectation',
    [CAPTURE, '--policy', POLICY, '--expect', 'drops=some'],
    '--expect drops=some: expected accept',
  ],
  [
    'an assumption',
    [CAPTURE, '--policy', POLICY, '--assume', 'uid=me'],
    '--assume uid=me: expected uid=NUMBER',
  ],
  ['lines of what', [CAPTURE, '--policy', POLICY, '--ndjson=words'], '--ndjson is packets or flows\n'],
  [
    'both',
    [CAPTURE, '--policy', POLICY, '--ndjson', '--json'],
    '--json and --ndjson print to the same place',
  ],
  ['an address', [CAPTURE, '--policy', POLICY, '--local', 'me'], 'me is no address of a host'],
])('a command line that makes no sense: %s', (_, args, message) => {
  const { status, stdout, stderr } = replay(args)
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  expect(stderr).toContain(message)
})

describe('expectations', () => {
  const none = { packets: 0, bytes: 0 }
  const some = (packets: number) => ({ packets, bytes: 0 })
  const outcomes = {
    ...{ accept: some(5), drop: some(2), reject: some(1), elsewhere: some(9) },
    ...{ held: none, malformed: none, foreign: none, again: none },
  }

  test.each([
    ['drops=3', true],
    ['drops=2', false],
    ['rejects=1', true],
    ['accepts>=5', true],
    ['accepts>5', false],
    ['accepts<=4', false],
    ['drops<4', true],
    ['accept', false],
    ['drop', false],
    ['accepts<all', true],
  ])('%s', (text, met) => expect(isMet(parseExpectation(text), outcomes)).toBe(met))

  test.each(['drops', 'drops==1', 'drops=-1', 'all=drops', 'reject', '', 'drops=1e3'])(
    '%j is none',
    (text) => {
      expect(() => parseExpectation(text)).toThrow(Misuse)
    },
  )
})

describe('the progress bar', () => {
  const shown = (isTTY: boolean, size: number | undefined) => {
    let text = ''
    const write = (part: string) => {
      text += part
      return true
    }
    let now = 0
    const progress = new Progress({ isTTY, write }, () => now)
    for (const time of [0, 999, 1001, 1050, 1200]) {
      now = time
      progress.show({ packets: time * 1000, position: time, size })
    }
    progress.clear()
    return text
  }

  test('shows after a second how far we are, ten times a second, and goes', () => {
    expect(shown(true, 2002)).toBe(
      '\r\x1b[K[###############---------------] 50 %  1,001,000 packets, 1,000,000 a second' +
        '\r\x1b[K[##################------------] 59 %  1,200,000 packets, 1,000,000 a second' +
        '\r\x1b[K',
    )
    expect(shown(true, undefined)).toContain('\r\x1b[K1,001,000 packets')
  })

  test('shows nothing where there is no terminal', () => {
    expect(shown(false, 2002)).toBe('')
  })
})

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
