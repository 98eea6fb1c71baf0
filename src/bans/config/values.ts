import { SERVICES } from '../../ruleset/symbols/services.js'
import type { Section } from './ini.js'
import { Traced } from './traced.js'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 365.25 * DAY

/** Milliseconds of a unit, in the spellings that fail2ban knows (`m` is minutes). */
const UNITS: readonly (readonly [RegExp, number])[] = [
  [/^(?:|s{1,2}|sec|seconds?)$/, SECOND],
  [/^(?:m{1,2}|min|minutes?)$/, MINUTE],
  [/^(?:h{1,2}|hou|hours?)$/, HOUR],
  [/^(?:d{1,2}|da|days?)$/, DAY],
  [/^(?:w{1,2}|wee?|weeks?)$/, 7 * DAY],
  [/^(?:mo|mon|months?)$/, YEAR / 12],
  [/^(?:y{1,2}|yea?|years?)$/, YEAR],
]

/**
 * A span such as 600, 10m, `1d 3h`, 1h30m or 24*60*60, in milliseconds; -1 or less is permanent: Infinity.
 * Undefined if it is none.
 */
export function parseSpan(text: string): number | undefined {
  if (/^-\s*\d+(?:\.\d+)?$/.test(text.trim())) return Number.POSITIVE_INFINITY
  let sum = 0
  for (const term of text.toLowerCase().split(/\+|(?<=[a-z])(?=\d)|(?<=[\da-z])\s+(?=\d)/)) {
    let product = Number.NaN
    for (const factor of term.split('*')) {
      const parts = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/.exec(factor)
      const unit = parts && UNITS.find(([spelling]) => spelling.test(parts[2]!))?.[1]
      if (!unit) return undefined
      const value = Number(parts[1])
      product = Number.isNaN(product) ? value * unit : (product * value * unit) / SECOND
    }
    sum += product
  }
  return sum
}

/** A truth value as fail2ban reads it; undefined if it is none. */
export function parseBoolean(text: string): boolean | undefined {
  if (/^(?:1|on|true|yes)$/i.test(text)) return true
  return /^(?:0|off|false|no|)$/i.test(text) ? false : undefined
}

/** First and last port of a range. */
export type PortRange = readonly [number, number]

/** Ports such as `ssh`, `http,https`, `1024:2048`; what is none of these comes back as the text that it is. */
export function parsePorts(text: string): PortRange[] | string {
  const ranges: PortRange[] = []
  for (const part of text.split(/[\s,]+/).filter((part) => part !== '')) {
    const [first, last = first] = part.split(/[:-](?=\d)/).map(portOf)
    if (first === undefined || last === undefined || first > last) return part
    ranges.push([first, last])
  }
  return ranges
}

function portOf(text: string): number | undefined {
  if (/^\d{1,5}$/.test(text)) return Number(text) < 65536 ? Number(text) : undefined
  return NAMED_PORTS[text] ?? (Object.hasOwn(SERVICES, text) ? Number(SERVICES[text]) : undefined)
}

/** What Debian's jails name beside /etc/services of today. */
const NAMED_PORTS: Readonly<Record<string, number>> = { imap3: 220, 'ftps-data': 989, ftps: 990, sieve: 4190 }

/** A name with options: `sshd[mode=aggressive, port="22"]`. */
export interface Named {
  readonly name: Traced
  readonly options: Section
}

/** Where the syntax of a name with options is wrong. */
export class OptionsError extends Error {
  readonly offset: number

  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}

/** Reads a name with options. Throws OptionsError. */
export function parseNamed(value: Traced): Named {
  const shape = /^([^[]+)(?:\[(.*)\])?\s*$/s.exec(value.text)
  if (shape === null) throw new OptionsError('expected name or name[option=value, …]', 0)
  const options: Section = new Map()
  const name = shape[1]!.trim()
  const pattern = /\s*([\w\-.?]+)=(?:"([^"]*)"|'([^']*)'|([^,\]]*))\s*(?:,|\]\s*\[|$)|[\s,]*$/y
  const start = shape[1]!.length + 1
  const text = shape[2] ?? ''
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex
    const option = pattern.exec(text)
    if (option === null) throw new OptionsError('expected option=value', start + at)
    if (option[1] === undefined) break
    const given = option[2] ?? option[3] ?? option[4]!
    const offset = start + at + option[0].indexOf('=') + 1
    options.set(option[1], Traced.at(given.trim(), value.at(offset)))
  }
  const lead = value.text.indexOf(name)
  return { name: value.slice(lead, lead + name.length), options }
}

/** Names with options, one a line or behind commas or blanks: a name's options may go on over lines. */
export function splitNamed(value: Traced): Traced[] {
  const found: Traced[] = []
  let start = -1
  let depth = 0
  let quote = ''
  const { text } = value
  for (let at = 0; at <= text.length; at++) {
    const character = text[at] ?? '\n'
    if (quote !== '') quote = character === quote ? '' : quote
    else if (depth > 0 && (character === '"' || character === "'")) quote = character
    else if (character === '[') depth++
    else if (character === ']') depth--
    if (start < 0 && !/[\s,]/.test(character)) start = at
    const ends =
      at === text.length ||
      (depth <= 0 && quote === '' && /[\s,]/.test(character) && !/^\s*\[/.test(text.slice(at, at + 64)))
    if (start >= 0 && ends) {
      found.push(value.slice(start, at))
      start = -1
    }
  }
  return found
}
