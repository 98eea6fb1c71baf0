import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

let folder: string
let log: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-jails-'))
  log = join(folder, 'a.log')
  for (const name of ['jail.d', 'filter.d']) mkdirSync(join(folder, name))
  const jail = (name: string, more: string) => `[${name}]\nenabled = true\nlogpath = ${log}\n${more}\n`
  writeFileSync(
    join(folder, 'jail.d', 'a.conf'),
    `${jail('good', 'filter = good\nmaxretry = 1\nbantime = 36h\nport = ssh,8000:8010\naction = iptables-multiport')}` +
      `${jail('bad', 'filter = bad\nbantime = -1')}[off]\nfilter = good\n`,
  )
  writeFileSync(
    join(folder, 'filter.d', 'good.conf'),
    '[Definition]\nfailregex = ^ bad key from <HOST>$\n  ^ never <HOST>$\n',
  )
  writeFileSync(
    join(folder, 'filter.d', 'bad.conf'),
    '[Definition]\nfailregex = ^.*key from <HOST>.*$\n  ^nobody$\n  (\n',
  )
  const line = (second: number, address: string) =>
    `2026-11-22 10:00:${10 + second} bad key from ${address}\n`
  writeFileSync(log, [0, 1, 2, 3, 4].map((i) => line(i, '10.0.0.1') + line(i, `10.0.0.${i + 2}`)).join(''))
})
afterAll(() => rmSync(folder, { recursive: true }))

function portcullis(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('node', ['dist/src/cli/main.js', ...args], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('check --jails tells all that is wrong, with its place, and what would be dangerous', () => {
  const { status, stdout, stderr } = portcullis('check', '--jails', folder)
  expect([status, stdout]).toEqual([2, ''])
  const told = stderr.split('\n').filter((line) => line.startsWith(folder))
  expect(told.map((line) => line.slice(folder.length + 1))).toEqual([
    'filter.d/bad.conf:3:3: error: this failregex says nowhere whom to ban',
    'filter.d/bad.conf:4:3: error: in a regex: this ( is never closed',
    'filter.d/bad.conf:2:13: warning: who writes into the log can have others banned: 192.0.2.1 would ban 203.0.113.9 by',
  ])
  expect(stderr).toContain('\n   key from 192.0.2.1 key from 203.0.113.9\n')
})

test('jails lists those that run, whatever is wrong', () => {
  const { status, stdout } = portcullis('jails', '--jails', folder)
  expect([status, stdout.split('\n')]).toEqual([
    0,
    [
      `good: 1 failure in 10m, for 1d 12h, tcp 22, 8000-8010; reads ${log}`,
      `bad: 3 failures in 10m, for good, all ports; reads ${log}`,
      '2 enabled, 1 not',
      '',
    ],
  ])
  expect(JSON.parse(portcullis('jails', '--jails', folder, '--json').stdout)).toMatchObject([
    { name: 'good' },
    {},
  ])
})

describe('jail-test', () => {
  test('tells what was found, and who would have been banned, and when', () => {
    const { status, stdout, stderr } = portcullis(
      'jail-test',
      'good',
      log,
      '--jails',
      folder,
      '--timezone',
      'UTC',
    )
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toBe(
      '10 lines, 10 failures\n        10  ^ bad key from <HOST>$\nwould have banned 1:\n' +
        '  2026-11-22T10:00:14.000Z  10.0.0.1  after 5 failures\n',
    )
  })

  test('takes the path of a filter, and counts as it is told', () => {
    const path = join(folder, 'filter.d', 'good.conf')
    const { stdout } = portcullis('jail-test', path, log, '--maxretry', '2', '--findtime', '1s', '--json')
    const { lines, bans } = JSON.parse(stdout)
    expect([lines, bans.length, bans[0].address]).toEqual([10, 2, '10.0.0.1'])
  })

  test.each([
    [['good'], /jail-test needs a filter and a log/],
    [['nosuch', 'LOG'], /there is no filter nosuch: it would be .*nosuch\.conf/],
    [['good[x', 'LOG'], /expected name or name\[option=value, …\]/],
    [['good', '/nowhere'], /\/nowhere cannot be read: ENOENT/],
    [['bad', 'LOG'], /bad\.conf:4:3: error: in a regex: this \( is never closed/],
    [['good', 'LOG', '--findtime', 'soon'], /--findtime is a time/],
    [['good', 'LOG', '--timezone', 'Mars'], /--timezone is a zone/],
  ])('%j: exit code 2', (args, message) => {
    const { status, stdout, stderr } = portcullis(
      'jail-test',
      ...args.map((word) => (word === 'LOG' ? log : word)),
      '--jails',
      folder,
    )
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n\s+at /)
  })
})

test.each([
  [['check', '--jails', '/nowhere'], /\/nowhere: there is no such folder/],
  [['check', '--jails', '/tmp', 'p.yaml'], /--jails goes with --json only/],
  [['jails', 'x'], /jails takes no x/],
])('%j: exit code 2', (args, message) => {
  const { status, stderr } = portcullis(...args)
  expect(status).toBe(2)
  expect(stderr).toMatch(message)
})

test('check tells what is wrong with the bans of a policy, and with the folders that it names', () => {
  const policy = join(folder, 'policy.yaml')
  const rest = 'inbound: any\noutbound: any\n'
  writeFileSync(
    policy,
    `bans:\n  jails:\n    - ${folder}\n    - jail: mine\n      log: ${log}\n      failregex: 'key from nobody'\n${rest}`,
  )
  const { status, stderr } = portcullis('check', policy)
  expect(status).toBe(2)
  expect(stderr).toContain(`${policy}:6:18: error: this failregex says nowhere whom to ban`)
  expect(stderr).toContain(`${folder}/filter.d/bad.conf:3:3: error: this failregex says nowhere whom to ban`)
  writeFileSync(policy, `bans:\n  store: http://db\n${rest}`)
  expect(portcullis('check', policy)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining(`${policy}:2:10: error: http://db is no address of a Redis`),
  })
})

test.each([[['bans']], [['jails']], [['ban', '10.0.0.9']], [['unban', '--all']]])(
  '%s without a running gate says that none runs',
  (command) => {
    const path = join(folder, 'nobody.sock')
    expect(portcullis(...command, '--socket', path)).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining(`no portcullis runs: nobody listens at ${path}`),
    })
  },
)

test.each([
  [['ban'], 'ban needs one address or prefix'],
  [['ban', '10.0.0.256'], '10.0.0.256 is no address or prefix'],
  [['ban', '10.0.0.9', '--for', 'ever'], '--for is a time'],
  [['unban', '10.0.0.9', '--all'], 'not both'],
])('%s is refused: %s', (command, message) => {
  expect(portcullis(...command)).toMatchObject({ status: 2, stderr: expect.stringContaining(message) })
})
