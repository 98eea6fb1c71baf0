import type { Position } from '../ruleset/model.js'

/** Something wrong in a text: where, what, and what would be right. */
export interface Diagnostic {
  readonly position: Position
  /** UTF-16 units from the position on that it is about; at least 1. */
  readonly length?: number
  readonly message: string
  readonly hint?: string
  /** A warning is worth knowing, and nothing is refused for it. */
  readonly severity?: 'warning'
}

/** Diagnostics about one text in the order of their places. */
export function inOrder(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.toSorted(
    (a, b) => a.position.line - b.position.line || a.position.column - b.position.column,
  )
}

/** A text that cannot be used. Says everything that is wrong with it; its message is made for people. */
export class LanguageError extends Error {
  readonly diagnostics: readonly Diagnostic[]

  constructor(diagnostics: readonly Diagnostic[], texts: Texts) {
    super(formatDiagnostics(diagnostics, texts))
    this.name = 'LanguageError'
    this.diagnostics = diagnostics
  }
}

/** A text, or several by their files' names. */
export type Texts = string | ReadonlyMap<string, string>

/** How many diagnostics are shown, and how many units of a line. */
export const MOST_DIAGNOSTICS = 10
const LINE_WIDTH = 160

/** Diagnostics as compilers print them: file:line:column, the line, a caret under the span, the hint. */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], texts: Texts): string {
  const shown = diagnostics.slice(0, MOST_DIAGNOSTICS).map((diagnostic) => {
    const { file, line } = diagnostic.position
    return format(diagnostic, lineOf(typeof texts === 'string' ? texts : (texts.get(file) ?? ''), line))
  })
  const more = diagnostics.length - shown.length
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('\n')
}

/** A line of a text, counted from 1; undefined if there is none. */
export function lineOf(text: string, line: number): string | undefined {
  let start = 0
  for (let i = 1; i < line; i++) {
    start = text.indexOf('\n', start) + 1
    if (start === 0) return undefined
  }
  const end = text.indexOf('\n', start)
  return text.slice(start, end < 0 ? undefined : end).replace(/\r$/, '')
}

function format(
  { position, length = 1, message, hint, severity }: Diagnostic,
  source: string | undefined,
): string {
  const { file, line, column } = position
  const out = [`${file}:${line}:${column}: ${severity ?? 'error'}: ${message}`]
  if (source !== undefined) {
    const start = Math.max(0, column - LINE_WIDTH / 2)
    const visible = source.slice(start, start + LINE_WIDTH).replaceAll('\t', ' ')
    const carets = Math.max(1, Math.min(length, visible.length - (column - 1 - start)))
    const gutter = ' '.repeat(String(line).length)
    out.push(` ${line} | ${visible}`, ` ${gutter} | ${' '.repeat(column - 1 - start)}${'^'.repeat(carets)}`)
  }
  if (hint !== undefined) out.push(`   ${hint}`)
  return out.join('\n')
}

/** The known word that a misspelt one most likely meant, if one is near. */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.min(3, Math.ceil(word.length / 2))
  for (const candidate of known) {
    const distance = editDistance(word.slice(0, 64), candidate)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
