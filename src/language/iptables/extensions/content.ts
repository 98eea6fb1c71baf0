/** Matches of a packet's bytes, and of the time: string, u32, time. */
import type { TimeMatch, U32Test } from '../../../ruleset/xtables.js'
import type { Word } from '../words.js'
import { match, present } from './extension.js'
import type { Given, GivenOption } from './given.js'

const flag = { words: 0 } as const
const inverted = { invert: true } as const

/** XT_STRING_MAX_PATTERN_SIZE */
const LONGEST_PATTERN = 128
const MOST = 65_535

export const string = match({
  options: {
    string: inverted,
    'hex-string': inverted,
    algo: {},
    from: {},
    to: {},
    icase: flag,
  },
  read(given) {
    const option = given.needOne('string', 'hex-string')
    const algorithm = given.need('algo').words[0]!
    const word = option.words[0]!
    const bytes =
      option.name === 'string' ? Buffer.from(word.text, 'utf8').toString('latin1') : hexPattern(given, word)
    if (bytes.length === 0 || bytes.length > LONGEST_PATTERN)
      given.reader.fail(word, `a pattern has 1 to ${LONGEST_PATTERN} bytes`)
    const of = (name: string, otherwise: number) => {
      const found = given.option(name)
      return found === undefined ? otherwise : given.number(found, 0, MOST)
    }
    const from = of('from', 0)
    const to = of('to', MOST)
    if (from > to)
      given.reader.fail(given.option('from')?.span ?? word, `--from ${from} is behind --to ${to}`)
    return {
      name: 'string',
      algorithm: given.nameOf(
        algorithm,
        algorithm.text,
        { bm: 'bm', kmp: 'kmp' } as const,
        'algorithm: bm or kmp',
      ),
      pattern: bytes,
      ...(given.has('icase') && { ignoreCase: true as const }),
      ...(from > 0 && { from }),
      ...(to < MOST && { to }),
      ...given.invert(option),
    }
  },
})

/** Text with bytes in hexadecimal between bars: `|0d 0a|GET`. */
function hexPattern(given: Given, word: Word): string {
  const parts = word.text.split('|')
  if (parts.length % 2 === 0) given.reader.fail(word, 'a bar is not closed')
  return parts
    .map((part, i) => {
      if (i % 2 === 0) return Buffer.from(part.replace(/\\(.)/gs, '$1'), 'utf8').toString('latin1')
      const digits = part.replaceAll(' ', '')
      if (!/^(?:[0-9a-f]{2})+$/i.test(digits))
        given.reader.fail(word, `|${part}| is no row of bytes in hexadecimal`)
      return Buffer.from(digits, 'hex').toString('latin1')
    })
    .join('')
}

/** XT_U32_MAXSIZE: places and values of a test, and tests, one more than that. */
const MOST_PARTS = 11

export const u32 = match({
  options: { u32: inverted },
  read(given) {
    const option = given.need('u32')
    const word = option.words[0]!
    const tests = word.text.split('&&').map((text) => u32Test(given, word, text))
    if (tests.length > MOST_PARTS) given.reader.fail(word, `these are more than ${MOST_PARTS} tests`)
    return { name: 'u32', tests, ...given.invert(option) }
  },
})

function u32Test(given: Given, word: Word, text: string): U32Test {
  const [place = '', list, more] = text.split('=')
  if (list === undefined || more !== undefined)
    return given.reader.fail(word, `${text.trim()} is no test: PLACE=VALUES is one`)
  const number = (written: string) => given.numberOf(word, written.trim())
  const parts = place.split(/(&|<<|>>|@)/)
  const operations: U32Test['operations'][0][] = []
  for (let i = 1; i < parts.length; i += 2)
    operations.push({ operator: parts[i] as '&', number: number(parts[i + 1]!) })
  const values = list.split(',').map((value) => {
    const [from = '', to = from, rest] = value.split(':')
    if (rest !== undefined) given.reader.fail(word, `${value} is no range`)
    return { from: number(from), to: number(to) }
  })
  if (operations.length >= MOST_PARTS || values.length > MOST_PARTS)
    given.reader.fail(word, `a test has less than ${MOST_PARTS} operations and at most as many values`)
  return { start: number(parts[0]!), operations, values }
}

const DAY = 86_400
const LAST_SECOND = DAY - 1
/** The last second of 32 bits with a sign: what iptables stops at where nothing is said. */
const LAST = 2 ** 31 - 1
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

export const time = match({
  options: {
    datestart: {},
    datestop: {},
    timestart: {},
    timestop: {},
    weekdays: inverted,
    monthdays: inverted,
    contiguous: flag,
    kerneltz: flag,
    localtz: { ...flag, same: 'kerneltz' },
    utc: flag,
  },
  read(given) {
    const of = <T>(name: string, read: (word: Word) => T): T | undefined => {
      const option = given.option(name)
      return option && read(option.words[0]!)
    }
    const timeStart = of('timestart', (word) => timeOfDay(given, word))
    const timeStop = of('timestop', (word) => timeOfDay(given, word))
    const contiguous = given.option('contiguous')
    if (contiguous !== undefined && (timeStart ?? 0) <= (timeStop ?? DAY))
      given.reader.fail(
        contiguous.span,
        '--contiguous is for a time that ends before it begins: over midnight',
      )
    const days = given.option('weekdays')
    const dates = given.option('monthdays')
    return present({
      name: 'time' as const,
      dateStart: of('datestart', (word) => date(given, word)),
      dateStop: of('datestop', (word) => date(given, word)) ?? LAST,
      // What the kernel takes without them.
      timeStart: timeStart === 0 ? undefined : timeStart,
      timeStop: timeStop === LAST_SECOND ? undefined : timeStop,
      weekdays: days && chosen(given, days, 7, (text) => weekday(given, days.words[0]!, text)),
      monthdays: dates && chosen(given, dates, 31, (text) => given.numberOf(dates.words[0]!, text, 1, 31)),
      contiguous: contiguous && (true as const),
      kernelTimeZone: given.has('kerneltz') ? (true as const) : undefined,
    })
  },
})

/** The days of a list, or with `!` the others; undefined if they are all. */
function chosen(
  given: Given,
  option: GivenOption,
  most: number,
  read: (text: string) => number,
): TimeMatch['weekdays'] {
  const named = new Set(option.words[0]!.text.split(',').map(read))
  const days = Array.from({ length: most }, (_, i) => i + 1).filter(
    (day) => named.has(day) !== option.inverted,
  )
  if (days.length === 0) given.reader.fail(option.span, 'no day is left')
  return days.length === most ? undefined : { any: days }
}

function weekday(given: Given, word: Word, text: string): number {
  if (/^\d$/.test(text)) return given.numberOf(word, text, 1, 7)
  const day = text.length < 2 ? -1 : WEEKDAYS.findIndex((name) => name.startsWith(text))
  return day < 0 ? given.reader.failUnknown(word, `${text} is no day of the week`, text, WEEKDAYS) : day + 1
}

function timeOfDay(given: Given, word: Word): number {
  const [, hour = 99, minute = 99, second = 0] = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?$/.exec(word.text) ?? []
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second)]
  if (hours > 23 || minutes > 59 || seconds > 59)
    given.reader.fail(word, `${word.text} is no time of day: hh:mm or hh:mm:ss`)
  return hours * 3600 + minutes * 60 + seconds
}

/** Seconds since 1970 of YYYY-MM-DDThh:mm:ss, of which what stands behind may be missing. */
function date(given: Given, word: Word): number {
  const parts = /^(\d{4})(?:-(\d\d?)(?:-(\d\d?)(?:T(\d\d?)(?::(\d\d?)(?::(\d\d?))?)?)?)?)?$/.exec(word.text)
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = (parts ?? [])
    .slice(1)
    .map((part) => (part === undefined ? undefined : Number(part)))
  const at = Date.UTC(year, month - 1, day, hour, minute, second) / 1000
  const real =
    parts !== null &&
    new Date(at * 1000).getUTCDate() === day &&
    new Date(at * 1000).getUTCMonth() === month - 1
  if (!real || hour > 23 || minute > 59 || second > 59 || at < 0 || at > LAST)
    given.reader.fail(word, `${word.text} is no date from 1970 to 2038: YYYY-MM-DDThh:mm:ss`)
  return at
}
