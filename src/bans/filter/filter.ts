import type { FilterSource } from '../config/filter.js'
import type { Traced } from '../config/traced.js'
import { DateDetector } from '../dates/detector.js'
import type { Problem } from '../problem.js'
import { anyOf, better, type Literals } from '../regex/literals.js'
import { type Found, Regex } from '../regex/regex.js'
import { RegexError } from '../regex/scanner.js'
import { expandTags, IDENTIFYING } from './tags.js'

/** Lines that a filter may look at together. */
const MOST_LINES = 100

/** What the groups of a match took, by name. */
export type Groups = Readonly<Record<string, string>>

/** A line, or some lines, that a filter is about. */
export interface Hit {
  /** Which failregex it was, from 0. */
  readonly rule: number
  readonly groups: Groups
  /** Where the match starts and ends in the text that was searched. */
  readonly start: number
  readonly end: number
}

/** A regex of a filter, and where it was written. */
export interface Rule {
  readonly regex: Regex
  readonly source: Traced
}

export interface FilterOptions {
  /** Whether <HOST> may be a name. */
  readonly names: boolean
  /** Minutes east of UTC of dates that say no zone; undefined: the machine's. */
  readonly zone: number | undefined
}

/** A filter, ready to look at lines. It keeps nothing of them. */
export class Filter {
  readonly name: string
  readonly rules: readonly Rule[]
  readonly maxLines: number
  /** What finds the dates of its lines; filters with the same key find the same. */
  readonly datePatterns: readonly string[]
  readonly zone: number | undefined
  /** Literals in lower case: texts that have none of them cannot match. Undefined: nothing is known. */
  readonly literals: Literals | undefined
  readonly #prefilter: Rule | undefined
  readonly #ignored: readonly Rule[]

  private constructor(
    name: string,
    rules: readonly Rule[],
    prefilter: Rule | undefined,
    ignored: readonly Rule[],
    maxLines: number,
    datePatterns: readonly string[],
    zone: number | undefined,
  ) {
    this.name = name
    this.rules = rules
    this.#prefilter = prefilter
    this.#ignored = ignored
    this.maxLines = maxLines
    this.datePatterns = datePatterns
    this.zone = zone
    const own = anyOf(rules.map(({ regex }) => regex.literals))
    this.literals = better(own, prefilter?.regex.literals)
  }

  /**
   * Makes a filter of what its files say. What is wrong in it is reported and left out; undefined if nothing is left
   * that could match.
   */
  static compile(source: FilterSource, options: FilterOptions, problems: Problem[]): Filter | undefined {
    const maxLines = maxLinesOf(source.options.get('maxlines'), problems)
    const compile = (text: Traced) => compileRule(text, options.names, maxLines > 1, problems)
    const prefix = source.options.get('prefregex')
    const prefilter = prefix === undefined || prefix.text.trim() === '' ? undefined : compile(prefix)
    // A prefilter says what lines are meant: without it the rest would match others.
    if (prefix !== undefined && prefix.text.trim() !== '' && prefilter === undefined) return undefined
    const identified = prefilter !== undefined && identifies(prefilter.regex)
    const rules = linesOf(source.options.get('failregex')).flatMap((text) => {
      const rule = compile(text)
      if (rule === undefined) return []
      if (identified || identifies(rule.regex)) return [rule]
      problems.push({
        position: text.at(0),
        length: text.text.length,
        message: 'this failregex says nowhere whom to ban',
        hint: 'put <HOST> (or <ADDR>, <F-ID>…) where the address stands; it is left out',
      })
      return []
    })
    if (rules.length === 0) return undefined
    const ignored = linesOf(source.options.get('ignoreregex')).flatMap((text) => compile(text) ?? [])
    const patterns = datePatternsOf(source.options.get('datepattern'), problems)
    return new Filter(source.name, rules, prefilter, ignored, maxLines, patterns, options.zone)
  }

  /** A detector of its dates; it remembers what fitted last. */
  detector(): DateDetector {
    return new DateDetector(this.datePatterns, this.zone)
  }

  /** Has its regexes compiled for such texts. */
  prepare(ascii: boolean): void {
    const all = [...this.rules, ...this.#ignored, ...(this.#prefilter === undefined ? [] : [this.#prefilter])]
    for (const { regex } of all) regex.prepare(ascii)
  }

  /** What a text says: a line with its date cut out, or several, each with its line feed. ascii: it has no others. */
  match(text: string, ascii: boolean): Hit | undefined {
    const ignored = this.#ignored.length > 0
    if (ignored && this.#ignored.length < this.rules.length - 2 && this.#ignores(text, ascii))
      return undefined
    let searched = text
    let before: Groups = {}
    if (this.#prefilter !== undefined) {
      const found = this.#prefilter.regex.search(text, ascii)
      if (found === null) return undefined
      const { content, ...groups } = groupsOf(this.#prefilter.regex, found)
      before = groups
      if (content !== undefined && content !== '') searched = `${content}\n`
    }
    for (const [rule, { regex }] of this.rules.entries()) {
      const found = regex.search(searched, ascii)
      if (found === null) continue
      const start = searched === text ? found.index : 0
      const end = searched === text ? start + found[0]!.length : text.length
      if (ignored && this.#ignores(this.maxLines > 1 ? linesAround(text, start, end) : searched, ascii))
        return undefined
      return { rule, groups: { ...before, ...groupsOf(regex, found) }, start, end }
    }
    return undefined
  }

  #ignores(text: string, ascii: boolean): boolean {
    return this.#ignored.some(({ regex }) => regex.search(text, ascii) !== null)
  }
}

/** The whole lines that a part of a text is in. */
function linesAround(text: string, start: number, end: number): string {
  const from = text.lastIndexOf('\n', start - 1) + 1
  const to = text.indexOf('\n', Math.max(start, end - 1))
  return text.slice(from, to < 0 ? undefined : to + 1)
}

function linesOf(value: Traced | undefined): Traced[] {
  return value?.lines() ?? []
}

function identifies(regex: Regex): boolean {
  return IDENTIFYING.some((group) => regex.names.has(group))
}

function compileRule(
  text: Traced,
  names: boolean,
  multiline: boolean,
  problems: Problem[],
): Rule | undefined {
  const expanded = expandTags(text, names)
  try {
    return { regex: new Regex(expanded.text, { multiline }), source: text }
  } catch (error) {
    if (!(error instanceof RegexError)) throw error
    problems.push({ position: expanded.at(error.offset), message: `in a regex: ${error.message}` })
    return undefined
  }
}

function maxLinesOf(value: Traced | undefined, problems: Problem[]): number {
  if (value === undefined || value.text.trim() === '') return 1
  const lines = Number(value.text)
  if (Number.isInteger(lines) && lines >= 1 && lines <= MOST_LINES) return lines
  problems.push({ position: value.at(0), message: `maxlines is a number, 1 to ${MOST_LINES}` })
  return 1
}

function datePatternsOf(value: Traced | undefined, problems: Problem[]): string[] {
  return linesOf(value).flatMap((line) => {
    try {
      new DateDetector([line.text], undefined)
      return [line.text]
    } catch (error) {
      if (!(error instanceof RegexError)) throw error
      problems.push({
        position: line.at(0),
        length: line.text.length,
        message: `in datepattern: ${error.message}`,
        hint: 'write %% for a percent sign',
      })
      return []
    }
  })
}

/** The groups that took part, by name; `alt_x` and the like as x where x itself took nothing. */
function groupsOf(regex: Regex, found: Found): Record<string, string> {
  const groups: Record<string, string> = {}
  const others: [string, string][] = []
  for (const name of regex.names.keys()) {
    const text = regex.group(found, name)
    if (text === undefined) continue
    groups[name] = text
    if (name.startsWith('alt_') || name.startsWith('tuple_')) others.push([name, text])
  }
  for (const [name, text] of others.sort()) {
    const target = name.replace(/^(?:alt|tuple)_(.*?)(?:_\d+)?$/, '$1')
    const key = { id: 'fid', port: 'fport' }[target] ?? target
    const known = groups[key]
    if (name.startsWith('tuple_')) groups[key] = known === undefined ? text : `${known}, ${text}`
    else if ((known === undefined || known === '') && text !== '') groups[key] = text
  }
  return groups
}
