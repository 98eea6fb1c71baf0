/** The little languages inside a policy file's strings: addresses, ports and limits. */
import { type Address, lastOf, parseAddress, parsePrefix } from '../../packet/address.js'
import { suggest } from '../diagnostic.js'

/** A text that is not what it should be: what is wrong, and what would be right. */
export class ValueError extends Error {
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** Addresses from the first to the last, of one IP version. */
export interface AddressRange {
  readonly bits: 32 | 128
  readonly first: bigint
  readonly last: bigint
  /** Set if it was written as a prefix. */
  readonly length?: number
}

const ADDRESS_HINT =
  'write an address (10.0.0.5), a prefix (10.0.0.0/16), a range (10.0.0.5-10.0.0.9) or a name of define'

/** Reads an address, prefix or range. `names`: those of define, for a suggestion. */
export function readAddress(text: string, names: Iterable<string>): AddressRange {
  const [from = '', to, more] = text.split('-')
  if (to !== undefined && more === undefined && parseAddress(from.trim()) !== undefined) {
    return readRange(parseAddress(from.trim())!, parseAddress(to.trim()), text)
  }
  const prefix = parsePrefix(text)
  if (prefix === undefined) {
    const near = suggest(text, names)
    if (near !== undefined) throw new ValueError(`${text} is no address`, `did you mean ${near}?`)
    if (/^[A-Za-z][\w.-]*\.[A-Za-z]{2,}$/.test(text))
      throw new ValueError(`${text} is a host name`, 'host names are not looked up: write its address')
    throw new ValueError(`${text} is neither an address nor a name of define`, ADDRESS_HINT)
  }
  const whole = parseAddress(text.split('/')[0]!)!
  if (whole.value !== prefix.value)
    throw new ValueError(`${text} has bits set behind its first ${prefix.length}`, ADDRESS_HINT)
  return { bits: prefix.bits, first: prefix.value, last: lastOf(prefix), length: prefix.length }
}

function readRange(from: Address, to: Address | undefined, text: string): AddressRange {
  if (to === undefined || to.bits !== from.bits || to.value < from.value)
    throw new ValueError(`${text} is no range of addresses`, 'a range goes up, within one IP version')
  return { bits: from.bits, first: from.value, last: to.value }
}

export interface PortRange {
  readonly protocol: 'tcp' | 'udp'
  /** 0 to 65535 if only the protocol was named. */
  readonly first: number
  readonly last: number
}

const PORT_HINT = 'write tcp/11434, udp/53, tcp/8000-8010, or tcp alone for every port'

/** Reads a port or a range of ports with its protocol. */
export function readPort(text: string): PortRange {
  const match = /^(\w+)(?:\/(\w+)(?:-(\w+))?)?$/.exec(text)
  const protocol = match?.[1]
  if (match === null || (protocol !== 'tcp' && protocol !== 'udp')) {
    const bare = /^\d+(-\d+)?$/.test(text)
    throw new ValueError(
      bare ? `port ${text} lacks its protocol` : `${text} is no port`,
      bare ? `write tcp/${text} or udp/${text}` : PORT_HINT,
    )
  }
  if (match[2] === undefined) return { protocol, first: 0, last: 65535 }
  const first = readPortNumber(match[2])
  const last = match[3] === undefined ? first : readPortNumber(match[3])
  if (last < first) throw new ValueError(`the range ${text} goes down`, PORT_HINT)
  return { protocol, first, last }
}

/** Reads the number of a port. */
export function readPortNumber(text: string): number {
  if (!/^\d+$/.test(text))
    throw new ValueError(`${text} is no port number`, 'write the number: ssh is tcp/22')
  const port = Number(text)
  if (port > 65535) throw new ValueError(`port ${text} is out of range`, 'a port is 0 to 65535')
  return port
}

/** Milliseconds. */
const UNITS: Readonly<Record<string, number>> = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
}
const MAXIMUM_RATE = 100_000
const MAXIMUM_SPAN = 30 * UNITS.day!

export interface Rate {
  readonly rate: number
  /** Milliseconds. */
  readonly per: number
  /** Milliseconds for which a source that goes over it is banned; undefined: it is not. */
  readonly ban: number | undefined
}

const RATE_HINT = 'write 20 per minute per source, or 5 per 10 seconds per source'

/** Reads a limit such as `20 per minute per source`, or `20 per minute per source then ban 10m`. */
export function readRate(text: string): Rate {
  const [limit = '', then, more] = text
    .trim()
    .replace(/\s+/g, ' ')
    .split(/ then ban /)
  if (more !== undefined) throw new ValueError(`${text} is no limit`, RATE_HINT)
  return { ...readLimit(limit), ban: then === undefined ? undefined : readSpan(then) }
}

function readLimit(text: string): Omit<Rate, 'ban'> {
  const match = /^(\d{1,9}) per (?:(\d{1,9}) )?([a-z]+) per source$/.exec(text)
  if (match === null) {
    const forgotten = /^\d+ per [\w ]+$/.test(text) && !text.includes('source')
    throw new ValueError(
      `${text} is no limit`,
      forgotten ? `say whom it limits: ${text} per source` : RATE_HINT,
    )
  }
  const [, count, times, word = ''] = match
  const unit = UNITS[word.replace(/s$/, '')]
  if (unit === undefined) {
    const near = suggest(word, Object.keys(UNITS))
    throw new ValueError(
      `${word} is no unit of time`,
      near === undefined ? RATE_HINT : `did you mean ${near}?`,
    )
  }
  const rate = Number(count)
  const per = Number(times ?? 1) * unit
  if (rate < 1 || rate > MAXIMUM_RATE)
    throw new ValueError(`a limit of ${rate}`, `a limit is 1 to ${MAXIMUM_RATE}`)
  if (per < 1 || per > MAXIMUM_SPAN)
    throw new ValueError('the span is too long', 'a limit spans at most 30 days')
  return { rate, per }
}

const SPAN_UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}
const SPAN_HINT = 'write seconds (600), or 10m, 1h 30m, 2d, 1w; -1 is for good'
const LONGEST_SPAN = 100 * 365 * UNITS.day!

/** Reads a time such as 600 (seconds), 10m or 1d 12h, as milliseconds; -1 is Infinity. */
export function readSpan(text: string | number): number {
  const trimmed = String(text).trim()
  if (trimmed === '-1') return Number.POSITIVE_INFINITY
  const parts = [...trimmed.matchAll(/(\d{1,10})\s*([smhdw]?)\s*/gy)]
  const read = parts.reduce((length, [part]) => length + part.length, 0)
  const span = parts.reduce((sum, [, count, unit]) => sum + Number(count) * SPAN_UNITS[unit || 's']!, 0)
  if (trimmed === '' || read < trimmed.length) throw new ValueError(`${text} is no time`, SPAN_HINT)
  if (span <= 0 || span > LONGEST_SPAN)
    throw new ValueError(`${text} is too short or too long a time`, SPAN_HINT)
  return span
}
