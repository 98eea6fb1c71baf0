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
    [['convert', 'p.yaml'], /convert needs --to nft or --to json/],
  ])('%j is a misuse', (args, message) => {
    const { status, stderr } = portcullis(...args)
    expect(status).toBe(2)
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n\s+at /)
  })
})
