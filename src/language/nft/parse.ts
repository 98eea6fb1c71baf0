/** Text to syntax tree: drives the generated parser and turns what it fails on into errors that a person understands. */
import { type Diagnostic, MOST_DIAGNOSTICS, suggest } from '../diagnostic.js'
import type { LineNode } from './ast.js'
import { parse as parseGrammar } from './grammar/parser.js'
import { endOfLine, nestingProblem } from './nesting.js'
import { Source } from './source.js'

/** Where the text stands: a whole file, or what is included in a table or in a chain. */
export type Start = 'Script' | 'TableLines' | 'ChainLines'

export interface Parsed {
  readonly source: Source
  readonly lines: readonly LineNode[]
  readonly diagnostics: readonly Diagnostic[]
}

interface Expectation {
  readonly type: 'literal' | 'class' | 'any' | 'end' | 'other'
  readonly text?: string
  readonly description?: string
}

/** Ends the parse: there are errors enough. */
class Enough extends Error {}

/** Reads a text. Lines with errors are left out of the tree, and reported. */
export function parseText(text: string, file: string, start: Start = 'Script'): Parsed {
  const source = new Source(text, file)
  const nesting = nestingProblem(text)
  if (nesting !== undefined) {
    const diagnostic = { position: source.positionOf(nesting.at), message: nesting.message }
    return { source, lines: [], diagnostics: [diagnostic] }
  }
  const diagnostics = new Map<number, Diagnostic>()
  const report = (at: number, expected: readonly Expectation[]) => {
    if (!diagnostics.has(at)) diagnostics.set(at, describe(source, at, expected))
    if (diagnostics.size >= MOST_DIAGNOSTICS) throw new Enough()
  }
  let lines: readonly LineNode[] = []
  try {
    const options = {
      startRule: start,
      comments: source.comments,
      report,
      nesting: { endOfLine: (from: number, failed: number) => endOfLine(text, from, failed) },
    }
    lines = parseGrammar(text, options) as readonly LineNode[]
  } catch (error) {
    if (error instanceof Enough) return { source, lines: [], diagnostics: [...diagnostics.values()] }
    const { expected, location } = error as {
      expected?: readonly Expectation[]
      location?: { start: { offset: number } }
    }
    if (expected === undefined || location === undefined) throw error
    const at = location.start.offset
    if (!diagnostics.has(at)) diagnostics.set(at, describe(source, at, expected))
  }
  return { source, lines, diagnostics: [...diagnostics.values()] }
}

/** Expectations that stand for many words: one of them is enough to know, and its name is said instead. */
const GROUPS: readonly { readonly sign: string; readonly name: string; readonly words: readonly string[] }[] =
  [
    { sign: 'accept', name: 'a statement such as accept, counter or tcp dport 22', words: [] },
    { sign: 'udplite', name: 'an expression such as tcp dport or ip saddr', words: [] },
  ]
const SHOWN = 6
/** Signs that may follow any expression: nobody looks for them in a list. */
const OPERATORS: ReadonlySet<string> = new Set([
  '<<',
  '>>',
  'lshift',
  'rshift',
  '&',
  'and',
  '|',
  'or',
  '^',
  'xor',
  '.',
  '-',
  '/',
  '!',
])
const STATEMENTS = [
  'accept',
  'drop',
  'continue',
  'return',
  'counter',
  'reject',
  'queue',
  'notrack',
  'log',
  'limit',
  'quota',
]

/** A word that is followed by nothing that could make it an expression is meant to be a statement. */
function misspeltStatement(
  source: Source,
  at: number,
  expectations: readonly Expectation[],
): Diagnostic | undefined {
  const [, word = '', rest = ''] = /([a-z]+)([ \t]*)$/.exec(source.text.slice(Math.max(0, at - 40), at)) ?? []
  const operator = expectations.some(({ description }) => description === 'an operator')
  const near = operator && word !== '' ? suggest(word, STATEMENTS) : undefined
  if (near === undefined || near === word) return undefined
  const position = source.positionOf(at - rest.length - word.length)
  return { position, length: word.length, message: `${word} is no statement`, hint: `did you mean ${near}?` }
}

function describe(source: Source, at: number, expectations: readonly Expectation[]): Diagnostic {
  const misspelt = misspeltStatement(source, at, expectations)
  if (misspelt !== undefined) return misspelt
  const found = source.wordAt(at)
  const words = expectations.flatMap(({ type, text = '' }) => (type === 'literal' ? [text] : []))
  const group = GROUPS.find(({ sign }) => words.includes(sign))
  const described = expectations.flatMap(({ type, description = '' }) =>
    type === 'other' && description !== 'space' ? [description] : [],
  )
  const names = words
    .filter((word) => !OPERATORS.has(word) && (group === undefined || !/^[@a-z]/.test(word)))
    .map((word) => `“${word}”`)
  const list = [...new Set([...(group === undefined ? [] : [group.name]), ...described, ...names])]
  const expected = list.length > SHOWN ? [...list.slice(0, SHOWN), 'something else'] : list
  const early = found === 'the end of the line' ? 'the line ends too early' : 'the text ends too early'
  const what = found === '' || found === 'the end of the line' ? early : `unexpected ${found}`
  const message = expected.length === 0 ? what : `${what}: expected ${either(expected)}`
  const near = /^[a-z]/.test(found)
    ? suggest(
        found,
        words.filter((word) => /^[a-z]/.test(word)),
      )
    : undefined
  return {
    position: source.positionOf(at),
    length: Math.max(1, found.length),
    message,
    ...(near === undefined || near === found ? {} : { hint: `did you mean ${near}?` }),
  }
}

function either(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
}
