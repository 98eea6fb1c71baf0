import { RE2JS } from 're2js'
import type { Node } from './ast.js'
import { writeOut } from './conditionals.js'
import { isHazardous } from './hazard.js'
import { type Literals, literalsOf } from './literals.js'
import { parseRegex } from './parse.js'
import { printRegex, type Target, Unprintable } from './print.js'
import { RegexError } from './scanner.js'

/** What a search found: by 0 the whole of it, by others what groups took; where it starts. */
export type Found = ArrayLike<string | null | undefined> & {
  readonly index: number
  /** Where groups start and end, if it was asked for. */
  readonly indices?: ArrayLike<readonly [number, number] | undefined> | undefined
}

export interface RegexOptions {
  /** `^` and `$` match at each line. */
  readonly multiline?: boolean
  /** Where the first group starts and ends can be asked for. */
  readonly span?: boolean
}

/** Something that searches a text. */
type Engine = (text: string) => Found | null

/**
 * A regular expression of Python, ready to search. Expressions whose repetitions a backtracking engine may try again
 * and again are given to RE2 where it can express them. What either takes has to be bounded from outside: see guard.ts.
 */
export class Regex {
  /** Names of groups, each with those that it became: of these the one that took part has the text. */
  readonly names: ReadonlyMap<string, readonly number[]>
  readonly engine: 'javascript' | 're2'
  /** Texts that match have one of these in them; undefined if nothing is known. */
  readonly literals: Literals | undefined
  readonly node: Node
  readonly #wanted: ReadonlySet<number>
  readonly #span: boolean
  readonly #ascii: Engine
  #unicode: Engine | undefined

  /** Throws RegexError. */
  constructor(text: string, { multiline = false, span = false }: RegexOptions = {}) {
    const { node, names } = parseRegex(text, multiline)
    const plain = writeOut(node)
    if (plain === undefined)
      throw new RegexError('a condition on, or reference to, a group of a repetition is not supported', 0)
    this.node = plain
    this.#wanted = new Set(span ? [1, ...names.values()] : names.values())
    this.#span = span
    const re2 = !span && isHazardous(plain) ? this.#tryRe2() : undefined
    this.engine = re2 === undefined ? 'javascript' : 're2'
    this.literals = literalsOf(plain)
    const { engine, groups } = re2 ?? this.#javascript('ascii')
    this.#ascii = engine
    if (re2 !== undefined) this.#unicode = engine
    this.names = new Map([...names].map(([name, index]) => [name, groups.get(index) ?? []]))
  }

  /** The first match in a text; null if there is none. ascii: whether the text has characters of ASCII only. */
  search(text: string, ascii: boolean): Found | null {
    if (ascii) return this.#ascii(text)
    this.#unicode ??= this.#javascript('unicode').engine
    return this.#unicode(text)
  }

  /**
   * Has the engine compile it for such texts, which takes longer than most searches. V8 does so at the second search, and
   * apart for texts that fit into bytes and those that do not.
   */
  prepare(ascii: boolean): void {
    for (const text of ascii ? ['x', 'x'] : ['\xe9', '\xe9', '\u{100}', '\u{100}']) this.search(text, ascii)
  }

  /** What a named group took. */
  group(found: Found, name: string): string | undefined {
    const indexes = this.names.get(name)
    if (indexes === undefined) return undefined
    for (const index of indexes) {
      const text = found[index]
      if (text !== undefined && text !== null) return text
    }
    return undefined
  }

  /** Where the first group starts and ends, or what was found as a whole. */
  span(found: Found): readonly [number, number] {
    return found.indices?.[1] ?? [found.index, found.index + found[0]!.length]
  }

  #javascript(target: Exclude<Target, 're2'>): {
    engine: Engine
    groups: ReadonlyMap<number, readonly number[]>
  } {
    const { source, flags, groups } = printRegex(this.node, target, this.#wanted)
    const regex = new RegExp(source, this.#span ? `${flags}d` : flags)
    return { engine: (text) => regex.exec(text), groups }
  }

  #tryRe2(): { engine: Engine; groups: ReadonlyMap<number, readonly number[]> } | undefined {
    try {
      const { source, flags, groups } = printRegex(this.node, 're2', this.#wanted)
      const regex = RE2JS.compile(source, flags === 'i' ? RE2JS.CASE_INSENSITIVE : 0)
      return { engine: (text) => regex.exec(text) as unknown as Found | null, groups }
    } catch (error) {
      // RE2 counts out repetitions, up to a size.
      if (error instanceof Unprintable || (error as Error).name.startsWith('RE2JS')) return undefined
      throw error
    }
  }
}
