import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import type { z } from 'zod'
import type { Position } from '../../ruleset/model.js'
import { type Diagnostic, inOrder, LanguageError, suggest } from '../diagnostic.js'
import { bansShape, jailShape, type Policy, policySchema } from './schema.js'

/** UTF-16 units that a policy file may have, and aliases that it may use. */
const MAXIMUM_LENGTH = 2 ** 20
const MAXIMUM_ALIASES = 100

/** A way down a document: keys of mappings and indexes of lists. */
export type Path = readonly PropertyKey[]

/** A policy file that was read: its data, and where each of them stands. */
export class PolicySource {
  readonly file: string
  readonly text: string
  readonly policy: Policy
  readonly #sections: ReadonlySet<string>
  readonly #locate: (path: Path) => { position: Position; length: number }

  /** Reads the text of a policy file. Throws LanguageError with everything that is wrong with its shape. */
  constructor(text: string, file: string) {
    this.file = file
    this.text = text
    const start = { file, line: 1, column: 1 }
    if (text.length > MAXIMUM_LENGTH)
      throw new LanguageError(
        [{ position: start, message: `a policy file has at most ${MAXIMUM_LENGTH} characters` }],
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
    this.policy = this.#validate(data)
  }

  /** Where the value at a path stands. */
  positionOf(path: Path): Position {
    return this.#locate(path).position
  }

  /** A diagnostic about the value at a path. */
  diagnostic(path: Path, message: string, hint?: string): Diagnostic {
    return { ...this.#locate(path), message, ...(hint === undefined ? {} : { hint }) }
  }

  #validate(data: unknown): Policy {
    const result = policySchema.safeParse(data)
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
      const known = knownKeys(issue.path)
      return issue.keys.map((key) => {
        const near = suggest(key, known)
        const hint = near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${near}?`
        return this.diagnostic([...issue.path, key, KEY], `${key} is not known here`, hint)
      })
    }
    const [section] = issue.path
    if (issue.path.length === 1 && !this.#sections.has(String(section))) {
      return [
        this.diagnostic(
          [],
          `${String(section)} is missing`,
          `list what is allowed under ${String(section)}:, or write ${String(section)}: any`,
        ),
      ]
    }
    return [this.diagnostic(issue.path, issue.message)]
  }
}

/** At the end of a path: the key itself, not its value. */
const KEY = Symbol('key')

function knownKeys(path: Path): string[] {
  if (path.length === 0) return Object.keys(policySchema.shape)
  if (path[0] === 'bans') return Object.keys(path.length === 1 ? bansShape : jailShape)
  if (path.at(-1) === 'limit') return ['rate', 'strict', 'sources', 'ipv4', 'ipv6']
  return ['allow', 'deny', 'port', 'from', 'to', 'interface', 'limit']
}

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
