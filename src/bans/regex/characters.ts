import type { ClassName, Node, SetItem } from './ast.js'
import { RegexError, type Scanner } from './scanner.js'

const CONTROLS: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 }
/** The largest code point. */
const LARGEST = 0x10ffff

/** Takes \d, \D, \w, \W, \s or \S, if it is there. */
export function parseClassEscape(scanner: Scanner): SetItem | undefined {
  const letter = scanner.match(/\\([dwsDWS])/y)?.[1]
  if (letter === undefined) return undefined
  const name = letter.toLowerCase() as ClassName
  return { name, negated: letter !== name }
}

/** Takes the escape of one character: its code point. Throws RegexError. */
export function parseEscape(scanner: Scanner): number {
  const start = scanner.at
  const coded = scanner.match(/\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8}))/iy)
  if (coded !== undefined) {
    const code = Number.parseInt(coded[1] ?? coded[2] ?? coded[3]!, 16)
    if (code > LARGEST) throw new RegexError(`${coded[0]} is no character`, start)
    return code
  }
  const octal = scanner.match(/\\(0[0-7]{0,2}|[1-3][0-7]{2})/y)
  if (octal !== undefined) return Number.parseInt(octal[1]!, 8)
  scanner.take('\\')
  if (scanner.done) throw new RegexError('a \\ stands before something', start)
  const code = scanner.next()
  const letter = String.fromCodePoint(code)
  if (Object.hasOwn(CONTROLS, letter)) return CONTROLS[letter]!
  if (/[a-z\d]/i.test(letter)) throw new RegexError(`\\${letter} is no escape that Python knows`, start)
  return code
}

/** Takes a set such as [a-z_]. Throws RegexError. */
export function parseSet(scanner: Scanner, fold: boolean): Node {
  const start = scanner.at
  scanner.take('[')
  const negated = scanner.take('^')
  const items: SetItem[] = []
  do {
    if (scanner.done) throw new RegexError('this [ is never closed', start)
    const first = member(scanner)
    const ranges = scanner.looksAt('-') && !scanner.looksAt('-]')
    if (!ranges) items.push(typeof first === 'number' ? { from: first, to: first } : first)
    else {
      const at = scanner.at
      scanner.take('-')
      if (scanner.done) throw new RegexError('this [ is never closed', start)
      const last = member(scanner)
      if (typeof first !== 'number' || typeof last !== 'number' || last < first)
        throw new RegexError('a range goes from one character to a later one', at)
      items.push({ from: first, to: last })
    }
  } while (!scanner.take(']'))
  return { type: 'set', negated, items, fold }
}

function member(scanner: Scanner): number | SetItem {
  if (!scanner.looksAt('\\')) return scanner.next()
  return parseClassEscape(scanner) ?? parseEscape(scanner)
}

/** The other cases of a character. */
export function casesOf(code: number): number[] {
  const text = String.fromCodePoint(code)
  const cases = [text.toLowerCase(), text.toUpperCase()].filter((other) => [...other].length === 1)
  return [...new Set([code, ...cases.map((other) => other.codePointAt(0)!)])]
}
