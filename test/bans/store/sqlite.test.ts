import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BanStore } from '../../../src/bans/store/sqlite.js'
import type { Ban } from '../../../src/bans/table/ban.js'
import { parsePrefix } from '../../../src/packet/address.js'

let folder: string
let path: string
let reports: string[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-store-'))
  path = join(folder, 'bans.db')
  reports = []
})
afterEach(() => rmSync(folder, { recursive: true }))

function open(file = path): BanStore {
  return new BanStore(file, (problem) => reports.push(problem))
}

function ban(source: string, more: Partial<Ban> = {}): Ban {
  return {
    source: parsePrefix(source)!,
    jail: 'ollama',
    since: 1.5,
    until: 1000,
    times: 2,
    lines: ['"quoted" line', 'ünï'],
    closed: { ports: [[22, 25]], protocols: ['tcp'] },
    ...more,
  }
}

test('bans, for good or not, and places in logs come back as they were', () => {
  const bans = [
    ban('10.0.0.1'),
    ban('10.0.0.1', { jail: 'ssh' }),
    ban('2001:db8::/64', { until: Number.POSITIVE_INFINITY }),
  ]
  const place = { position: 7, headLength: 3, head: 'abc' }
  const store = open()
  store.keep([...bans, ban('10.0.0.3', { until: 400 }), ban('10.0.0.4')])
  store.drop([ban('10.0.0.4')])
  store.keepPlace('/var/log/a', place)
  store.close(0)
  const again = open()
  expect(again.load(500)).toEqual({
    bans: expect.arrayContaining(bans),
    ended: [ban('10.0.0.3', { until: 400 })],
  })
  expect([...again.places()]).toEqual([['/var/log/a', place]])
  again.close(0)
  expect(reports).toEqual([])
})

test('more than one page of bans', () => {
  const store = open()
  store.keep(Array.from({ length: 12_000 }, (_, i) => ban(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)))
  store.close(0)
  const again = open()
  expect(again.load(0).bans).toHaveLength(12_000)
  again.close(0)
})

test('a broken database is said, once, and nothing is thrown', () => {
  writeFileSync(path, 'rubbish '.repeat(1000))
  const store = open()
  expect(store.load(0)).toEqual({ bans: [], ended: [] })
  store.keep([ban('10.0.0.1')])
  expect(store.flush(0)).toBe(false)
  expect(store.failing).toBe(true)
  expect(reports).toEqual([expect.stringMatching(/bans.db cannot be read: .*bans stay in force/)])
  store.close(0)
})

test('what could not be written is written when it can be', () => {
  const file = join(folder, 'later', 'bans.db')
  const store = open(file)
  store.keep([ban('10.0.0.1')])
  expect(store.flush(0)).toBe(false)
  expect(reports).toHaveLength(1)
  mkdirSync(join(folder, 'later'))
  expect(store.flush(0)).toBe(true)
  expect(reports[1]).toMatch(/can be written again/)
  store.close(0)
  const again = open(file)
  expect(again.load(0).bans).toEqual([ban('10.0.0.1')])
  again.close(0)
})

test('a lock that a killed process left behind is no obstacle', () => {
  mkdirSync(`${path}.lock`)
  utimesSync(`${path}.lock`, 1, 1)
  const store = open()
  store.keep([ban('10.0.0.1')])
  expect(store.flush(0)).toBe(true)
  store.close(0)
})
