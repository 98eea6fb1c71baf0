import { Regex } from '../regex/regex.js'
import { RegexError } from '../regex/scanner.js'
import { FIELDS, NAMED_FIELDS, timeOf } from './fields.js'

/** A date in a line. */
export interface DateFound {
  /** The part of the line that is the date: it is cut out. */
  readonly start: number
  readonly end: number
  /** Milliseconds since 1970; undefined if there is no such day, or nothing to read. */
  readonly time: number | undefined
}

/** The last instant that a Date can be. */
const LAST = 8.64e15
const SECONDS = '\\d{10,11}\\b(?:\\.\\d{3,6})?'
/** Seconds, milliseconds or microseconds, by how long they are. */
const LONG = '\\d{10}(?:\\d{3}(?:\\d{3})?)?(?:\\.\\d{1,9})?(?!\\d)'
/** Seconds since 1970 that stand by themselves: at the start, in a bracket there, or in a record of auditd. */
const FREE_EPOCH = (digits: string) =>
  `((?:^|(?<=^\\[)|(?<=\\baudit\\()(?=[\\d.]+:\\d+\\)))(?P<epoch>${digits}))`

/** One way to write a date, which finds it in lines. */
export class DateTemplate {
  /** Whether it is looked for at the start of lines only. */
  readonly anchored: boolean
  readonly #regex: Regex

  /** pattern: as fail2ban has it, see DateDetector. Throws RegexError. */
  constructor(pattern: string) {
    const { source, anchored } = sourceOf(pattern)
    this.#regex = new Regex(source, { span: true })
    this.anchored = anchored
  }

  /** Has its regex compiled for such lines. */
  prepare(ascii: boolean): void {
    this.#regex.prepare(ascii)
  }

  /** zone: minutes east of UTC where the line says none; undefined: the machine's. now: milliseconds since 1970. */
  find(line: string, ascii: boolean, zone: number | undefined, now: number): DateFound | undefined {
    const found = this.#regex.search(line, ascii)
    if (found === null) return undefined
    const read = (field: string) => this.#regex.group(found, field)
    const [start, end] = this.#regex.span(found)
    const time = start === end ? undefined : (epochOf(read) ?? timeOf(read, zone, now))
    return { start, end, time: time !== undefined && time <= LAST ? time : undefined }
  }
}

function epochOf(read: (field: string) => string | undefined): number | undefined {
  const tai = read('tai')
  // The label of a second counts from 2⁶² and runs ten seconds ahead, which nobody's logs care about.
  if (tai !== undefined) return Number.parseInt(tai.slice(1), 16) * 1000
  const text = read('epoch')
  if (text === undefined) return undefined
  const digits = text.split('.')[0]!.length
  return Number(text) * (digits >= 16 ? 1e-3 : digits >= 13 ? 1 : 1000)
}

/** The regex of a pattern. Its first group is what is cut out. */
function sourceOf(pattern: string): { source: string; anchored: boolean } {
  const upper = pattern.includes('%') ? pattern : pattern.toUpperCase()
  const bare = /^(\{\^LN-BEG\}|\^)?(EPOCH|LEPOCH|TAI64N)$/.exec(upper)
  if (bare !== null) {
    const digits = bare[2] === 'EPOCH' ? SECONDS : LONG
    if (bare[2] === 'TAI64N') return bounded(`${bare[1] ?? ''}@(?P<tai>[0-9a-f]{16})[0-9a-f]{8}`)
    if (bare[1] !== undefined) return bounded(`{^LN-BEG}(?P<epoch>${digits})`)
    return { source: FREE_EPOCH(digits), anchored: false }
  }
  const named = pattern.replace(/\{(L?)EPOCH\}/gi, (_, long) => `(?P<epoch>${long === '' ? SECONDS : LONG})`)
  return bounded(named)
}

function bounded(pattern: string): { source: string; anchored: boolean } {
  let text = pattern.trim()
  const free = /^\{UNB\}/.test(text)
  text = text.replace(/^\{UNB\}/, '')
  const lineStart = !free && /^\{\^LN-BEG\}/.test(text)
  text = text.replace(/^\{\^LN-BEG\}/, '')
  const anyCase = NAMED_FIELDS.test(text) || text.includes('%c')
  let regex = withFields(text)
  const flags = /^\(\?[a-z]+\)/.exec(regex)?.[0] ?? ''
  regex = regex.slice(flags.length)
  const openStart = free || /^\(*(?:\^|\(*\*\*|\((?:\?:)?\^)/.test(regex)
  const openEnd = free || /(?<!\\)(?:\$\)?|\\b|\\s|\*\*\)*)$/.test(regex)
  // A plain group of the pattern's own is what is cut out; otherwise all of it is.
  if (!/(?<!\\)\((?!\?)/.test(regex)) regex = regex.replace(/^(\^?)(.*?)(\$?)$/s, '$1($2)$3')
  if (!openStart) regex = `${lineStart ? '^(?:\\W{0,2})?' : '(?=^|\\b|\\W)'}${regex}`
  if (!openEnd) regex += '(?=\\b|\\W|$)'
  regex = regex.replace(/^\(*\(*\*\*/, (stars) => stars.replace('**', '')).replace(/\*\*(?=\)*$)/, '')
  return {
    source: `${anyCase ? '(?i)' : ''}${flags}${regex}`,
    anchored: /^(?:\^|\((?:\?:)?\^(?!\|))/.test(regex),
  }
}

/** A pattern's fields as regexes. Throws RegexError. */
function withFields(pattern: string): string {
  return pattern.replace(/%(%|Ex[A-Za-z]|[\s\S])?/g, (text, field: string | undefined, at: number) => {
    if (field === '%') return '%'
    if (field === undefined || !Object.hasOwn(FIELDS, field))
      throw new RegexError(`${text} is no field of a date`, at)
    return FIELDS[field]!
  })
}
