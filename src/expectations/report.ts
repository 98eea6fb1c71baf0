/** What became of expectations: in lines for people, and as TAP (version 14, testanything.org). */
import type { Report, Result } from './run.js'
import type { Suite } from './suite.js'

/** Columns that texts are padded to at most. */
const WIDEST = 56

export function failuresOf(reports: readonly Report[]): number {
  return reports.reduce((sum, { results }) => sum + results.filter(({ ok }) => !ok).length, 0)
}

/** A line for each expectation, with who decided; what is otherwise below it. */
export function readable(reports: readonly Report[]): string {
  const lines = reports.flatMap(({ suite, results }) => {
    const width = Math.min(WIDEST, Math.max(...results.map(({ expectation }) => expectation.text.length)))
    const lineWidth = String(Math.max(...results.map(({ expectation }) => expectation.position.line))).length
    return [
      suite.file === suite.policy ? suite.file : `${suite.file}, of ${suite.policy}`,
      ...results.flatMap((result) => {
        const { expectation, ok, deciders } = result
        const line = String(expectation.position.line).padStart(lineWidth)
        const head = `  ${ok ? 'ok    ' : 'FAILED'} ${line}  ${expectation.text.padEnd(width)}  ${ok ? deciders.join(', ') : ''}`
        return [head.trimEnd(), ...details(suite, result).map((detail) => `           ${detail}`)]
      }),
    ]
  })
  const all = reports.reduce((sum, { results }) => sum + results.length, 0)
  const failed = failuresOf(reports)
  return `${[...lines, '', `${all - failed} as expected, ${failed} not`].join('\n')}\n`
}

/** What is otherwise than expected, and how to see why. */
function details({ policy }: Suite, { message, packet }: Result): string[] {
  const lines = message?.split('\n') ?? []
  return packet === undefined ? lines : [...lines, `see portcullis explain --policy ${policy} '${packet}'`]
}

/** A failure for a test runner. */
export function failureText(suite: Suite, result: Result): string {
  const { file, line } = result.expectation.position
  return [`${result.expectation.text} (${file}:${line})`, ...details(suite, result)].join('\n')
}

export function tap(reports: readonly Report[]): string {
  const all = reports.flatMap(({ suite, results }) => results.map((result) => ({ suite, result })))
  const lines = all.flatMap(({ suite, result }, i) => {
    const { expectation, ok, deciders } = result
    const { file, line } = expectation.position
    const by = ok && deciders.length > 0 ? `, by ${deciders.join(', ')}` : ''
    const head = `${ok ? 'ok' : 'not ok'} ${i + 1} - ${escaped(`${file}:${line} ${expectation.text}${by}`)}`
    if (ok) return [head]
    const message = details(suite, result).map((detail) => `    ${detail}`)
    return [head, '  ---', '  message: |', ...message, `  at: ${JSON.stringify(`${file}:${line}`)}`, '  ...']
  })
  return `${['TAP version 14', `1..${all.length}`, ...lines].join('\n')}\n`
}

/** A `#` begins a directive. */
function escaped(text: string): string {
  return text.replace(/[\\#]/g, '\\$&')
}
