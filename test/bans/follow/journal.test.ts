import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { JournalFollower } from '../../../src/bans/follow/journal.js'

const PATH = process.env.PATH
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-journal-'))
})
afterEach(() => {
  process.env.PATH = PATH
  rmSync(folder, { recursive: true })
})

/** Puts a journalctl of our own first, which writes these entries and stays. */
function journalctl(entries: readonly object[]): void {
  const lines = entries.map((entry) => JSON.stringify(entry)).join('\n')
  writeFileSync(join(folder, 'entries'), `${lines}\nno JSON at all\n`)
  writeFileSync(
    join(folder, 'journalctl'),
    `#!/bin/sh\nprintf '%s\\n' "$@" > ${folder}/arguments\ncat ${folder}/entries\nexec sleep 60\n`,
  )
  chmodSync(join(folder, 'journalctl'), 0o755)
  process.env.PATH = `${folder}:${PATH}`
}

const ENTRY = {
  __REALTIME_TIMESTAMP: '1795341723123456',
  _HOSTNAME: 'gate',
  SYSLOG_IDENTIFIER: 'sshd',
  _PID: '7',
}

test('entries become lines', async () => {
  journalctl([
    { ...ENTRY, __CURSOR: 'c1', MESSAGE: 'Failed password' },
    { ...ENTRY, __CURSOR: 'c2', MESSAGE: [111, 110, 101, 10, 116, 119, 111] },
    { ...ENTRY, __CURSOR: 'c3', MESSAGE: null },
  ])
  const lines: string[] = []
  const journal = new JournalFollower({
    matches: [['_SYSTEMD_UNIT=sshd.service'], ['_COMM=sshd']],
    cursor: 'c0',
    take: (chunk) => lines.push(...chunk.toString().split('\n').slice(0, -1)),
    report: () => {},
  })
  await vi.waitFor(() => expect(journal.cursor).toBe('c3'), { timeout: 5000 })
  journal.close()
  expect(lines).toEqual([
    '2026-11-22T10:02:03.123Z gate sshd[7]: Failed password',
    '2026-11-22T10:02:03.123Z gate sshd[7]: one two',
  ])
  expect(readFileSync(join(folder, 'arguments'), 'utf8').split('\n').slice(-5, -1)).toEqual([
    '--after-cursor=c0',
    '_SYSTEMD_UNIT=sshd.service',
    '+',
    '_COMM=sshd',
  ])
})

test('without journalctl it is told', async () => {
  process.env.PATH = folder
  const reports: string[] = []
  const journal = new JournalFollower({
    matches: [],
    take: () => {},
    report: (problem) => reports.push(problem),
  })
  await vi.waitFor(() =>
    expect(reports).toEqual([expect.stringMatching(/^the journal cannot be read: .*ENOENT/)]),
  )
  journal.close()
})
