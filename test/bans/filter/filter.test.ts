import { describe, expect, test } from 'vitest'
import type { FilterOption } from '../../../src/bans/config/filter.js'
import { parseIni } from '../../../src/bans/config/ini.js'
import { LineClock } from '../../../src/bans/filter/clock.js'
import { Filter } from '../../../src/bans/filter/filter.js'
import type { Problem } from '../../../src/bans/problem.js'
import { LogScanner } from '../../../src/bans/scan/scanner.js'
import { formatPrefix } from '../../../src/packet/address.js'

function compile(text: string, names = false) {
  const section = parseIni(`[Definition]\n${text}`, 'f.conf').sections.get('Definition')!
  const problems: Problem[] = []
  const options = new Map([...section].map(([name, value]) => [name as FilterOption, value]))
  return { filter: Filter.compile({ name: 'f', options }, { names, zone: 0 }, problems), problems }
}

/** Of each line, whom the filter finds in it: an address or name, and the user if there is one. */
function failures(text: string, lines: readonly string[], names = false) {
  const { filter, problems } = compile(text, names)
  expect(problems).toEqual([])
  const scanner = new LogScanner([{ filter: filter!, findTime: 600_000 }])
  return lines.map((line, index) => {
    let who: string | undefined
    scanner.scan(Buffer.from(`${line}\n`), 'live', index * 1000, (_, { source, name, user }) => {
      who = [source === undefined ? name! : formatPrefix(source), ...(user === undefined ? [] : [user])].join(
        ' ',
      )
    })
    return who
  })
}

describe('tags', () => {
  test.each([
    ['<HOST>', 'from 10.0.0.9', '10.0.0.9'],
    ['<HOST>', 'from [2001:db8::1]', '2001:db8::1'],
    ['<HOST>', 'from ::ffff:10.0.0.9', '10.0.0.9'],
    ['<HOST>', 'from 999.1.1.1', undefined],
    ['<HOST>', 'from host.example', undefined],
    ['<ADDR>', 'from fe80::', 'fe80::'],
    ['<IP4>', 'from 2001:db8::1', undefined],
    ['<IP6>', 'from ::1', '::1'],
    ['<ADDR>/<CIDR>', 'from 10.1.2.3/16', '10.1.0.0/16'],
    ['<SUBNET>', 'from 10.1.2.3/33', undefined],
    ['<F-ID/>', 'from 10.0.0.9', '10.0.0.9'],
    ['<F-USER>\\S+</F-USER> <HOST>', 'from joe 10.0.0.9', '10.0.0.9 joe'],
    ['<F-ALT_USER_1>\\S*</F-ALT_USER_1> <F-USER>\\w*</F-USER> ?<HOST>', 'from joe  10.0.0.9', '10.0.0.9 joe'],
  ])('%s of %s', (tag, line, who) => {
    expect(failures(`failregex = ^from ${tag}$`, [line])).toEqual([who])
  })

  test('names count if they are asked for', () => {
    expect(failures('failregex = ^from <HOST>$', ['from host.example', 'from 10.0.0.9'], true)).toEqual([
      'host.example',
      '10.0.0.9',
    ])
  })
})

describe('what a filter says', () => {
  test('prefregex says what is looked at, and may give a part of it on', () => {
    const text = 'prefregex = ^app\\[\\d+\\]: <F-CONTENT>.+</F-CONTENT>$\nfailregex = ^bad <HOST>$\n'
    expect(failures(text, ['app[7]: bad 10.0.0.9', 'bad 10.0.0.9', 'app[7]: x bad 10.0.0.9'])).toEqual([
      '10.0.0.9',
      undefined,
      undefined,
    ])
  })

  test('the first failregex that matches counts; ignoreregex takes it back', () => {
    const text =
      'failregex = ^bad <F-USER>\\w+</F-USER> <HOST>\n  ^bad \\w+ x <HOST>\n  <HOST>$\nignoreregex = monitor\n'
    const lines = ['bad joe 10.0.0.9 10.0.0.1', 'bad monitor 10.0.0.9', 'x 10.0.0.9']
    expect(failures(text, lines)).toEqual(['10.0.0.9 joe', undefined, '10.0.0.9'])
  })

  test('lines of one connection go together', () => {
    const text =
      'prefregex = ^<F-MLFID>\\[\\d+\\]</F-MLFID> <F-CONTENT>.+</F-CONTENT>$\n' +
      'failregex = ^<F-NOFAIL>connect</F-NOFAIL> from <HOST>\n  ^failed for <F-USER>\\S+</F-USER>\n' +
      '  ^<F-MLFFORGET><F-MLFGAINED>accepted</F-MLFGAINED></F-MLFFORGET> for <F-USER>\\S+</F-USER>\n'
    const lines = [
      '[1] connect from 10.0.0.1',
      '[2] failed for eve',
      '[1] failed for joe',
      '[2] connect from 10.0.0.2',
      '[3] connect from 10.0.0.3',
      '[3] accepted for ann',
      '[3] failed for ann',
      '[1] failed for root',
      '[1] accepted for joe',
    ]
    expect(failures(text, lines)).toEqual([
      undefined,
      undefined,
      '10.0.0.1 joe',
      '10.0.0.2 eve',
      undefined,
      undefined,
      undefined,
      '10.0.0.1 root',
      '10.0.0.1 joe',
    ])
  })

  test('several lines together, with others between', () => {
    const text = 'maxlines = 4\nfailregex = ^start <F-ID>\\d+</F-ID> <HOST>$<SKIPLINES>^end (?P=fid) bad$\n'
    expect(
      failures(text, ['start 1 10.0.0.1', 'noise', 'start 2 10.0.0.2', 'end 1 bad', 'end 2 bad']),
    ).toEqual([undefined, undefined, undefined, '10.0.0.1', '10.0.0.2'])
  })

  test('what is wrong is told with its place and left out', () => {
    const { filter, problems } = compile(
      'failregex = ^ok <HOST>$\n  ^nobody$\n  ^(open <HOST>$\nmaxlines = many\ndatepattern = %Q\n',
    )
    expect(filter!.rules).toHaveLength(1)
    expect(problems.map(({ position: { line, column }, message }) => [line, column, message])).toEqual([
      [5, 12, 'maxlines is a number, 1 to 100'],
      [3, 3, 'this failregex says nowhere whom to ban'],
      [4, 4, 'in a regex: this ( is never closed'],
      [6, 15, 'in datepattern: %Q is no field of a date'],
    ])
  })

  test('without its prefregex a filter would find too much: it is left out', () => {
    expect(compile('prefregex = ^(\nfailregex = <HOST>\n').filter).toBeUndefined()
  })

  test('lines that have none of its literals cannot match', () => {
    expect(compile('failregex = ^a bad <HOST>\n  ^worse <HOST>\n').filter!.literals).toEqual([
      'a bad ',
      'worse ',
    ])
    expect(
      compile('prefregex = ^longer <F-CONTENT>.+</F-CONTENT>\nfailregex = a <HOST>\n').filter!.literals,
    ).toEqual(['longer '])
    expect(compile('failregex = ^bad <HOST>\n  <F-ID/>\n').filter!.literals).toBeUndefined()
  })
})

describe('the time of a line', () => {
  const NOW = 1_000_000_000
  const at = (time: number | undefined) => ({ start: 0, end: 19, time })

  test.each([
    ['live: as it says', at(NOW - 30_000), 'live', NOW - 30_000],
    ['live: now if it is far off', at(NOW - 61_000), 'live', NOW],
    ['live: never ahead', at(NOW + 5000), 'live', NOW],
    ['live: now if it has none', undefined, 'live', NOW],
    ['live: now if it cannot be read', at(undefined), 'live', NOW],
    ['at the start: as it says', at(NOW - 500_000), 'catchUp', NOW - 500_000],
    ['at the start: too old', at(NOW - 601_000), 'catchUp', undefined],
    ['at the start: none', undefined, 'catchUp', undefined],
    ['at the start: an empty one', { start: 0, end: 0, time: undefined }, 'catchUp', NOW],
    ['a log of any time', at(5), 'replay', 5],
  ] as const)('%s', (_, date, reading, time) => {
    expect(new LineClock(600_000).timeOf(date, NOW, reading)).toBe(time)
  })

  test('a line without a date is as old as the last, for a minute', () => {
    const clock = new LineClock(600_000)
    clock.timeOf(at(NOW - 10_000), NOW, 'live')
    expect(clock.timeOf(undefined, NOW, 'live')).toBe(NOW - 10_000)
    expect(clock.timeOf(undefined, NOW + 60_000, 'live')).toBe(NOW + 60_000)
  })
})
