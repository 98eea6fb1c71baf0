import { join } from 'node:path'
import { type Prefix, parsePrefix } from '../../packet/address.js'
import type { Position } from '../../ruleset/model.js'
import { parseZone } from '../dates/zones.js'
import type { Problem } from '../problem.js'
import { readActions } from './actions.js'
import { Configuration, FileCache } from './configuration.js'
import { type Files, localFiles } from './files.js'
import { FilterReader, type FilterSource } from './filter.js'
import { readIncrement } from './increment.js'
import type { Ignored, Jail, LogSource } from './jail.js'
import { Options } from './options.js'
import { Traced } from './traced.js'
import { OptionsError, parseNamed } from './values.js'

export interface LoadedJails {
  /** Those that are enabled and can be run. */
  readonly jails: readonly Jail[]
  /** Names of those that are not enabled. */
  readonly disabled: readonly string[]
  /** All that is wrong, in files that are read or in jails that are enabled. */
  readonly problems: readonly Problem[]
  /** The texts of the files, by their names. */
  readonly texts: ReadonlyMap<string, string>
}

/** Reads the jails of a folder such as /etc/fail2ban. What is wrong is reported; the rest stands. */
export function loadJails(folder: string, files: Files = localFiles): LoadedJails {
  const cache = new FileCache(files)
  const configuration = new Configuration(join(folder, 'jail'), cache)
  const jails: Jail[] = []
  const disabled: string[] = []
  const problems: Problem[] = []
  for (const name of configuration.sections) {
    if (name === 'INCLUDES') continue
    const reader = new JailReader(name, folder, configuration, cache, problems)
    if (!reader.enabled) disabled.push(name)
    else {
      const jail = reader.read()
      if (jail !== undefined) jails.push(jail)
    }
  }
  return { jails, disabled, problems: [...cache.problems, ...problems], texts: cache.texts }
}

class JailReader {
  readonly #name: string
  readonly #folder: string
  readonly #cache: FileCache
  readonly #problems: Problem[]
  readonly #options: Options
  #filter: FilterReader | undefined

  constructor(
    name: string,
    folder: string,
    configuration: Configuration,
    cache: FileCache,
    problems: Problem[],
  ) {
    this.#name = name
    this.#folder = folder
    this.#cache = cache
    this.#problems = problems
    const predefined: Readonly<Record<string, string>> = {
      fail2ban_version: 'portcullis',
      fail2ban_confpath: folder,
    }
    const variables = {
      get: (option: string) => {
        if (option.startsWith('known/')) return this.#filter?.get(option.slice('known/'.length))
        return Object.hasOwn(predefined, option)
          ? Traced.at(predefined[option]!, { file: folder, line: 1, column: 1 })
          : undefined
      },
    }
    this.#options = new Options(configuration, name, variables, problems)
  }

  get enabled(): boolean {
    return this.#options.boolean('enabled', false)
  }

  /** Undefined if it cannot be run; the reason is among the problems. */
  read(): Jail | undefined {
    const position = this.#options.position('enabled')
    const backend = this.#options.text('backend')?.text ?? 'auto'
    this.#filter = this.#openFilter(position, backend)
    if (this.#filter === undefined) return undefined
    const filter = this.#filterOptions(this.#filter)
    const logs = this.#logs()
    const journal = backend.startsWith('systemd') ? this.#journalMatches(filter) : undefined
    if (journal === undefined && logs.length === 0) {
      this.#problem(position, `jail ${this.#name} has no logpath`)
      return undefined
    }
    return {
      name: this.#name,
      position,
      filter,
      logs,
      journal,
      maxRetry: this.#options.count('maxretry', 3),
      findTime: this.#options.span('findtime', 600_000),
      banTime: this.#options.span('bantime', 600_000),
      increment: readIncrement(this.#options, this.#problems),
      ignored: this.#ignored(),
      useDns: this.#useDns(filter),
      encoding: this.#encoding(),
      zone: this.#zone(),
      closed: readActions(this.#options.text('action'), this.#options.text('port'), this.#problems),
      counting: this.#options.choice('counting', ['exact', 'fail2ban'] as const),
      ipv6: Number(this.#options.choice('ipv6', ['128', '64'] as const)),
      dryRun: this.#options.boolean('dryrun', false),
    }
  }

  #openFilter(position: Position, backend: string): FilterReader | undefined {
    const value = this.#options.text('filter')
    if (value === undefined || value.text === '') {
      this.#problem(position, `jail ${this.#name} has no filter`)
      return undefined
    }
    try {
      const { name, options } = parseNamed(value)
      const filter = new FilterReader(join(this.#folder, 'filter.d', name.text), options, this.#cache)
      if (!filter.found) {
        const path = join(this.#folder, 'filter.d', `${name.text}.conf`)
        this.#problem(name.at(0), `there is no filter ${name.text}`, `it would be ${path}`, name.text.length)
        return undefined
      }
      const logType = backend.startsWith('systemd') ? 'journal' : 'file'
      if (!filter.saysLogType) filter.give('logtype', Traced.at(logType, position))
      return filter
    } catch (error) {
      if (!(error instanceof OptionsError)) throw error
      this.#problem(value.at(error.offset), error.message)
      return undefined
    }
  }

  /** The filter's options, those that the jail gives first. */
  #filterOptions(filter: FilterReader): FilterSource {
    const source = filter.read(this.#problems)
    const options = new Map(source.options)
    for (const option of [
      'failregex',
      'ignoreregex',
      'prefregex',
      'maxlines',
      'datepattern',
      'journalmatch',
    ] as const) {
      const own = this.#options.text(option)
      if (own !== undefined) options.set(option, own)
    }
    return { name: source.name, options }
  }

  #logs(): LogSource[] {
    const value = this.#options.text('logpath')
    return (value?.lines() ?? []).map((line) => {
      const [, pattern = line.text, end] = /^(.*?)(?:\s+(tail|head))?$/s.exec(line.text) ?? []
      return { pattern, tail: end === 'tail', position: line.at(0) }
    })
  }

  /** Matches of the journal: those between + are alternatives. */
  #journalMatches(filter: FilterSource): string[][] {
    const lines = filter.options.get('journalmatch')?.lines() ?? []
    return lines.flatMap(({ text }) =>
      text.split(/\s\+\s/).map((part) => part.split(/\s+/).filter((word) => word !== '')),
    )
  }

  #ignored(): Ignored {
    const prefixes: Prefix[] = []
    const names: string[] = []
    for (const line of this.#options.text('ignoreip')?.lines() ?? []) {
      for (const word of line.text.matchAll(/[^\s,]+/g)) {
        const prefix = parsePrefix(word[0].replace(/^\[(.*)\]/, '$1'))
        if (prefix !== undefined) prefixes.push(prefix)
        else if (/^[\w.-]*[a-z_][\w.-]*$/i.test(word[0])) names.push(word[0])
        else
          this.#problem(
            line.at(word.index),
            `${word[0]} is no address, prefix or name`,
            undefined,
            word[0].length,
          )
      }
    }
    const command = this.#options.text('ignorecommand')
    if (command !== undefined && command.text.trim() !== '')
      this.#problems.push({
        position: this.#options.position('ignorecommand'),
        severity: 'warning',
        message: 'ignorecommand is left aside: Portcullis starts no commands for log lines',
        hint: 'name the addresses in ignoreip',
      })
    return { prefixes, names, self: this.#options.boolean('ignoreself', true) }
  }

  #useDns(filter: FilterSource): 'yes' | 'no' {
    const value = this.#options.text('usedns') ?? filter.options.get('usedns')
    return value !== undefined && /^(?:yes|warn|true)$/i.test(value.text) ? 'yes' : 'no'
  }

  #encoding(): string {
    const value = this.#options.text('logencoding')
    if (value === undefined || value.text === 'auto' || value.text === '') return 'utf-8'
    try {
      return new TextDecoder(value.text).encoding
    } catch {
      this.#problem(
        value.at(0),
        `there is no encoding ${value.text}`,
        'logs are read as UTF-8',
        value.text.length,
      )
      return 'utf-8'
    }
  }

  #zone(): number | undefined {
    const value = this.#options.text('logtimezone')
    if (value === undefined || value.text === '') return undefined
    const zone = parseZone(value.text)
    if (zone === undefined)
      this.#problem(
        value.at(0),
        `there is no time zone ${value.text}`,
        'write UTC+0200 or CET',
        value.text.length,
      )
    return zone
  }

  #problem(position: Position, message: string, hint?: string, length = 1): void {
    this.#problems.push({ position, length, message, ...(hint !== undefined && { hint }) })
  }
}
