import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { BanStore } from '../../src/bans/store/sqlite.js'
import { askGate, CONTROL_SOCKET } from '../../src/control/client.js'
import { needs } from '../sandbox/needs.js'
import { mangleRules, openGate, portcullis } from './support/gate.js'
import {
  CLIENT,
  connection,
  connects,
  execute,
  makeHosts,
  removeHosts,
  SERVER,
  serve,
  start,
} from './support/namespaces.js'

const OPEN = 'inbound: any\noutbound: any\n'
const FAILURE = '[GIN] Invalid API key from '

needs('nfqueue', 'nft')('bans at the gate', () => {
  let folder: string
  let policy: string
  let log: string
  const mounts: string[] = []

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-bans-'))
    policy = join(folder, 'policy.yaml')
    log = join(folder, 'ollama.log')
    writeFileSync(policy, OPEN)
    writeFileSync(log, '')
    for (const name of ['jail.d', 'filter.d']) mkdirSync(join(folder, name))
    makeHosts()
    await serve(SERVER, 11434)
    await serve(SERVER, 22)
  })

  afterEach(async () => {
    await removeHosts()
    for (const mounted of mounts.splice(0)) execFileSync('umount', ['--lazy', mounted])
    rmSync(folder, { recursive: true })
  })

  const gate = (...args: string[]) => openGate(policy, '--state', join(folder, 'state'), ...args)
  const fail = (address: string, times = 1) => appendFileSync(log, `${FAILURE}${address}\n`.repeat(times))
  const reaches = () => [22, 11434].map((port) => connects(CLIENT, SERVER.ipv4, port))
  const connections = () => execute(SERVER, 'cat', '/proc/net/nf_conntrack').output

  /** Bans in the database. */
  function kept(): number {
    const store = new BanStore(join(folder, 'state', 'bans.db'), () => {})
    const { bans } = store.load(Date.now())
    store.close(Date.now())
    return bans.length
  }

  /** Asks the gate as the command line does. */
  const asked = (method: string, body?: object) => askGate(CONTROL_SOCKET, method, '/bans', body)
  const ban = (address: string) => asked('POST', { address, for: null, reason: '' })
  const lift = (body = {}) => asked('DELETE', body)

  /** The jail and filter of the mission's chapter on firewalls, as they stand there. */
  function chapter(): void {
    writeFileSync(
      join(folder, 'jail.d', 'ai-services.conf'),
      `[ollama-api]\nenabled = true\nport = 11434\nfilter = ollama-auth\nlogpath = ${log}\nmaxretry = 5\nfindtime = 600\nbantime = 3600\naction = iptables-allports[name=ollama-api]\n`,
    )
    writeFileSync(
      join(folder, 'filter.d', 'ollama-auth.conf'),
      '[Definition]\nfailregex = ^.*Invalid API key from <HOST>.*$\n            ^.*Authentication failed for.*$\nignoreregex =\n',
    )
  }

  test("the chapter's jail: five failures end open connections and refuse new ones, on all ports", async () => {
    chapter()
    const running = await gate('--jails', folder)
    expect(await running.logged('problem')).toMatchObject({
      file: join(folder, 'filter.d', 'ollama-auth.conf'),
      line: 3,
      column: 13,
    })
    const open = await connection(CLIENT, SERVER.ipv4, 22)
    expect(await open.echo('before')).toBe(true)
    fail(CLIENT.ipv4, 4)
    fail('10.0.0.8')
    expect(reaches()).toEqual([true, true])
    fail(CLIENT.ipv4)
    const banned = await running.logged('banned')
    expect(banned).toMatchObject({ jail: 'ollama-api', source: CLIENT.ipv4, times: 1 })
    expect(await open.echo('after')).toBe(false)
    expect(reaches()).toEqual([false, false])
    expect(connects(CLIENT, SERVER.ipv6, 22)).toBe(true)
    await vi.waitFor(() => expect(connections()).not.toContain(CLIENT.ipv4))
    expect(portcullis('bans').output).toMatch(
      new RegExp(`^address.*\\n${CLIENT.ipv4} +ollama-api .* 59m \\d+s +1 +all ports +\\[GIN\\]`),
    )
    expect(portcullis('jails').output).toMatch(/ollama-api +\d+ +6 +6 +0 +0 +1 /)
    expect(await running.end('SIGTERM')).toBe(0)
    expect(running.log.find(({ event }) => event === 'summary')).toMatchObject({ bans: { bans: 1 } })
    expect(execute(SERVER, 'nft', 'list', 'tables').output).not.toContain('portcullis')
    expect(reaches()).toEqual([true, true])
  })

  test('a ban ends when its time is up', async () => {
    chapter()
    const host = start(SERVER, 'node', 'test/kernel/support/ban-service.mjs', folder)
    const [ready] = (await once(host.stdout!, 'data')) as [Buffer]
    expect(String(ready)).toBe('ready\n')
    fail(CLIENT.ipv4, 5)
    await vi.waitFor(() => expect(connects(CLIENT, SERVER.ipv4, 22)).toBe(false), { timeout: 15_000 })
    host.stdin!.write('3000\n')
    await once(host.stdout!, 'data')
    expect(connects(CLIENT, SERVER.ipv4, 22)).toBe(false)
    host.stdin!.write('600\n')
    await once(host.stdout!, 'data')
    await vi.waitFor(() => expect(connects(CLIENT, SERVER.ipv4, 22)).toBe(true), { timeout: 15_000 })
  })

  test('is in force again at the next start, and while nobody runs', async () => {
    const first = await gate()
    await ban(CLIENT.ipv4)
    await vi.waitFor(() => expect(kept()).toBe(1), { timeout: 15_000 })
    await first.end('SIGKILL')
    expect(connects(CLIENT, SERVER.ipv4, 22)).toBe(false)
    const second = await gate()
    expect(await second.logged('ready')).toMatchObject({ restored: 1 })
    expect(connects(CLIENT, SERVER.ipv4, 22)).toBe(false)
    expect(await asked('GET')).toMatchObject([{ address: CLIENT.ipv4, jail: 'manual', until: null }])
  })

  test('by hand; what a killed gate left behind is taken down', async () => {
    const running = await gate()
    expect(portcullis('ban', CLIENT.ipv4, '--for', '1h', '--reason', 'scanning').output).toBe(
      `${CLIENT.ipv4} is banned for 1h\n`,
    )
    expect(await asked('GET')).toMatchObject([{ jail: 'manual', why: ['scanning'] }])
    expect(connects(CLIENT, SERVER.ipv4, 22)).toBe(false)
    expect(portcullis('unban', CLIENT.ipv4)).toMatchObject({ code: 0, output: '1 ban is lifted\n' })
    expect(connects(CLIENT, SERVER.ipv4, 22)).toBe(true)
    await running.end('SIGKILL')
    expect(portcullis('down').code).toBe(0)
    expect(mangleRules()).toEqual([])
    expect(execute(SERVER, 'nft', 'list', 'tables').output).not.toContain('portcullis')
  })

  test('prefixes, single ports, and a reset for an answer', async () => {
    writeFileSync(
      policy,
      `define:\n  admins: 10.0.0.9\nbans:\n  reset: true\n  jails:\n    - jail: web\n      log: ${log}\n      failregex: 'Invalid API key from <HOST>$'\n      maxretry: 1\n      ports: tcp/11434\n${OPEN}`,
    )
    await gate()
    fail(CLIENT.ipv6)
    await vi.waitFor(() => expect(connects(CLIENT, SERVER.ipv6, 11434)).toBe(false), { timeout: 15_000 })
    expect(connects(CLIENT, SERVER.ipv6, 22)).toBe(true)
    execute(CLIENT, 'ip', '-6', 'addr', 'add', 'fd00:10:0:7::8/48', 'dev', 'eth0', 'nodad')
    execute(CLIENT, 'ip', '-6', 'addr', 'del', `${CLIENT.ipv6}/48`, 'dev', 'eth0')
    const refused = execute(CLIENT, 'timeout', '2', 'bash', '-c', `exec 3<>/dev/tcp/${SERVER.ipv6}/11434`)
    expect(refused.output).toContain('Connection refused')
    await ban('10.0.0.0/29')
    expect(reaches()).toEqual([false, false])
    expect(await lift()).toHaveLength(2)
    expect(reaches()).toEqual([true, true])
    for (const address of ['10.0.0.0/28', '10.0.0.9', SERVER.ipv4, '127.0.0.1'])
      await expect(ban(address)).rejects.toThrow(`${address} is never banned`)
  })

  test('who goes over a limit that bans is banned', async () => {
    writeFileSync(
      policy,
      'inbound:\n  - allow: ollama\n    port: tcp/11434\n    limit: 2 per minute per source then ban 10m\n  - allow: ssh\n    port: tcp/22\noutbound: any\n',
    )
    const running = await gate()
    expect([1, 2, 3].map(() => connects(CLIENT, SERVER.ipv4, 11434))).toEqual([true, true, false])
    expect(await running.logged('banned')).toMatchObject({ jail: 'limit ollama', source: CLIENT.ipv4 })
    expect(connects(CLIENT, SERVER.ipv4, 22)).toBe(false)
  })

  test('a disk that is full loses no ban, and it is said', async () => {
    const state = join(folder, 'state')
    mkdirSync(state)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', state])
    mounts.push(state)
    execute(SERVER, 'dd', 'if=/dev/zero', `of=${state}/full`, 'bs=1k', 'count=60')
    const running = await gate()
    await ban(CLIENT.ipv4)
    expect(await running.logged('error')).toMatchObject({
      message: expect.stringMatching(
        /bans\.db cannot be .*; bans stay in force, but a restart would lose them/,
      ),
    })
    expect(reaches()).toEqual([false, false])
    expect(await asked('GET')).toMatchObject([{ address: CLIENT.ipv4 }])
    rmSync(join(state, 'full'))
    await vi.waitFor(() => expect(kept()).toBe(1), { timeout: 20_000, interval: 500 })
    expect(await running.end('SIGTERM')).toBe(0)
  })

  test('somebody who removes the table does not lift bans', async () => {
    const running = await gate()
    await ban(CLIENT.ipv4)
    execute(SERVER, 'nft', 'delete', 'table', 'inet', 'portcullis-bans')
    expect(await running.logged('error')).toMatchObject({
      message: expect.stringContaining('was put back with all 1 bans'),
    })
    expect(reaches()).toEqual([false, false])
  })
})
