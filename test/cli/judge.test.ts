import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Protocol, packet, tcp } from '../support/conversations/wire.js'

const RULES = `table inet t {
 chain in { type filter hook input priority 0; policy drop;
  ct state established mark set 0x2a accept
  tcp dport 22 accept
  tcp dport 25 limit rate 1/second burst 1 packets accept
  udp dport 53 reject
 }
}
`
const OTHER = RULES.replace('tcp dport 22 accept', 'tcp dport 22 reject with tcp reset')

let folder: string
let rules: string
let other: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-judge-'))
  rules = join(folder, 'rules.nft')
  other = join(folder, 'other.nft')
  writeFileSync(rules, RULES)
  writeFileSync(other, OTHER)
})
afterAll(() => rmSync(folder, { recursive: true }))

function judge(input: string | Buffer, ...args: string[]) {
  const command = ['dist/src/cli/main.js', 'judge', '--policy', rules, '-a', '10.0.0.1/24@eth0', ...args]
  const { status, stdout, stderr } = spawnSync('node', command, { input, encoding: 'utf8' })
  return { status, stdout, stderr }
}

const syn = (port: number, more: { ack?: boolean } = {}): string => {
  const [source, destination] = more.ack ? ['10.0.0.1', '10.0.0.9'] : ['10.0.0.9', '10.0.0.1']
  const segment = more.ack
    ? tcp({ sport: port, dport: 40000, flags: 0x12, seq: 5, ack: 2 })
    : tcp({ sport: 40000, dport: port, flags: 2, seq: 1 })
  const bytes = packet({
    source: source!,
    destination: destination!,
    protocol: Protocol.tcp,
    payload: segment,
  })
  return `${more.ack ? 'O -' : 'I eth0'} ${Buffer.from(bytes).toString('hex')}`
}
const query = `I eth0 ${Buffer.from(
  packet({
    source: '10.0.0.9',
    destination: '10.0.0.1',
    protocol: Protocol.udp,
    payload: Uint8Array.from([1, 2, 0, 53, 0, 8, 0, 0]),
  }),
).toString('hex')}`

describe.each(['tree', 'reference'])('judge with the %s', (evaluator) => {
  test('numbers its verdicts, and gives their marks', () => {
    const lines = [syn(22), syn(22, { ack: true }), syn(22), query, syn(80)]
    const { stdout, stderr } = judge(`${lines.join('\n')}\n`, '--evaluator', evaluator)
    expect(stderr).toBe('')
    expect(stdout).toBe('0 accept 0\n1 accept 0\n2 accept 2a\n3 reject:icmp-3/3 0\n4 drop 0\n')
  })

  test('--explain: says who decided', () => {
    const { stdout } = judge(`${[syn(22), query, syn(80)].join('\n')}`, '--explain', '--evaluator', evaluator)
    expect(stdout).toBe(`0 accept 0 ${rules}:4\n1 reject:icmp-3/3 0 ${rules}:6\n2 drop 0 policy-of:in\n`)
  })

  test('--time virtual: only W lets time pass', () => {
    const lines = [syn(25), syn(25), 'W 999', syn(25), 'W 1', syn(25)]
    const { stdout } = judge(`${lines.join('\n')}\n`, '--time', 'virtual', '--evaluator', evaluator)
    expect(stdout).toBe('0 accept 0\n1 drop 0\n2 drop 0\n3 accept 0\n')
  })

  test('X policy: other rules decide from then on, unless they are bad; connections stay', () => {
    const bad = join(folder, 'bad.nft')
    writeFileSync(bad, 'table inet t { nonsense')
    const lines = [
      syn(22),
      syn(22, { ack: true }),
      `X policy ${bad}`,
      syn(23),
      `X policy ${other}`,
      syn(22).replace('9c40', '9c41'),
      syn(22),
    ]
    const { stdout, stderr, status } = judge(`${lines.join('\n')}\n`, '--evaluator', evaluator)
    expect(stdout.split('\n')).toEqual([
      '0 accept 0',
      '1 accept 0',
      'X 1',
      '2 drop 0',
      'X 0',
      // The checksum is wrong: nothing is sent.
      '3 drop 0',
      '4 accept 2a',
      '',
    ])
    expect(stderr).toMatch(/bad\.nft:1:/)
    expect(status).toBe(0)
  })
})

describe('judge', () => {
  test('bad lines are answered, and what follows them is judged', () => {
    const lines = [
      'I eth0',
      'I eth0 ',
      'I eth0 zz',
      'I eth0 450',
      'I eth9 45',
      'I lo 45',
      'I - 45',
      'O lo 45',
      'nonsense',
      '',
      'W',
      'W -1',
      'W 99999999999',
      'X rm -rf /',
      'x',
      `I eth0 ${'00'.repeat(65_536)}`,
      'I eth0 00',
      'O - 45',
      'F',
    ]
    const { status, stdout, stderr } = judge(`${lines.join('\n')}\n`)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout.split('\n')).toEqual([
      ...Array.from({ length: 4 }, (_, i) => `${i} error no-packet`),
      ...Array.from({ length: 4 }, (_, i) => `${4 + i} error no-such-interface`),
      ...Array<string>(7).fill('error no-command'),
      '8 error no-packet',
      '9 never-seen 0',
      '10 never-seen 0',
      '',
    ])
  })

  test('a line without an end is no memory without a bound', () => {
    const { status, stdout } = judge(
      Buffer.concat([Buffer.alloc(30 * 2 ** 20, 'I'), Buffer.from(`\n${syn(22)}`)]),
    )
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'error line-too-long\n0 accept 0\n' })
  })

  test.each([
    [['-i', 'eth0', '-i', 'eth0'], '-i eth0: no name for another interface'],
    [['-i', 'a b'], '-i a b: no name for another interface'],
    [
      ['-a', '10.0.0.1@eth0'],
      '-a 10.0.0.1@eth0: expected ADDRESS/LENGTH@INTERFACE, such as 10.0.0.1/24@eth0',
    ],
    [
      ['-a', '10.0.0.1/33@eth0'],
      '-a 10.0.0.1/33@eth0: expected ADDRESS/LENGTH@INTERFACE, such as 10.0.0.1/24@eth0',
    ],
    [['-a', '10.0.0.1/24@eth9'], '-a 10.0.0.1/24@eth9: there is no -i eth9'],
    [['--evaluator', 'best'], '--evaluator is tree or reference'],
    [['--time', 'flies'], '--time is real or virtual'],
  ])('%j makes no sense', (args, message) => {
    expect(judge('', ...args)).toEqual({ status: 2, stdout: '', stderr: `${message}\n` })
  })

  test('needs rules', () => {
    const { status, stderr } = spawnSync('node', ['dist/src/cli/main.js', 'judge'], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 2, stderr: 'judge needs rules: --policy RULES\n' })
  })
})
