import type { Position } from '../../ruleset/model.js'
import type { Problem } from '../problem.js'
import { type Configuration, UnresolvedError, type Variables } from './configuration.js'
import type { Traced } from './traced.js'
import { parseBoolean, parseSpan } from './values.js'

/** The options of one section, each as what it is meant to be; what is not is reported, and the default taken. */
export class Options {
  readonly #configuration: Configuration
  readonly #section: string
  readonly #variables: Variables
  readonly #problems: Problem[]

  constructor(configuration: Configuration, section: string, variables: Variables, problems: Problem[]) {
    this.#configuration = configuration
    this.#section = section
    this.#variables = variables
    this.#problems = problems
  }

  /** Undefined if it is not there or cannot be resolved. */
  text(option: string): Traced | undefined {
    try {
      return this.#configuration.get(this.#section, option, this.#variables)
    } catch (error) {
      if (!(error instanceof UnresolvedError)) throw error
      this.#problems.push(error.problem)
      return undefined
    }
  }

  boolean(option: string, otherwise: boolean): boolean {
    return this.#parsed(option, parseBoolean, 'yes or no') ?? otherwise
  }

  /** Milliseconds; Infinity if it is for good. */
  span(option: string, otherwise: number): number {
    return this.#parsed(option, parseSpan, 'a time such as 600, 10m or 1d 3h') ?? otherwise
  }

  /** A whole number from 1 on. */
  count(option: string, otherwise: number): number {
    const parse = (text: string) => (/^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined)
    return this.#parsed(option, parse, 'a number, 1 or more') ?? otherwise
  }

  number(option: string, otherwise: number): number {
    const parse = (text: string) => (/^\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined)
    return this.#parsed(option, parse, 'a number') ?? otherwise
  }

  /** One of some words; the first if the option is not there. */
  choice<const T extends string>(option: string, words: readonly [T, ...T[]]): T {
    const parse = (text: string) => words.find((word) => word === text)
    return this.#parsed(option, parse, words.join(' or ')) ?? words[0]
  }

  /** Where an option was written, or the section's first one. */
  position(option: string): Position {
    const options = [option, ...this.#configuration.options(this.#section)]
    const written = options.map((name) => this.#configuration.own(this.#section, name))
    return written.find((value) => value !== undefined)?.at(0) ?? { file: '', line: 1, column: 1 }
  }

  #parsed<T>(option: string, parse: (text: string) => T | undefined, expected: string): T | undefined {
    const value = this.text(option)
    if (value === undefined || value.text.trim() === '') return undefined
    const parsed = parse(value.text.trim())
    if (parsed === undefined)
      this.#problems.push({
        position: value.at(0),
        length: Math.max(1, value.text.length),
        message: `${option} is ${expected}, not ${value.text}`,
      })
    return parsed
  }
}
