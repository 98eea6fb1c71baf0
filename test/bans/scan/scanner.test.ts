import { describe, expect, test } from 'vitest'
import type { FilterOption } from '../../../src/bans/config/filter.js'
import { parseIni } from '../../../src/bans/config/ini.js'
import { Filter } from '../../../src/bans/filter/filter.js'
import { Guard } from '../../../src/bans/regex/guard.js'
import { LogScanner } from '../../../src/bans/scan/scanner.js'
import { formatPrefix } from '../../../src/packet/address.js'

const NOW = Date.UTC(2026, 10, 22, 12, 0, 0)

function filter(text: string): Filter {
  const section = parseIni(`[Definition]\n${text}`, 'f.conf').sections.get('Definition')!
  const options = new Map([...section].map(([name, value]) => [name as FilterOption, value]))
  return Filter.compile({ name: 'f', options }, { names: false, zone: 0 }, [])!
}

/** Of each failure: the filter's index, the address, and when it was. */
function scan(
  scanner: LogScanner,
  chunk: string | Buffer,
  reading: 'live' | 'catchUp' | 'replay' = 'replay',
) {
  const found: string[] = []
  scanner.scan(Buffer.from(chunk as string), reading, NOW, (watcher, { source, time }) =>
    found.push(`${watcher} ${formatPrefix(source!)} ${new Date(time).toISOString().slice(11, 19)}`),
  )
  return found
}

function scannerOf(...texts: string[]): LogScanner {
  return new LogScanner(texts.map((text) => ({ filter: filter(text), findTime: 600_000 })))
}

describe('a log', () => {
  test('is looked at by each filter, in the order of its lines', () => {
    const scanner = scannerOf('failregex = Invalid API key from <HOST>', 'failregex = key from <HOST>$')
    const log =
      '2026-11-22 10:00:00 Invalid API key from 10.0.0.1\r\n\n2026-11-22 10:00:01 no key from 10.0.0.2\n'
    expect(scan(scanner, log)).toEqual(['0 10.0.0.1 10:00:00', '1 10.0.0.1 10:00:00', '1 10.0.0.2 10:00:01'])
    expect(scanner.lines).toBe(3)
  })

  test('a date may stand in the middle of what is looked for', () => {
    const scanner = scannerOf('failregex = ^\\[\\] denied for <HOST>$', 'failregex = ^in the middle: <HOST>$')
    const log = '[2026-11-22 10:00:00] denied for 10.0.0.1\nin the mi2026-11-22 10:00:01ddle: 10.0.0.2\n'
    expect(scan(scanner, log)).toEqual(['0 10.0.0.1 10:00:00'])
    expect(scan(scanner, 'in the mi 2026-11-22 10:00:01 ddle: 10.0.0.2\n')).toEqual([])
    expect(
      scan(
        scannerOf('failregex = ^in the mi  ddle: <HOST>$'),
        'in the mi 2026-11-22 10:00:01 ddle: 10.0.0.2\n',
      ),
    ).toEqual(['0 10.0.0.2 10:00:01'])
  })

  test('lines without a date are as old as the last that had one', () => {
    const log = '2026-11-22 10:00:00 hello\nstack\nbad key 10.0.0.1\n'
    expect(scan(scannerOf('failregex = ^bad key <HOST>'), log)).toEqual(['0 10.0.0.1 10:00:00'])
    expect(scan(scannerOf('failregex = ^bad key <HOST>'), 'bad key 10.0.0.1\n', 'catchUp')).toEqual([])
    expect(scan(scannerOf('failregex = ^bad key <HOST>'), 'bad key 10.0.0.1\n', 'live')).toEqual([
      '0 10.0.0.1 12:00:00',
    ])
  })

  test('several lines together go over chunks', () => {
    const scanner = scannerOf('maxlines = 3\nfailregex = ^ start <HOST>$<SKIPLINES>^bad end$')
    expect(scan(scanner, '10:00:00 start 10.0.0.1\n')).toEqual([])
    expect(scan(scanner, 'noise\nbad end\nbad end\n')).toEqual(['0 10.0.0.1 10:00:00'])
  })

  test.each([
    ['latin1', Buffer.from('caf\xe9 bad 10.0.0.1\n', 'latin1'), 'windows-1252'],
    ['UTF-8', Buffer.from('café bad 10.0.0.1\n'), 'utf-8'],
    ['rubbish', Buffer.from([0, 0xff, 0xfe, 0x80, 10, ...Buffer.from('caf\xe9 bad 10.0.0.1\n')]), 'utf-8'],
  ])('%s', (_, bytes, encoding) => {
    const scanner = new LogScanner([{ filter: filter('failregex = café bad <HOST>'), findTime: 1 }], encoding)
    expect(scan(scanner, bytes, 'live')).toEqual(['0 10.0.0.1 12:00:00'])
  })
})

describe('hostile lines', () => {
  test('too long a line is counted and passed over', () => {
    const scanner = scannerOf('failregex = bad key <HOST>')
    expect(
      scan(scanner, `bad key ${'x'.repeat(70_000)} bad key 10.0.0.1\nbad key 10.0.0.2\n`, 'live'),
    ).toHaveLength(1)
    expect(scanner.passedOver).toEqual({ long: 1, slow: 0 })
  })

  test('a line that takes too long is counted and passed over, and those around it count', () => {
    const watching = [{ filter: filter('failregex = ^bad (?:a+)+(?!b) <HOST>$'), findTime: 1 }]
    const scanner = new LogScanner(watching, 'utf-8', new Guard(20))
    const log = `bad a 10.0.0.1\nbad ${'a'.repeat(60)}c 10.0.0.2\nbad aa 10.0.0.3\n`
    expect(scan(scanner, log, 'live')).toEqual(['0 10.0.0.1 12:00:00', '0 10.0.0.3 12:00:00'])
    expect(scanner.passedOver).toEqual({ long: 0, slow: 1 })
  })

  test('… and nobody else loses time with it', () => {
    const text = 'failregex = ^bad (?:a+)+(?!b) <HOST>$'
    const watching = [text, text, text].map((one) => ({ filter: filter(one), findTime: 1 }))
    const scanner = new LogScanner(watching, 'utf-8', new Guard(20))
    expect(scan(scanner, `bad ${'a'.repeat(60)}c 10.0.0.2\n`, 'live')).toEqual([])
    expect(scanner.passedOver).toEqual({ long: 0, slow: 1 })
  })
})
