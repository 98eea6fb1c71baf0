import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import type { z } from 'zod'
import type { Position } from '../ruleset/model.js'
import { type Diagnostic, inOrder, LanguageError, lineOf, suggest } from './diagnostic.js'

/** UTF-16 units that a file may have, and aliases that it may use. */
const MAXIMUM_LENGTH = 2 ** 20
const MAXIMUM_ALIASES = 100

/** A way down a document: keys of mappings and indexes of lists. */
export type Path = readonly PropertyKey[]

/** What a file is to look like. */
export interface Shape<T> {
  readonly schema: z.ZodType<T>
  /** The keys that there are at a path. */
  readonly keys: (path: Path) => readonly string[]
  /** What to write where a section is missing. */
  readonly remedy: (section: string) => string
}

/** A file of YAML that was read: its data, and where each of them stands. */
export class YamlSource<T> {
  readonly file: string
  readonly text: string
  readonly data: T
  readonly #shape: Shape<T>
  readonly #sections: ReadonlySet<string>
  readonly #locate: (path: Path) => { position: Position; length: number }

  /** Reads the text of a file. Throws LanguageError with everything that is wrong with its shape. */
  constructor(text: string, file: string, shape: Shape<T>) {
    this.#shape = shape
    this.file = file
    this.text = text
    const start = { file, line: 1, column: 1 }
    if (text.length > MAXIMUM_LENGTH)
      throw new LanguageError(
        [{ position: start, message: `a file of YAML has at most ${MAXIMUM_LENGTH} characters` }],
        '',
      )
    const lines = new LineCounter()
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
    const positionAt = (offset: number): Position => {
      const { line, col } = lines.linePos(offset)
      return { file, line: Math.max(1, line), column: Math.max(1, col) }
    }
    const faults = [...document.errors, ...document.warnings]
    if (faults.length > 0) {
      throw new LanguageError(
        faults.map(({ pos, message }) => ({ position: positionAt(pos[0]), message: yamlMessage(message) })),
        text,
      )
    }
    this.#locate = (path) => {
      const node = nodeAt(document.contents, path)
      const [from, to] = node?.range ?? [0, 1]
      const end = text.indexOf('\n', from)
      return { position: positionAt(from), length: Math.max(1, Math.min(to, end < 0 ? to : end) - from) }
    }
    let data: unknown
    try {
      data = document.toJS({ maxAliasCount: MAXIMUM_ALIASES })
    } catch {
      throw new LanguageError([{ position: start, message: 'the file uses too many YAML aliases' }], text)
    }
    this.#sections = new Set(Object.keys(data ?? {}))
    this.data = this.#validate(data)
  }

  /** Where the value at a path stands. */
  positionOf(path: Path): Position {
    return this.#locate(path).position
  }

  /** A diagnostic about the value at a path. */
  diagnostic(path: Path, message: string, hint?: string): Diagnostic {
    return { ...this.#locate(path), message, ...(hint === undefined ? {} : { hint }) }
  }

  /**
   * A diagnostic about a part of the string at a path, of which it stands there as it is; of others, about the whole. Start
   * and end: UTF-16 units of the string.
   */
  diagnosticWithin(
    path: Path,
    { start, end }: { start: number; end: number },
    message: string,
    hint: string,
  ): Diagnostic {
    const { position, length } = this.#locate(path)
    const written = lineOf(this.text, position.line)!.slice(position.column - 1)
    const quote = /^["']/.test(written) ? 1 : 0
    const value = this.#valueAt(path)
    if (!written.startsWith(value, quote)) return { position, length, message, hint }
    const column = position.column + quote + start
    return { position: { ...position, column }, length: end - start, message, hint }
  }

  #valueAt(path: Path): string {
    return String(path.reduce<unknown>((data, key) => (data as Record<PropertyKey, unknown>)[key], this.data))
  }

  #validate(data: unknown): T {
    const result = this.#shape.schema.safeParse(data)
    if (result.success) return result.data
    throw new LanguageError(inOrder(result.error.issues.flatMap((issue) => this.#describe(issue))), this.text)
  }

  #describe(issue: z.core.$ZodIssue): Diagnostic[] {
    const inner = issue.code === 'invalid_union' ? deepest(issue) : undefined
    if (inner !== undefined) {
      const path = [...issue.path, ...inner.path]
      return this.#describe({ ...inner, path })
    }
    if (issue.code === 'unrecognized_keys') {
      const known = this.#shape.keys(issue.path)
      return issue.keys.map((key) => {
        const near = suggest(key, known)
        const hint = near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${near}?`
        return this.diagnostic([...issue.path, key, KEY], `${key} is not known here`, hint)
      })
    }
    const [section] = issue.path
    if (issue.path.length === 1 && !this.#sections.has(String(section))) {
      return [this.diagnostic([], `${String(section)} is missing`, this.#shape.remedy(String(section)))]
    }
    return [this.diagnostic(issue.path, issue.message)]
  }
}

/** At the end of a path: the key itself, not its value. */
const KEY = Symbol('key')

/** Of the ways in which a union can fail, the issue of the one that came furthest into the data. */
function deepest(issue: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue | undefined {
  const issues = issue.errors
    .flat()
    .filter(({ path, code }) => path.length > 0 || code === 'unrecognized_keys')
  return issues.sort((a, b) => b.path.length - a.path.length)[0]
}

function nodeAt(root: Node | null, path: Path): Node | null {
  let node: unknown = root
  for (const [i, step] of path.entries()) {
    if (path[i + 1] === KEY && isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      return (pair?.key as Node | undefined) ?? (node as Node)
    }
    const child = (node as { get?: (key: PropertyKey, keepScalar: true) => unknown } | null)?.get?.(
      step,
      true,
    )
    if (child === undefined || child === null) break
    node = child
  }
  return node as Node | null
}

function yamlMessage(message: string): string {
  return `not readable as YAML: ${message.split('\n')[0]!.replace(/ at line \d+.*$/, '')}`
}
