import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const POLICY = `inbound:
  - allow: ssh
    port: tcp/22
    from: 10.0.0.5
outbound: []
expect:
  - accept: tcp from 10.0.0.5 to :22
  - drop: tcp from 10.0.0.6 to :22
`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-test-'))
  writeFileSync(join(folder, 'good.yaml'), POLICY)
  writeFileSync(join(folder, 'bad.yaml'), POLICY.replace('10.0.0.6', '10.0.0.5'))
  writeFileSync(join(folder, 'wrong.yaml'), POLICY.replace('from 10.0.0.6', 'fom 10.0.0.6'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const program = join(process.cwd(), 'dist/src/cli/main.js')

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('node', [program, 'test', ...args], {
    encoding: 'utf8',
    cwd: folder,
  })
  return { status, stdout, stderr }
}

describe('test', () => {
  test('exits 0 if all is as expected', () => {
    expect(run('good.yaml')).toEqual({
      status: 0,
      stdout:
        'good.yaml\n' +
        '  ok     7  accept: tcp from 10.0.0.5 to :22  ssh (good.yaml:2)\n' +
        '  ok     8  drop: tcp from 10.0.0.6 to :22    policy of chain input: drop\n' +
        '\n2 as expected, 0 not\n',
      stderr: '',
    })
  })

  test('exits 1 if anything is not, and prints TAP', () => {
    const { status, stdout } = run('good.yaml', 'bad.yaml', '--tap')
    expect(status).toBe(1)
    expect(stdout).toMatch(
      /^TAP version 14\n1\.\.4\nok 1 .*\nok 2 .*\nok 3 .*\nnot ok 4 - bad\.yaml:8 drop: /,
    )
  })

  test('exits 2 if a file is no good, and takes those of this folder if none is named', () => {
    expect(run()).toEqual({
      status: 2,
      stdout: '',
      stderr:
        'wrong.yaml:8:15: error: fom is not expected here\n' +
        ' 8 |   - drop: tcp fom 10.0.0.6 to :22\n' +
        '   |               ^^^\n' +
        '   did you mean from?\n',
    })
    expect(run('nowhere.yaml')).toEqual({
      status: 2,
      stdout: '',
      stderr: 'nowhere.yaml: there is no such file\n',
    })
  })
})
