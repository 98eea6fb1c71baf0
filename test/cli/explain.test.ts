import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'

const POLICY = 'examples/ai-server.yaml'

function explain(...args: string[]) {
  const command = ['dist/src/cli/main.js', 'explain', ...args]
  const { status, stdout, stderr } = spawnSync('node', command, { encoding: 'utf8' })
  return { status, stdout, stderr }
}

describe('explain', () => {
  test('shows the way of a packet, who decided, and what would change it', () => {
    const { status, stdout } = explain('--policy', POLICY, 'in tcp 203.0.113.9:40000 > 10.0.0.1:11434')
    expect(status).toBe(0)
    expect(stdout).toContain('ip saddr is 203.0.113.9, asked for @internal_ipv4 { 10.0.0.0/16 }\n')
    expect(stdout).toMatch(
      /\ndrop, by the policy of chain input\n {2}would be accepted from 10\.0\.0\.0\/16, by ollama \(examples\/ai-server\.yaml:\d+\)\n$/,
    )
  })

  test('takes the words one by one, names of the policy, and prints JSON', () => {
    const { status, stdout } = explain(
      '--policy',
      POLICY,
      '--json',
      'tcp',
      'from',
      'proxy',
      'to',
      ':8080',
      'state',
      'new',
      'iif',
      'eth0',
    )
    expect(status).toBe(2)
    expect(stdout).toBe('')
    const one = explain('--policy', POLICY, '--json', 'tcp', 'from', '10.0.0.100', 'to', ':8080')
    expect(JSON.parse(one.stdout)).toMatchObject({
      packet: 'in tcp 10.0.0.100:40000 > 192.0.2.1:8080',
      verdict: 'accept',
      hook: 'input',
      rule: { name: 'web-ui', file: POLICY },
    })
  })

  test('of a packet of a capture tells the state that those before it left', () => {
    const capture = ['--policy', POLICY, '--capture', 'examples/ai-server.pcapng', '--packet']
    const { status, stdout } = explain(...capture, '516')
    expect(status).toBe(0)
    expect(stdout).toMatch(
      /^packet 516 of examples\/ai-server\.pcapng: in tcp 10\.0\.4\.66:40050 > 10\.0\.0\.50:11434 /,
    )
    expect(stdout).toContain('no: window ollama: 20 of 20 used, the oldest frees in 49s')
    expect(stdout).toContain('\n  would be accepted in 49s\n')
    expect(explain(...capture, '833')).toMatchObject({
      status: 2,
      stderr: 'examples/ai-server.pcapng has 832 packets: there is no packet 833\n',
    })
    expect(explain(...capture, '0')).toMatchObject({ status: 2, stdout: '' })
  })

  test.each([
    [[], 'explain needs rules: --policy RULES\n'],
    [['--policy', POLICY], "explain needs a packet: 'in tcp 10.0.0.7:40000 > 10.0.0.1:11434'\n"],
    [
      ['--policy', POLICY, 'in tcp 10.0.0.7:40000 > 10.0.0.1:114340'],
      'packet:1:34: error: port 114340 is out of range\n' +
        ' 1 | in tcp 10.0.0.7:40000 > 10.0.0.1:114340\n' +
        '   |                                  ^^^^^^\n' +
        '   a port is 0 to 65535\n',
    ],
    [
      ['--policy', POLICY, 'tcp from internal to :11434'],
      'packet:1:1: error: these are 4 packets\n' +
        ' 1 | tcp from internal to :11434\n' +
        '   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^\n' +
        '   describe one, such as in tcp 10.0.0.0:40000 > 192.0.2.1:11434\n',
    ],
    [['--policy', 'nowhere.yaml', 'tcp from 10.0.0.7 to :22'], 'nowhere.yaml: there is no such file\n'],
  ])('%j is told what is wrong', (args, message) => {
    expect(explain(...args)).toEqual({ status: 2, stdout: '', stderr: message })
  })
})
