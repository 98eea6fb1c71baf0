import { describe, expect, test } from 'vitest'
import { DateDetector } from '../../../src/bans/dates/detector.js'
import { parseZone } from '../../../src/bans/dates/zones.js'
import { RegexError } from '../../../src/bans/regex/scanner.js'

const NOW = Date.UTC(2026, 10, 22, 12, 0, 0)

/** What is cut out of a line, and which time it is; lines without a zone are of UTC. */
function find(line: string, ...patterns: string[]) {
  const found = new DateDetector(patterns, 0).find(line, /^[\0-\x7f]*$/.test(line), NOW)
  if (found === undefined) return undefined
  const { start, end, time } = found
  return [line.slice(start, end), time === undefined ? undefined : new Date(time).toISOString()]
}

describe('what fail2ban knows', () => {
  test.each([
    ['2026-11-21 10:02:03 x', '2026-11-21 10:02:03', '2026-11-21T10:02:03.000Z'],
    ['2026/11/21T10:02:03,456+0200 x', '2026/11/21T10:02:03,456+0200', '2026-11-21T08:02:03.456Z'],
    ['[2026-11-21T10:02:03.123456789Z] x', '2026-11-21T10:02:03.123456789Z', '2026-11-21T10:02:03.123Z'],
    ['Nov 21 10:02:03 host sshd[1]: x', 'Nov 21 10:02:03', '2026-11-21T10:02:03.000Z'],
    ['Nov  1  1:02:03 host', 'Nov  1  1:02:03', '2026-11-01T01:02:03.000Z'],
    ['[Sat Nov 21 10:02:03.5 2026] [error]', 'Sat Nov 21 10:02:03.5 2026', '2026-11-21T10:02:03.500Z'],
    ['Sat Nov 21 2026 10:02:03 x', 'Sat Nov 21 2026 10:02:03', '2026-11-21T10:02:03.000Z'],
    ['21/11/2026 10:02:03 x', '21/11/2026 10:02:03', '2026-11-21T10:02:03.000Z'],
    [
      '1.2.3.4 - - [21/Nov/2026:10:02:03 -0130] "GET /"',
      '21/Nov/2026:10:02:03 -0130',
      '2026-11-21T11:32:03.000Z',
    ],
    ['11/21/2026:10:02:03 x', '11/21/2026:10:02:03', '2026-11-21T10:02:03.000Z'],
    ['11-21-2026 10:02:03.7 x', '11-21-2026 10:02:03.7', '2026-11-21T10:02:03.700Z'],
    ['1795341723 x', '1795341723', '2026-11-22T10:02:03.000Z'],
    ['[1795341723] x', '1795341723', '2026-11-22T10:02:03.000Z'],
    ['type=USER msg=audit(1795341723.123:4): x', '1795341723.123', '2026-11-22T10:02:03.123Z'],
    ['10:02:03 x', '10:02:03', '2026-11-22T10:02:03.000Z'],
    ['13:02:03 x', '13:02:03', '2026-11-21T13:02:03.000Z'],
    ['<11/21/26@10:02:03> x', '<11/21/26@10:02:03>', '2026-11-21T10:02:03.000Z'],
    ['261121 10:02:03 x', '261121 10:02:03', '2026-11-21T10:02:03.000Z'],
    ['Nov 21, 2026 10:02:03 PM x', 'Nov 21, 2026 10:02:03 PM', '2026-11-21T22:02:03.000Z'],
    ['Nov 21, 2026 12:02:03 am x', 'Nov 21, 2026 12:02:03 am', '2026-11-21T00:02:03.000Z'],
    ['Nov-21-26 10:02:03 x', 'Nov-21-26 10:02:03', '2026-11-21T10:02:03.000Z'],
    ['20261121T100203.5Z x', '20261121T100203.5Z', '2026-11-21T10:02:03.500Z'],
    ['[CEST Nov 21 10:02:03] x', 'CEST Nov 21 10:02:03', '2026-11-21T08:02:03.000Z'],
    ['@400000006b02bd9b00000000 x', '@400000006b02bd9b00000000', '2026-11-22T10:02:03.000Z'],
  ])('%s', (line, text, time) => {
    expect(find(line)).toEqual([text, time])
  })

  test.each([
    ['a month to come is of last year', 'Dec 24 10:00:00', '2025-12-24T10:00:00.000Z'],
    ['tomorrow may be a matter of zones', 'Nov 23 11:00:00', '2026-11-23T11:00:00.000Z'],
    ['the earliest counts', 'a 2026-01-01 00:00:00 b 2025-01-01 00:00:00', '2026-01-01T00:00:00.000Z'],
    ['what starts the line goes first', 'Nov 21 10:00:00 x 2026-01-01 00:00:00', '2026-11-21T10:00:00.000Z'],
    ['there is no such day', '2026-02-30 10:00:00', undefined],
    ['there is no such zone', 'XQX Nov 21 10:00:00', undefined],
  ])('%s', (_, line, time) => {
    expect(find(line)?.[1]).toBe(time)
  })

  test.each(['version 1.2.3 of 4', 'Client 10.0.0.1:8080 failed', '', 'x'.repeat(70_000)])(
    'no date',
    (line) => {
      expect(find(line)).toBeUndefined()
    },
  )
})

describe('what AI servers write', () => {
  test.each([
    ['[GIN] 2026/11/22 - 11:32:01 | 401 |  1.2ms | 10.0.0.9 | POST "/api/chat"', '2026/11/22 - 11:32:01'],
    ['time=2026-11-22T11:32:01.000Z level=WARN msg="Invalid API key"', '2026-11-22T11:32:01.000Z'],
    ['{"level":40,"time":1795347121000,"msg":"Invalid API key"}', '1795347121000'],
    ['{"level":"warn","ts":1795347121.0001,"msg":"x"}', '1795347121.0001'],
    ['{"time":"2026-11-22T11:32:01Z","level":"WARN"}', '2026-11-22T11:32:01Z'],
    ['2026-11-22 11:32:01,000 - uvicorn.error - WARNING - x', '2026-11-22 11:32:01,000'],
    ['WARNING 11-22 11:32:01 [serving.py:1] x', '11-22 11:32:01'],
    ['W1122 11:32:01.000000 7 server.cc:1] x', '1122 11:32:01.000000'],
  ])('%s', (line, text) => {
    expect(find(line)).toEqual([text, '2026-11-22T11:32:01.000Z'])
  })
})

describe('datepattern', () => {
  test.each([
    ['at the start', 'x 2026-11-21 10:00:00', ['{^LN-BEG}'], undefined],
    ['… or nearly', '[2026-11-21 10:00:00] x', ['{^LN-BEG}'], '2026-11-21 10:00:00'],
    ['{DATE} within more', '<5>1 Nov 21 10:00:00 x', ['^<\\d+>\\d+\\s+{DATE}'], '<5>1 Nov 21 10:00:00'],
    ['a pattern', 'at 21.11.2026 10h02', ['%d\\.%m\\.%Y %Hh%M'], '21.11.2026 10h02'],
    [
      'a group of its own is what is cut',
      'time [2026-11-21 10:00:00]',
      ['\\[(%Y-%m-%d %H:%M:%S)\\]'],
      '2026-11-21 10:00:00',
    ],
    ['no date at all', 'x', ['{NONE}'], ''],
    ['epoch in its place', 'at=1795341723 x', ['at={EPOCH}'], 'at=1795341723'],
    ['milliseconds', '1795341723123 x', ['LEPOCH'], '1795341723123'],
    ['several', '21.11.2026 10h02', ['%Y-%m-%d', '%d\\.%m\\.%Y %Hh%M'], '21.11.2026 10h02'],
    ['all that is known, and more', '10h02 x', ['{DEFAULT}', '%Hh%M'], '10h02'],
  ])('%s', (_, line, patterns, text) => {
    expect(find(line, ...patterns)?.[0]).toBe(text)
  })

  test.each(['%Q', '%Y-%', '(%Y'])('%s is refused', (pattern) => {
    expect(() => new DateDetector([pattern], 0)).toThrow(RegexError)
  })
})

test('a line that looks odd leads nobody astray', () => {
  const detector = new DateDetector([], 0)
  const times = [
    '016-05-17 06:25:27 x',
    '2026-11-21 10:00:00 x',
    'Kat Jun 01 11:23:08 2013',
    'Sat Jun 01 11:23:08 2013',
  ]
  expect(times.map((line) => detector.find(line, true, NOW)?.start)).toEqual([4, 0, 0, 0])
  expect(detector.find('[Sat Jun 01 11:23:08 2013]', true, NOW)?.time).toBe(Date.UTC(2013, 5, 1, 11, 23, 8))
})

test.each([
  ['Z', 0],
  ['UTC', 0],
  ['+0200', 120],
  ['-01:30', -90],
  ['+05', 300],
  ['CET', 60],
  ['cest', 120],
  ['UTC+0100', 60],
  ['NPT', 345],
  ['Europe/Paris', undefined],
  ['', undefined],
])('zone %s', (text, minutes) => {
  expect(parseZone(text)).toBe(minutes)
})
