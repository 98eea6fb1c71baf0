import { parseZone } from './zones.js'

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const FULL_MONTHS = 'january|february|march|april|may|june|july|august|september|october|november|december'
const DAYS = 'mon|tue|wed|thu|fri|sat|sun'
const FULL_DAYS = 'monday|tuesday|wednesday|thursday|friday|saturday|sunday'
const ZONE = '[A-Z](?:[A-Z]{2,4})?'

/** Regexes of the fields of a date pattern, as strptime(3) names them; those of Ex have all their digits. */
export const FIELDS: Readonly<Record<string, string>> = {
  Y: '(?P<Y>\\d{4})',
  ExY: '(?P<Y>20\\d{2})',
  y: '(?P<y>\\d{2})',
  Exy: '(?P<y>\\d{2})',
  m: '(?P<m>0?[1-9]|1[0-2])',
  Exm: '(?P<m>0[1-9]|1[0-2])',
  d: '(?P<d>[12]\\d|[0 ]?[1-9]|3[01])',
  Exd: '(?P<d>[12]\\d|0[1-9]|3[01])',
  H: '(?P<H>[01]?\\d|2[0-3])',
  ExH: '(?P<H>[01]\\d|2[0-3])',
  k: ' ?(?P<H>[0-2]?\\d)',
  Exk: ' ?(?P<H>[01]?\\d|2[0-3])',
  I: '(?P<I>1[0-2]|[0 ]?[1-9])',
  l: ' ?(?P<I>1?\\d)',
  Exl: ' ?(?P<I>1[0-2]|\\d)',
  M: '(?P<M>[0-5]?\\d)',
  ExM: '(?P<M>[0-5]\\d)',
  S: '(?P<S>[0-5]?\\d|6[01])',
  ExS: '(?P<S>[0-5]\\d|6[01])',
  f: '(?P<f>\\d{1,9})',
  p: '(?P<p>am|pm)',
  b: `(?P<b>${MONTHS.join('|')})`,
  B: `(?P<B>${FULL_MONTHS})`,
  a: `(?P<a>${DAYS})`,
  A: `(?P<A>${FULL_DAYS})`,
  j: '(?P<j>36[0-6]|3[0-5]\\d|[12]\\d\\d|0[1-9]\\d|00[1-9]|[1-9]\\d|0[1-9]|[1-9])',
  w: '(?P<w>[0-6])',
  U: '(?P<U>5[0-3]|[0-4]\\d|\\d)',
  W: '(?P<W>5[0-3]|[0-4]\\d|\\d)',
  z: '(?P<z>Z|UTC|GMT|[+-][01]\\d(?::?\\d{2})?)',
  Exz: `(?P<z>(?:${ZONE})?[+-][01]\\d(?::?\\d{2})?|${ZONE})`,
  Z: '(?P<Z>Z|[A-Z]{3,5})',
  ExZ: `(?P<Z>${ZONE})`,
  s: '(?P<s>\\d{10,11}(?:\\.\\d{1,9})?)',
}

/** Fields of names, which are read in any case. */
export const NAMED_FIELDS = /%[aAbBp]/

/** What a field of a line was; undefined if it took no part. */
export type FieldReader = (field: string) => string | undefined

const DAY = 86_400_000

/**
 * The time that fields say, in milliseconds since 1970; undefined if there is no such day or hour. Without a year it
 * is this one, or the last if that would be more than a day ahead; without a day it is today, or yesterday if
 * that would be ahead. zone: minutes east of UTC where the line says none; undefined: the machine's.
 */
export function timeOf(read: FieldReader, zone: number | undefined, now: number): number | undefined {
  const number = (field: string) => {
    const text = read(field)
    return text === undefined ? undefined : Number(text)
  }
  const epoch = number('s')
  if (epoch !== undefined) return epoch * 1000
  const said = read('z') ?? read('Z')
  const offset = said === undefined ? zone : parseZone(said)
  if (said !== undefined && offset === undefined) return undefined
  const today = new Date(offset === undefined ? now : now + offset * 60_000)
  const local = offset === undefined
  const year2 = number('y')
  const year = number('Y') ?? (year2 === undefined ? undefined : 2000 + year2)
  const date: Fields = {
    year: year ?? (local ? today.getFullYear() : today.getUTCFullYear()),
    month: monthOf(read),
    day: number('d'),
    milliseconds: clockOf(number, read('p'), read('f')),
  }
  const yearDay = number('j')
  if (yearDay !== undefined && date.month === undefined) Object.assign(date, { month: 0, day: yearDay })
  const dayless = date.month === undefined && date.day === undefined
  if (dayless) {
    date.month = local ? today.getMonth() : today.getUTCMonth()
    date.day = local ? today.getDate() : today.getUTCDate()
  }
  let time = instantOf(date, offset, yearDay !== undefined)
  if (time === undefined) return undefined
  if (dayless && time > now) time -= DAY
  else if (year === undefined && time > now + DAY)
    time = instantOf({ ...date, year: date.year - 1 }, offset, yearDay !== undefined)
  return time
}

interface Fields {
  year: number
  /** From 0. */
  month: number | undefined
  day: number | undefined
  /** Of the day. */
  milliseconds: number | undefined
}

function monthOf(read: FieldReader): number | undefined {
  const number = read('m')
  if (number !== undefined) return Number(number) - 1
  const name = read('b') ?? read('B')
  return name === undefined ? undefined : MONTHS.indexOf(name.slice(0, 3).toLowerCase())
}

function clockOf(
  number: (field: string) => number | undefined,
  half: string | undefined,
  fraction: string | undefined,
): number | undefined {
  let hour = number('H')
  const twelve = number('I')
  if (hour === undefined && twelve !== undefined) {
    if (twelve > 12) return undefined
    hour = (twelve % 12) + (half?.toLowerCase() === 'pm' ? 12 : 0)
  }
  if (hour !== undefined && hour > 23) return undefined
  const seconds = ((hour ?? 0) * 60 + (number('M') ?? 0)) * 60 + (number('S') ?? 0)
  return seconds * 1000 + (fraction === undefined ? 0 : Math.floor(Number(`0.${fraction}`) * 1000))
}

function instantOf(date: Fields, offset: number | undefined, anyDay: boolean): number | undefined {
  const { year, month, day, milliseconds } = date
  if (month === undefined || day === undefined || milliseconds === undefined) return undefined
  const midnight = Date.UTC(year, month, day)
  // A day that the month does not have would have become one of the next.
  if (!anyDay && new Date(midnight).getUTCDate() !== day) return undefined
  if (offset !== undefined) return midnight + milliseconds - offset * 60_000
  return new Date(year, month, day, 0, 0, 0, milliseconds).getTime()
}
