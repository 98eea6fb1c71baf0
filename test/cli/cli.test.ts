import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-cli-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function portcullis(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('node', ['dist/src/cli/main.js', ...args], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

describe('check', () => {
  test('prints the rules with the lines that they came from', () => {
    const { status, stdout, stderr } = portcullis('check', 'examples/ai-server.yaml')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/tcp dport 11434 ip saddr @internal_ipv4 .* # examples\/ai-server\.yaml:10\n/)
  })

  test.each([
    [
      'a fault in it',
      'inbound:\n  - allow: x\n    port: 22\noutbound: []\n',
      /^.*:3:11: error: expected a port/,
    ],
    ['rubbish', '\u0000\u0001[', /:1:1: error: /],
  ])('%s is told with its place: exit code 2', (_, text, message) => {
    const file = join(folder, 'p.yaml')
    writeFileSync(file, text)
    const { status, stdout, stderr } = portcullis('check', file)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(message)
  })

  test.each([
    ['a file that is not there', ['check', '/nowhere/p.yaml'], '/nowhere/p.yaml: there is no such file\n'],
    ['a folder', ['check', '/'], '/ is a folder, and none such as /etc/ufw: it has no ufw.conf\n'],
    ['no file', ['check'], 'expected one file: a policy, or a ruleset of nft, iptables or ufw\n'],
  ])('%s', (_, args, message) => {
    expect(portcullis(...args)).toEqual({ status: 2, stdout: '', stderr: message })
  })
})

describe('the command line', () => {
  test('schema prints a JSON schema', () => {
    expect(JSON.parse(portcullis('schema').stdout)).toHaveProperty('properties.inbound')
  })

  test('help and version', () => {
    expect(portcullis().stdout).toMatch(/run +Stands at the gate/)
    expect(portcullis('run', '--help').stdout).toMatch(/--policy FILE/)
    expect(portcullis('--version').stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  test.each([
    [['chek'], /there is no command chek: did you mean check\?/],
    [['run'], /run needs a policy: --policy FILE/],
    [['run', '--policy', 'p', '--queue', '65536'], /--queue is a number, 0 to 65535/],
    [['run', '--polcy', 'p'], /--polcy/],
    [['run', 'p.yaml'], /run takes no p.yaml: its policy is --policy FILE/],
    [['check', '--as', 'xml', 'p.yaml'], /--as knows nft only/],
    [['convert', 'p.yaml'], /convert needs --to nft, --to json or --to iptables/],
  ])('%j is a misuse', (args, message) => {
    const { status, stderr } = portcullis(...args)
    expect(status).toBe(2)
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n\s+at /)
  })
})

describe('rules of iptables and ufw', () => {
  const SCRIPT =
    'iptables -A INPUT -p tcp --dport 22 -s 10.0.0.5 -j ACCEPT\niptables -A INPUT -m recent --set\n'

  test.each([
    ['iptables', SCRIPT],
    ['iptables-save', '*filter\n-A INPUT -j DROP\nCOMMIT\n'],
    ['ufw', 'ufw allow 22/tcp\n'],
    ['nft', 'table ip x {\n}\n'],
  ])('%s is told by its text, whatever the file is called', (language, text) => {
    const file = join(folder, 'x.rules')
    writeFileSync(file, text)
    expect(JSON.parse(portcullis('check', '--json', file).stdout)).toMatchObject({ language })
  })

  test('check gives advice with the lines, in JSON too', () => {
    const file = join(folder, 'fw.sh')
    writeFileSync(file, SCRIPT)
    expect(portcullis('check', file).stderr).toMatch(/fw\.sh:1:\d+: advice: this rule restricts nothing/)
    const { advice } = JSON.parse(portcullis('check', '--json', file).stdout) as { advice: { id: string }[] }
    expect(advice.map(({ id }) => id)).toContain('restricts-nothing')
  })

  test('import prints nft, names what it cannot say, and exits with 1', () => {
    const file = join(folder, 'fw.sh')
    writeFileSync(file, SCRIPT)
    const { status, stdout, stderr } = portcullis('import', file)
    expect(status).toBe(1)
    expect(stdout).toMatch(
      /# .*fw\.sh:1: iptables -A INPUT .*\n\t\tip saddr 10\.0\.0\.5 tcp dport 22 counter accept/,
    )
    expect(stderr).toMatch(/fw\.sh:2:\d+: not imported: -m recent/)
    writeFileSync(file, SCRIPT.split('\n')[0]!)
    expect(portcullis('import', '--from', 'iptables', file)).toMatchObject({ status: 0, stderr: '' })
  })

  test('convert --to iptables prints what iptables can say', () => {
    const file = join(folder, 'fw.sh')
    writeFileSync(file, SCRIPT)
    expect(portcullis('convert', '--to', 'iptables', file).stdout).toMatch(
      /^iptables -A INPUT -s 10\.0\.0\.5\/32 -p tcp/,
    )
    const { status, stderr } = portcullis('convert', '--to', 'iptables', 'examples/ai-server.yaml')
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(/is none of iptables/) })
  })

  test('check tells of trees that reached their bound', () => {
    const file = join(folder, 'boxes.nft')
    const range = (i: number, n: number) => `${(i * n) % 30_000}-${30_000 + ((i * n * 7) % 30_000)}`
    const rules = Array.from(
      { length: 400 },
      (_, i) =>
        `tcp sport ${range(i, 7919)} tcp dport ${range(i, 104_729)} ip saddr 10.0.${i % 128}.0-10.0.${128 + ((i * 11) % 128)}.9 ip daddr 10.1.${(i * 3) % 128}.0-10.1.${128 + ((i * 5) % 128)}.9 accept`,
    )
    writeFileSync(
      file,
      `table ip t {\nchain c {\ntype filter hook input priority 0;\n${rules.join('\n')}\n}\n}\n`,
    )
    expect(portcullis('check', file).stderr).toMatch(
      /advice: the tree of chain c of table t reached its bound: \d+ rules stay in leaves of up to \d+/,
    )
  })

  test('export --floor prints what the kernel can say, and names what it cannot', () => {
    const { status, stdout, stderr } = portcullis('export', '--floor', 'examples/ai-server.yaml')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain(
      'update @ollama_rate4 { ip saddr limit rate 10/minute burst 11 packets } counter accept',
    )
    const file = join(folder, 'fw.sh')
    writeFileSync(file, SCRIPT)
    expect(portcullis('export', '--floor', '--mode', 'same', file).stderr).toMatch(
      /fw\.sh:2:\d+: not on the floor: the kernel's nft has no word for its match recent/,
    )
    expect(portcullis('export', '--floor', '--mode', 'closed', file).stdout).not.toContain('dport')
  })

  test.each([
    [['export', 'examples/ai-server.yaml'], /export needs --floor/],
    [['export', '--floor', '--mode', 'open', 'f'], /--mode knows same, management, closed/],
    [['import'], /import needs a file or a folder/],
    [['import', '--from', 'x', 'f'], /--from knows policy, nft, json, iptables, iptables-save, ufw and auto/],
    [['import', '--to', 'x', 'f'], /--to knows nft and policy/],
  ])('%j is a misuse', (args, message) => {
    const { status, stderr } = portcullis(...args)
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(message) })
  })
})
