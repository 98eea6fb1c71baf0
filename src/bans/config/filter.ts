import { basename } from 'node:path'
import type { Problem } from '../problem.js'
import { Configuration, type FileCache, UnresolvedError } from './configuration.js'
import type { Section } from './ini.js'
import { replaceTags } from './tags.js'
import type { Traced } from './traced.js'

/** The options of a filter that say what it does; a jail may give them too. */
const FILTER_OPTIONS = [
  'usedns',
  'prefregex',
  'failregex',
  'ignoreregex',
  'maxlines',
  'datepattern',
  'journalmatch',
] as const

export type FilterOption = (typeof FILTER_OPTIONS)[number]

/** What a filter's files say, with everything put in but the tags that stand for parts of a regex. */
export interface FilterSource {
  readonly name: string
  readonly options: ReadonlyMap<FilterOption, Traced>
}

/** A filter's files with what a jail gives to it. */
export class FilterReader {
  readonly name: string
  readonly #configuration: Configuration
  /** What the jail gives in brackets, which goes before all else. */
  readonly #given: Section
  readonly #combined = new Map<string, Traced | undefined>()

  /** base: the path of its files, without an ending. */
  constructor(base: string, given: Section, cache: FileCache) {
    this.name = basename(base)
    this.#given = given
    this.#configuration = new Configuration(base, cache)
  }

  /** Whether there are such files. */
  get found(): boolean {
    return this.#configuration.files.length > 0
  }

  /** Whether the filter's own files say what kind of log it reads. */
  get saysLogType(): boolean {
    return this.#given.has('logtype') || this.#configuration.own('Definition', 'logtype') !== undefined
  }

  /** Gives an option that the jail did not give. */
  give(name: string, value: Traced): void {
    this.#given.set(name, value)
  }

  /** An option with everything put in. Throws UnresolvedError. */
  get(option: string): Traced | undefined {
    const value = this.#lookup(option)
    return value && replaceTags(value, (tag) => (tag === option ? undefined : this.#lookup(tag)))
  }

  /** All of it. What cannot be resolved is reported and left out. */
  read(problems: Problem[]): FilterSource {
    const options = new Map<FilterOption, Traced>()
    for (const option of FILTER_OPTIONS) {
      try {
        const value = this.get(option)
        if (value !== undefined) options.set(option, value)
      } catch (error) {
        if (!(error instanceof UnresolvedError)) throw error
        problems.push(error.problem)
      }
    }
    return { name: this.name, options }
  }

  #lookup(option: string): Traced | undefined {
    if (!this.#combined.has(option)) this.#combined.set(option, this.#find(option))
    return this.#combined.get(option)
  }

  #find(option: string): Traced | undefined {
    const given = this.#given.get(option)
    if (given !== undefined) return given
    const init = option.startsWith('known/') ? option.slice('known/'.length) : option
    if (this.#configuration.own('Init', init) !== undefined)
      return this.#configuration.get('Init', init, option === init ? this.#given : undefined)
    return (
      this.#configuration.get('Definition', option, this.#given) ??
      (option === init ? undefined : this.#configuration.get('Definition', init, this.#given))
    )
  }
}
