/** Splits commands into words: as a shell does it, without running one, and as iptables-restore does it. */
import type { Span } from '../nft/ast.js'
import type { Reader } from './reader.js'

export interface Word extends Span {
  readonly text: string
}

/** As iptables-restore has it: words of a line (MAX_ARGC), and what a word may hold. */
const MOST_WORDS = 255
const LONGEST_WORD = 1023

const NO_SHELL = 'portcullis runs no shell: write what it would have made of this'
/** Signs that a shell acts on outside of quotes. */
const OPERATORS: Readonly<Record<string, string>> = {
  '|': 'a pipe or a condition of the shell',
  '&': 'the background or a condition of the shell',
  ';': 'two commands in one line',
  '<': 'a redirection of the shell',
  '>': 'a redirection of the shell',
  '(': 'a group or a function of the shell',
  ')': 'a group or a function of the shell',
}

/**
 * The words of the command that begins at an offset, over lines that a backslash continues. What only a shell could
 * do is reported, and the words are then undefined.
 */
export function splitShell(
  reader: Reader,
  start: number,
): { words: readonly Word[] | undefined; end: number } {
  const { text } = reader.source
  const words: Word[] = []
  let word = ''
  let wordAt = -1
  let ok = true
  let at = start

  function refuse(from: number, length: number, message: string, hint: string): void {
    if (ok) reader.report({ at: from, end: from + length }, message, hint)
    ok = false
  }
  function begin(): void {
    if (wordAt < 0) wordAt = at
  }
  function end(): void {
    if (wordAt >= 0) words.push({ text: word, at: wordAt, end: at })
    word = ''
    wordAt = -1
  }

  for (; at < text.length && text[at] !== '\n'; at++) {
    const sign = text[at]!
    if (sign === ' ' || sign === '\t' || sign === '\r') end()
    else if (sign === '#' && wordAt < 0) {
      at = endOfLine(text, at)
      break
    } else if (sign === '\\') {
      const newline = /^\\\r?\n/.exec(text.slice(at, at + 3))
      if (newline !== null) at += newline[0].length - 1
      else if (/^\\[ \t\r]+(?:\n|$)/.test(text.slice(at, at + 80)))
        refuse(
          at,
          1,
          'space follows this backslash',
          'a backslash continues a command only as the last sign of its line',
        )
      else {
        begin()
        word += text[++at] ?? ''
      }
    } else if (sign === "'" || sign === '"') {
      begin()
      const quoted = readQuoted(text, at)
      if (quoted === undefined) {
        refuse(at, 1, 'this quote is not closed in its line', 'close it, or put a backslash before it')
        at = endOfLine(text, at)
        break
      }
      if (sign === '"') {
        const shell = /[$`]/.exec(quoted.raw.replace(/\\./gs, '  '))
        if (shell !== null) refuseExpansion(at + 1 + shell.index)
      }
      word += quoted.text
      at = quoted.end - 1
    } else if (sign === '$' || sign === '`') refuseExpansion(at)
    else if (OPERATORS[sign] !== undefined) refuse(at, 1, `${sign} is ${OPERATORS[sign]}`, NO_SHELL)
    else if (sign === '{' && /^\{[^\s{}]*(?:,|\.\.)[^\s{}]*\}/.test(text.slice(at, at + 256)))
      refuse(at, 1, 'this list in braces is an expansion of the shell', NO_SHELL)
    else {
      begin()
      word += sign
    }
    if (!ok) {
      at = endOfCommand(text, at)
      break
    }
  }
  end()
  if (ok) ok = fits(reader, words)
  return { words: ok ? words : undefined, end: at }

  function refuseExpansion(from: number): void {
    const [expansion = ''] = /^(?:\$\(|`|\$\{?\w*\}?)/.exec(text.slice(from, from + 80)) ?? []
    const what =
      expansion === '`' || expansion === '$('
        ? 'is the output of another command'
        : 'is a variable of the shell'
    refuse(
      from,
      Math.max(1, expansion.length),
      `${expansion === '$(' ? '$(…)' : expansion === '`' ? '`…`' : expansion} ${what}`,
      NO_SHELL,
    )
  }
}

/** What stands in the quotes that open at an offset; undefined if they are not closed in their line. */
function readQuoted(text: string, start: number): { text: string; raw: string; end: number } | undefined {
  const quote = text[start]!
  let out = ''
  for (let at = start + 1; at < text.length && text[at] !== '\n'; at++) {
    if (text[at] === quote) return { text: out, raw: text.slice(start + 1, at), end: at + 1 }
    if (quote === '"' && text[at] === '\\' && /["\\$`]/.test(text[at + 1] ?? '')) at++
    out += text[at]
  }
  return undefined
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end
}

/** The end of the last line that a command at an offset goes on in. */
function endOfCommand(text: string, at: number): number {
  let end = endOfLine(text, at)
  while (end < text.length && /\\\r?$/.test(text.slice(Math.max(0, end - 2), end)))
    end = endOfLine(text, end + 1)
  return end
}

/** The words of one line of iptables-save's format: double quotes only, and a backslash within them. */
export function splitRestore(reader: Reader, start: number, end: number): readonly Word[] | undefined {
  const { text } = reader.source
  const words: Word[] = []
  let word = ''
  let wordAt = -1
  let quoted = false
  for (let at = start; at <= end; at++) {
    const sign = at < end ? text[at]! : ' '
    if (quoted && at === end) {
      reader.report({ at: wordAt, end }, 'this quote is not closed in its line')
      return undefined
    }
    if (quoted) {
      if (sign === '"') quoted = false
      else if (sign === '\\') word += text[++at] ?? ''
      else word += sign
    } else if (sign === '"') {
      quoted = true
      if (wordAt < 0) wordAt = at
    } else if (sign === ' ' || sign === '\t' || sign === '\r') {
      if (wordAt >= 0) words.push({ text: word, at: wordAt, end: at })
      word = ''
      wordAt = -1
    } else {
      if (wordAt < 0) wordAt = at
      word += sign
    }
  }
  return fits(reader, words) ? words : undefined
}

function fits(reader: Reader, words: readonly Word[]): boolean {
  const long = words.find(({ text }) => text.length > LONGEST_WORD)
  if (long !== undefined) reader.report(long, `a word has at most ${LONGEST_WORD} letters`)
  const more = words[MOST_WORDS]
  if (more !== undefined) reader.report(more, `a command has at most ${MOST_WORDS} words`)
  return long === undefined && more === undefined
}
