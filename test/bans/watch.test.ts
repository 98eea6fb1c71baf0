import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { loadJails } from '../../src/bans/config/jails.js'
import { Resolver } from '../../src/bans/resolver.js'
import type { LogPlace, LogPlaces } from '../../src/bans/store/sqlite.js'
import type { Ban } from '../../src/bans/table/ban.js'
import { Protected } from '../../src/bans/table/protected.js'
import { type BanRequest, BanTable } from '../../src/bans/table/table.js'
import { JailWatch } from '../../src/bans/watch.js'
import { formatPrefix } from '../../src/packet/address.js'

let folder: string
let now: number
let watches: JailWatch[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-watch-'))
  for (const name of ['jail.d', 'filter.d']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'a.log'), '')
  now = Date.UTC(2026, 10, 22, 12, 0, 0)
  watches = []
})
afterEach(() => {
  for (const watch of watches) watch.close()
  rmSync(folder, { recursive: true })
})

function jail(name: string, filter: string, options = ''): void {
  writeFileSync(join(folder, 'filter.d', `${name}.conf`), `[Definition]\n${filter}\n`)
  const text = `[${name}]\nenabled = true\nfilter = ${name}\nlogpath = ${folder}/a.log\nlogtimezone = UTC\n${options}\n`
  writeFileSync(join(folder, 'jail.d', `${name}.conf`), text)
}

/** Watches: `bans` are those in force, as `jail address`. */
function watch(store?: LogPlaces) {
  const { jails, problems } = loadJails(folder)
  const table = new BanTable({ protected: new Protected([]), sinks: [] })
  const banned: (Ban | BanRequest)[] = []
  const watching = new JailWatch({
    jails,
    table,
    ...(store !== undefined && { store }),
    clock: () => now,
    resolver: new Resolver(async (name) => (name === 'evil.example' ? ['10.0.0.66', '2001:db8::66'] : [])),
    report: () => {},
    banned: (bans, wouldBe) => banned.push(...bans, ...wouldBe),
  })
  watches.push(watching)
  const inForce = () => table.list().map(({ jail, source }) => `${jail} ${formatPrefix(source)}`)
  const become = (...expected: string[]) =>
    vi.waitFor(() => expect(inForce()).toEqual(expected), { timeout: 5000, interval: 5 })
  return { watching, table, banned, become, problems: [...problems, ...watching.problems] }
}

function log(...lines: string[]): void {
  appendFileSync(join(folder, 'a.log'), lines.map((line) => `${line}\n`).join(''))
}

/** As it stands in the mission's chapter on firewalls. */
function chapter(indent: string): void {
  writeFileSync(
    join(folder, 'jail.d', 'ai-services.conf'),
    `[ollama-api]\nenabled = true\nport = 11434\nfilter = ollama-auth\nlogpath = ${folder}/a.log\nmaxretry = 5\nfindtime = 600\nbantime = 3600\naction = iptables-allports[name=ollama-api]\n`,
  )
  writeFileSync(
    join(folder, 'filter.d', 'ollama-auth.conf'),
    `[Definition]\nfailregex = ^.*Invalid API key from <HOST>.*$\n${indent}^.*Authentication failed for.*$\nignoreregex =\n`,
  )
}

describe("the chapter's jail", () => {
  test.each([
    ['as it is printed', '', 'expected name = value'],
    ['with its second regex indented', '            ', 'this failregex says nowhere whom to ban'],
  ])('%s: the second regex is told with its place, and the first bans', async (_, indent, message) => {
    chapter(indent)
    const { table, become, problems } = watch()
    expect(problems).toMatchObject([
      {
        position: { file: join(folder, 'filter.d', 'ollama-auth.conf'), line: 3, column: indent.length + 1 },
        message,
      },
    ])
    log(...Array.from({ length: 4 }, () => '[GIN] Invalid API key from 10.0.0.9'))
    log('[GIN] Authentication failed for joe', '[GIN] Invalid API key from 999.1.1.1')
    log('[GIN] Invalid API key from 10.0.0.9')
    await become('ollama-api 10.0.0.9')
    expect(table.list()).toMatchObject([
      { until: now + 3_600_000, times: 1, closed: { ports: [], protocols: [] } },
    ])
    now += 3_600_000
    await become()
  })
})

describe('jails', () => {
  test('on one log count for themselves; who is ignored is not banned', async () => {
    jail('a', 'failregex = bad key from <HOST>', 'maxretry = 1\nignoreip = 10.1.0.0/16')
    jail('b', 'failregex = key from <HOST>', 'maxretry = 2')
    const { watching, become } = watch()
    log('bad key from 10.0.0.1', 'bad key from 10.1.0.1', 'bad key from 127.0.0.1')
    await become('a 10.0.0.1')
    log('bad key from 10.1.0.1')
    await become('a 10.0.0.1', 'b 10.1.0.1')
    expect(watching.status()).toMatchObject([
      { name: 'a', logs: [join(folder, 'a.log')], lines: 4, failures: 1, ignored: 3, bans: 1 },
      { name: 'b', lines: 4, failures: 3, ignored: 1, bans: 1, sources: 1 },
    ])
  })

  test('what stood in the log counts by its dates, if these are not too old', async () => {
    jail('a', 'failregex = bad key from <HOST>', 'maxretry = 2\nfindtime = 10m\nbantime = 1h')
    log('2026-11-22 11:40:00 bad key from 10.0.0.1', '2026-11-22 11:55:00 bad key from 10.0.0.1')
    log('2026-11-22 11:55:00 bad key from 10.0.0.2', '2026-11-22 11:56:00 bad key from 10.0.0.2')
    const { table, become } = watch()
    await become('a 10.0.0.2')
    expect(table.list()[0]!.until).toBe(Date.UTC(2026, 10, 22, 12, 56, 0))
  })

  test('an attacker cannot walk through a /64', async () => {
    jail('a', 'failregex = bad key from <HOST>', 'maxretry = 3\nipv6 = 64')
    const { become } = watch()
    log(
      'bad key from 2001:db8::1',
      'bad key from 2001:db8::2:2',
      'bad key from 2001:db8:0:1::1',
      'bad key from 2001:db8::3',
    )
    await become('a 2001:db8::/64')
  })

  test('names are resolved if that is asked for', async () => {
    jail('a', 'failregex = bad key from <HOST>$', 'maxretry = 1\nusedns = yes')
    const { become } = watch()
    log('bad key from evil.example', 'bad key from good.example')
    await become('a 10.0.0.66', 'a 2001:db8::66')
  })

  test('one that only logs bans nobody', async () => {
    jail('a', 'failregex = bad key from <HOST>', 'maxretry = 1\ndryrun = yes')
    const { banned, table } = watch()
    log('bad key from 10.0.0.1')
    await vi.waitFor(() => expect(banned).toMatchObject([{ jail: 'a' }]))
    expect(table.size).toBe(0)
  })

  test('the journal is read from where it was left, and files are', async () => {
    const path = process.env.PATH
    onTestFinished(() => {
      process.env.PATH = path
    })
    const entry = { __CURSOR: 'c1', __REALTIME_TIMESTAMP: String(now * 1000), MESSAGE: 'key from 10.0.0.1' }
    const script = `echo "$@" > ${folder}/arguments; echo '${JSON.stringify(entry)}'; exec sleep 60`
    writeFileSync(join(folder, 'journalctl'), `#!/bin/sh\n${script}\n`)
    chmodSync(join(folder, 'journalctl'), 0o755)
    process.env.PATH = `${folder}:${path}`
    jail('a', 'failregex = key from <HOST>\njournalmatch = _COMM=a', 'maxretry = 1\nbackend = systemd')
    jail('b', 'failregex = key from <HOST>', 'maxretry = 1')
    const kept = new Map<string, LogPlace>([['journal of a', { cursor: 'c0' }]])
    const places: LogPlaces = {
      place: (name) => kept.get(name),
      keepPlace: (name, place) => void kept.set(name, place),
    }
    log('2026-11-22 11:55:00 key from 10.0.0.2')
    const { watching, become } = watch(places)
    await become('b 10.0.0.2', 'a 10.0.0.1')
    expect(readFileSync(join(folder, 'arguments'), 'utf8')).toContain('--after-cursor=c0 _COMM=a')
    watching.close()
    expect([...kept]).toMatchObject([
      ['journal of a', { cursor: 'c1' }],
      [join(folder, 'a.log'), { position: 38 }],
    ])
    watches = []
    await watch(places).become('a 10.0.0.1')
  })
})
