import { dirname, isAbsolute, join } from 'node:path'
import type { Problem } from '../problem.js'
import type { Files } from './files.js'
import { type Ini, parseIni, type Section } from './ini.js'
import { Traced } from './traced.js'

/** How deep %(…)s may stand within each other, as in Python; how many files include each other; how long a value gets. */
const DEEPEST = 10
const MOST_INCLUDES = 64
export const LONGEST_VALUE = 2 ** 18

/** Options that are known beside those of the files. */
export interface Variables {
  get(option: string): Traced | undefined
}

/** An interpolation or tag that cannot be resolved, with its place. */
export class UnresolvedError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.message)
    this.problem = problem
  }
}

/** Files that were read once, for all that include them, and what was wrong in them. */
export class FileCache {
  readonly #files: Files
  readonly #read = new Map<string, Ini | undefined>()
  readonly problems: Problem[] = []
  /** The texts of files, by their names, to show places in them. */
  readonly texts = new Map<string, string>()

  constructor(files: Files) {
    this.#files = files
  }

  list(folder: string, ending: string): readonly string[] {
    return this.#files.list(folder, ending)
  }

  get(path: string): Ini | undefined {
    if (this.#read.has(path)) return this.#read.get(path)
    const text = this.#files.read(path)
    const ini = text === undefined ? undefined : parseIni(text, path)
    if (text !== undefined) this.texts.set(path, text)
    this.#read.set(path, ini)
    this.problems.push(...(ini?.problems ?? []))
    return ini
  }
}

/**
 * What the files of one name say together: NAME.conf, NAME.d/*.conf, NAME.local, NAME.d/*.local, each with what it
 * includes before and after itself. Of an option the last one counts; the one before it is its `known/`.
 */
export class Configuration {
  readonly defaults: Section = new Map()
  readonly #sections = new Map<string, Section>()
  readonly #known = new Map<string, Section>()
  /** The files that it was read from, in their order. */
  readonly files: string[] = []

  /** base: the path without an ending. */
  constructor(base: string, cache: FileCache) {
    const paths = [
      `${base}.conf`,
      ...cache.list(`${base}.d`, '.conf'),
      `${base}.local`,
      ...cache.list(`${base}.d`, '.local'),
    ]
    for (const path of paths) this.#include(path, [], cache)
    for (const path of this.files) this.#merge(cache.get(path)!)
  }

  get sections(): readonly string[] {
    return [...this.#sections.keys()]
  }

  /** An option's own text, not interpolated; not looked for among the defaults. */
  own(section: string, option: string): Traced | undefined {
    return this.#sections.get(section)?.get(option)
  }

  /** The names of a section's own options. */
  options(section: string): readonly string[] {
    return [...(this.#sections.get(section)?.keys() ?? [])]
  }

  /**
   * An option's value: of the variables, the section or the defaults, the first that has it. Throws UnresolvedError.
   * `option` may be known/NAME or SECTION/NAME.
   */
  get(section: string, option: string, variables?: Variables): Traced | undefined {
    const given = variables?.get(option)
    if (given !== undefined) return given
    const raw = this.#raw(section, option)
    return raw && this.#interpolate(raw, section, variables, 0)
  }

  #raw(section: string, option: string): Traced | undefined {
    const path = /^([\w-]+)\/(.+)$/s.exec(option)
    if (path === null) return this.own(section, option) ?? this.defaults.get(option)
    const [, from = '', name = ''] = path
    if (from.toLowerCase() === 'known') return this.#known.get(section)?.get(name) ?? this.defaults.get(name)
    if (from.toLowerCase() === 'default') return this.defaults.get(name)
    return this.own(from, name) ?? this.defaults.get(name)
  }

  #interpolate(value: Traced, section: string, variables: Variables | undefined, depth: number): Traced {
    if (!value.text.includes('%')) return value
    const parts: Traced[] = []
    let from = 0
    let length = 0
    const add = (part: Traced) => {
      length += part.text.length
      if (length > LONGEST_VALUE) throw unresolved(value, 0, 1, 'the value becomes too long')
      parts.push(part)
    }
    for (let at = value.text.indexOf('%'); at >= 0; at = value.text.indexOf('%', from)) {
      add(value.slice(from, at))
      const reference = /^%\(([^)]+)\)s/.exec(value.text.slice(at, at + 256))
      if (value.text[at + 1] === '%') {
        add(value.slice(at, at + 1))
        from = at + 2
      } else if (reference === null) {
        throw unresolved(value, at, 1, 'a % is written %%, or belongs to %(name)s')
      } else {
        const name = reference[1]!.toLowerCase()
        from = at + reference[0].length
        if (depth === DEEPEST)
          throw unresolved(
            value,
            at,
            reference[0].length,
            `${reference[0]} leads on too deep: does it name itself?`,
          )
        const given = name === '__name__' ? Traced.at(section, value.at(at)) : variables?.get(name)
        const found = given ?? this.#raw(section, name)
        if (found === undefined)
          throw unresolved(value, at, reference[0].length, `there is no option ${name} for ${reference[0]}`)
        add(given ?? this.#interpolate(found, section, variables, depth + 1))
      }
    }
    add(value.slice(from))
    return Traced.join(parts)
  }

  #include(path: string, within: readonly string[], cache: FileCache): void {
    if (within.includes(path) || this.files.length >= MOST_INCLUDES) return
    const ini = cache.get(path)
    if (ini === undefined) return
    const includes = (option: string) => {
      for (const { text } of ini.sections.get('INCLUDES')?.get(option)?.lines() ?? []) {
        const included = isAbsolute(text) ? text : join(dirname(path), text)
        this.#include(included, [...within, path], cache)
        this.#include(included.replace(/\.[^./]*$/, '.local'), [...within, path, included], cache)
      }
    }
    includes('before')
    this.files.push(path)
    includes('after')
  }

  #merge(ini: Ini): void {
    for (const [header, options] of ini.sections) {
      if (header === 'DEFAULT') {
        for (const [name, value] of options) this.defaults.set(name, value)
        continue
      }
      const conditional = /^(\w+)(\?.+)$/.exec(header)
      const section = conditional?.[1] ?? header
      const suffix = conditional?.[2] ?? ''
      const merged = this.#sections.get(section) ?? new Map<string, Traced>()
      const known = this.#known.get(section) ?? new Map<string, Traced>()
      for (const [option, value] of options) {
        const name = option + suffix
        const before = merged.get(name)
        if (before !== undefined) known.set(name, before)
        merged.set(name, value)
      }
      this.#sections.set(section, merged)
      this.#known.set(section, known)
    }
  }
}

function unresolved(value: Traced, at: number, length: number, message: string): UnresolvedError {
  return new UnresolvedError({ position: value.at(at), length, message })
}
