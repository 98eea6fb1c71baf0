import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkJails } from '../../src/bans/check.js'
import { Filter } from '../../src/bans/filter/filter.js'
import { LogScanner } from '../../src/bans/scan/scanner.js'
import { formatPrefix } from '../../src/packet/address.js'
import { needs } from '../sandbox/needs.js'

const PACKAGE = 'dist/debian/fail2ban/etc/fail2ban'

needs('fail2ban')("Debian's own jails and filters", () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-debian-'))
    cpSync(PACKAGE, folder, { recursive: true })
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('run as they stand', () => {
    const { jails, disabled, problems } = checkJails(PACKAGE)
    expect(problems.filter(({ severity }) => severity === undefined)).toEqual([])
    expect(jails).toMatchObject([
      { name: 'sshd', maxRetry: 5, closed: { ports: [[22, 22]], protocols: ['tcp'] } },
    ])
    expect(disabled.length).toBeGreaterThan(80)
  })

  test('run all together', () => {
    writeFileSync(join(folder, 'jail.local'), '[DEFAULT]\nenabled = true\n')
    const { jails, problems } = checkJails(folder)
    expect(problems.filter(({ severity }) => severity === undefined)).toEqual([])
    expect(jails.length).toBeGreaterThan(80)
  })

  test.each([
    ['', [undefined, '10.0.0.9', undefined]],
    ['[mode=aggressive]', [undefined, '10.0.0.9', '10.0.0.8']],
  ])('sshd%s puts the lines of a connection together', (options, expected) => {
    writeFileSync(join(folder, 'jail.local'), `[sshd]\nenabled = true\nfilter = sshd${options}\n`)
    const jail = checkJails(folder).jails.find(({ name }) => name === 'sshd')!
    const filter = Filter.compile(jail.filter, { names: false, zone: 0 }, [])!
    const scanner = new LogScanner([{ filter, findTime: jail.findTime }])
    const lines = [
      'Connection from 10.0.0.9 port 5000 on 10.0.0.1 port 22',
      'Disconnecting: Too many authentication failures for root [preauth]',
      'Unable to negotiate with 10.0.0.8 port 5000: no matching cipher found. Their offer: none',
    ]
    const found = lines.map((line) => {
      let who: string | undefined
      const text = `Nov 22 10:00:00 gate sshd[7]: ${line}\n`
      scanner.scan(Buffer.from(text), 'live', Date.now(), (_, { source }) => {
        who = formatPrefix(source!)
      })
      return who
    })
    expect(found).toEqual(expected)
  })
})
