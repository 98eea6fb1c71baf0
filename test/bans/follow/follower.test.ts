import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Follower, type FollowOptions } from '../../../src/bans/follow/follower.js'
import { expandPath } from '../../../src/bans/follow/glob.js'

let folder: string
let log: string
let followers: Follower[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-follow-'))
  log = join(folder, 'a.log')
  followers = []
})
afterEach(() => {
  for (const follower of followers) follower.close()
  rmSync(folder, { recursive: true })
})

/** Follows the log: `lines` fills with `reading line`. */
function follow(options: Partial<FollowOptions> = {}, path = log) {
  const lines: string[] = []
  const reports: string[] = []
  const take = (chunk: Buffer, reading: string) => {
    expect(chunk.at(-1)).toBe(10)
    for (const line of chunk.toString().slice(0, -1).split('\n')) lines.push(`${reading} ${line}`)
  }
  const report = (problem: string) => reports.push(problem)
  const follower = new Follower(path, { tail: false, encoding: 'utf-8', take, report, ...options })
  followers.push(follower)
  const become = (...expected: string[]) =>
    vi.waitFor(() => expect(lines).toEqual(expected), { timeout: 5000, interval: 5 })
  return { follower, lines, reports, become }
}

describe('what is written is read, once', () => {
  test('what stands there, what comes, and lines in parts', async () => {
    writeFileSync(log, 'one\ntw')
    const { become } = follow()
    await become('catchUp one')
    appendFileSync(log, 'o\nthr')
    await become('catchUp one', 'live two')
    appendFileSync(log, 'ee\n')
    await become('catchUp one', 'live two', 'live three')
  })

  test('only what comes', async () => {
    writeFileSync(log, 'one\ntw')
    const { become } = follow({ tail: true })
    appendFileSync(log, 'o\nthree\n')
    await become('live two', 'live three')
  })

  test('renamed: what is written to the old file still, and the new one', async () => {
    writeFileSync(log, 'one\n')
    const { become } = follow()
    renameSync(log, `${log}.1`)
    appendFileSync(`${log}.1`, 'two\n')
    await become('catchUp one', 'live two')
    writeFileSync(log, 'three\n')
    await become('catchUp one', 'live two', 'live three')
    appendFileSync(`${log}.1`, 'four\n')
    await become('catchUp one', 'live two', 'live three', 'live four')
  })

  test('copied and truncated', async () => {
    writeFileSync(log, 'one\ntwo\n')
    const { follower, become } = follow()
    copyFileSync(log, `${log}.1`)
    truncateSync(log)
    appendFileSync(log, 'three\n')
    await become('catchUp one', 'catchUp two', 'live three')
    expect(follower.truncations).toBe(1)
  })

  test('truncated and grown past where we were before anybody looked', async () => {
    writeFileSync(log, 'one\ntwo\n')
    const { become } = follow()
    writeFileSync(log, 'three\nfour\nfive\nsix\n')
    await become('catchUp one', 'catchUp two', 'live three', 'live four', 'live five', 'live six')
  })

  test('a file, and a folder, that appear later', async () => {
    const path = join(folder, 'sub', 'late.log')
    const { become, reports } = follow({}, path)
    mkdirSync(join(folder, 'sub'))
    writeFileSync(path, 'one\n')
    await become('live one')
    expect(reports).toEqual([`${path}: there is no such file yet`])
  })

  test('a link that points elsewhere', async () => {
    writeFileSync(join(folder, '1'), 'one\n')
    symlinkSync('1', log)
    const { become } = follow()
    appendFileSync(join(folder, '1'), 'two\n')
    await become('catchUp one', 'live two')
    writeFileSync(join(folder, '2'), 'three\n')
    unlinkSync(log)
    symlinkSync('2', log)
    await become('catchUp one', 'live two', 'live three')
  })

  test('a line of a megabyte is passed over, and what follows is read', async () => {
    writeFileSync(log, `one\n${'x'.repeat(2 ** 20)}\ntwo\n`)
    const { follower, become } = follow()
    await become('catchUp one', 'catchUp two')
    expect(follower.longLines).toBe(1)
  })

  test('many lines, in whatever parts they come', async () => {
    writeFileSync(log, '')
    const { lines } = follow()
    const text = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join('')
    for (let at = 0; at < text.length; at += 7919) appendFileSync(log, text.slice(at, at + 7919))
    await vi.waitFor(() => expect(lines).toHaveLength(20_000), { timeout: 5000 })
    expect(lines.every((line, i) => line === `live line ${i}` || line === `catchUp line ${i}`)).toBe(true)
  })

  test.each(['utf-16le', 'utf-16be'])('%s', async (encoding) => {
    const bytes = Buffer.from('bad čaj\nĊ\n', 'utf16le')
    writeFileSync(log, encoding === 'utf-16le' ? bytes : bytes.swap16())
    await follow({ encoding }).become('catchUp bad čaj', 'catchUp Ċ')
  })

  test('no file but a folder: told, and nothing else', async () => {
    mkdirSync(log)
    const { reports, lines } = follow()
    await vi.waitFor(() => expect(reports).toEqual([`${log}: this is no file`]))
    expect(lines).toEqual([])
  })
})

describe('over a restart', () => {
  test('it goes on where it was', async () => {
    writeFileSync(log, 'one\ntwo\nthr')
    const before = follow()
    await before.become('catchUp one', 'catchUp two')
    const { place } = before.follower
    before.follower.close()
    appendFileSync(log, 'ee\n')
    await follow({ place }).become('catchUp three')
  })

  test('another file is read from its start', async () => {
    writeFileSync(log, 'one\ntwo\n')
    const before = follow()
    await before.become('catchUp one', 'catchUp two')
    const { place } = before.follower
    before.follower.close()
    writeFileSync(log, 'five\nsix\nseven\n')
    await follow({ place }).become('catchUp five', 'catchUp six', 'catchUp seven')
  })
})

test('patterns of paths', () => {
  for (const name of ['a', 'b']) mkdirSync(join(folder, name))
  for (const name of ['a/x.log', 'b/x.log', 'b/.x.log', 'b/y.txt']) writeFileSync(join(folder, name), '')
  const found = (pattern: string) =>
    expandPath(join(folder, pattern)).map((path) => path.slice(folder.length + 1))
  expect(found('*/*.log')).toEqual(['a/x.log', 'b/x.log'])
  expect(found('[b-z]/?.*')).toEqual(['b/x.log', 'b/y.txt'])
  expect(found('c/*')).toEqual([])
  expect(found('nowhere.log')).toEqual(['nowhere.log'])
})
