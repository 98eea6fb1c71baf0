import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Guard } from '../../../src/bans/regex/guard.js'
import { printRegex } from '../../../src/bans/regex/print.js'
import { type Found, Regex } from '../../../src/bans/regex/regex.js'
import { RegexError } from '../../../src/bans/regex/scanner.js'

/** What a regex finds in a text and what its named groups take; undefined if it finds nothing. */
function search(pattern: string, text: string, multiline = false) {
  const regex = new Regex(pattern, { multiline })
  const ascii = /^[\0-\x7f]*$/.test(text)
  const found = regex.search(text, ascii)
  if (found === null) return undefined
  const named = [...regex.names.keys()].map((name) => [name, regex.group(found, name)])
  return { text: found[0], ...Object.fromEntries(named.filter(([, value]) => value !== undefined)) }
}

// Each was asked of Python 3.11.
describe("Python's syntax", () => {
  test.each([
    ['a named group', '(?P<a>x+)y', 'xxy', { text: 'xxy', a: 'xx' }],
    ['a reference by name', '(?P<s>[-/])\\d(?P=s)', '-1/ /2/', { text: '/2/', s: '/' }],
    ['a reference by number', '(a|b)\\1', 'abb', { text: 'bb' }],
    ['a reference to a group that took no part fails', '(?P<a>x)?y(?P=a)', 'y', undefined],
    ['a condition on a group', '(?P<a>x)?(?:y|z)(?(a)1|2)', 'xy2 xz1', { text: 'y2' }],
    [
      'a condition within another branch',
      '(?:(?P<a>a)|b)(?P<c>(?(a)x|y)+)',
      'ayx bxy axx',
      { text: 'axx', a: 'a', c: 'xx' },
    ],
    ['a condition by number, without a second branch', '(<)?a(?(1)>)', '<a', { text: 'a' }],
    ['a lazy group that is asked for', '(?P<a>x)??x?(?(a)1|2)', 'x2', { text: 'x2' }],
    ['flags in front', '(?i)AbC', 'xaBc', { text: 'aBc' }],
    ['flags of a group', 'a(?i:b)c', 'aBc', { text: 'aBc' }],
    ['… and only of it', 'a(?i:b)c', 'aBC', undefined],
    ['flags that are taken away', '(?i)a(?-i:b)', 'AB Ab', { text: 'Ab' }],
    ['flags at the start of a group', '(?:(?i)a)b', 'Ab', { text: 'Ab' }],
    ['. is all but a line feed', 'a.b', 'a\nb a\rb', { text: 'a\rb' }],
    ['… or all', '(?s)a.b', 'a\nb', { text: 'a\nb' }],
    ['spaced out', '(?x) a b # not c\n [ ]', 'ab ', { text: 'ab ' }],
    ['a comment', 'a(?#never mind)b', 'ab', { text: 'ab' }],
    ['at most', '^a{,2}$', 'aa', { text: 'aa' }],
    ['braces that repeat nothing', 'a{x}{', 'a{x}{', { text: 'a{x}{' }],
    ['$ before a line feed at the end', 'a$', 'a\n', { text: 'a' }],
    ['… but no other', 'a$', 'a\nb', undefined],
    ['… \\Z not', 'a\\Z', 'a\n', undefined],
    ['looking behind', '(?<=id=)\\d+', 'x=1 id=2', { text: '2' }],
    ['looking for what is not there', 'a(?!b)', 'ab ac', { text: 'a' }],
    ['an atomic group', '(?>a+)ab', 'aaab', undefined],
    ['a possessive repetition', 'a++b', 'aab', { text: 'aab' }],
    ['… gives nothing back', 'a*+a', 'aaa', undefined],
    ['escapes of characters', '\\x41\\u0042\\103\\t', 'ABC\t', { text: 'ABC\t' }],
    ['sets', '[]a-c^-]+', 'x]b-^', { text: ']b-^' }],
    ['sets of classes', '[^\\W\\d]+', '12ab_', { text: 'ab_' }],
    ['sets of complements', '[\\D.]+', '12.a', { text: '.a' }],
    ['any Unicode letter', '\\w+', 'ßé_', { text: 'ßé_' }],
    ['any Unicode digit', '^\\d+$', '٣٤', { text: '٣٤' }],
    ['blanks', 'a\\sb', 'a\u00a0b', { text: 'a\u00a0b' }],
    ['… of ASCII too', 'a\\sb', 'a\x1cb', { text: 'a\x1cb' }],
    ['boundaries of words', '\\bé\\b', 'aé é', { text: 'é' }],
    ['characters beyond 16 bits', '^.$', '\u{1f600}', { text: '\u{1f600}' }],
    ['in any case beyond ASCII', '(?i)É', 'é', { text: 'é' }],
  ])('%s: %s', (_, pattern, text, expected) => {
    expect(search(pattern, text)).toEqual(expected)
  })

  test('lines', () => {
    expect(search('^b$', 'a\nb\nc', true)).toEqual({ text: 'b' })
    expect(search('^b$', 'a\rb\nc', true)).toBeUndefined()
    expect(search('\\Ab', 'a\nb', true)).toBeUndefined()
  })

  test.each([
    ['(a', 0, 'this ( is never closed'],
    ['ab)', 2, 'this ) closes nothing'],
    ['a[b', 1, 'this [ is never closed'],
    ['a**', 2, 'what is repeated is repeated again: put it into a group'],
    ['|*', 1, 'there is nothing to repeat'],
    ['a\\q', 1, '\\q is no escape that Python knows'],
    ['[b-a]', 2, 'a range goes from one character to a later one'],
    ['(?P<a>x)(?P<a>y)', 8, 'there are two groups a'],
    ['(?P=a)', 0, 'there is no group a before this'],
    ['(?<a>x)', 0, 'a group that Python does not know'],
    ['a{3,1}', 0, '{3,1} repeats at least more often than at most'],
    ['a{100000}', 0, '{100000} repeats more than 1000 times'],
    ['('.repeat(101), 100, 'groups stand more than 100 deep'],
    ['(?:(a)|b)*(?(1)x|y)', 0, 'a condition on, or reference to, a group of a repetition is not supported'],
  ])('%s is told with its place', (pattern, offset, message) => {
    let error: unknown
    try {
      new Regex(pattern)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(RegexError)
    expect([(error as RegexError).offset, (error as RegexError).message]).toEqual([offset, message])
  })
})

/** Regexes that RE2 can express too, over few characters, and texts of these. */
const PIECES = [
  'a',
  'b',
  'AB',
  '[ab]',
  '[^a]',
  '\\d',
  '\\s',
  '.',
  'a?',
  'ab*',
  '(?:a|bb)',
  '(?P<g>a+)?',
  '(?i:b)',
  '-a-',
]
const patterns = fc
  .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 5 })
  .chain((pieces) =>
    fc.tuple(fc.constant(pieces.join('')), fc.constantFrom('', '^'), fc.constantFrom('', '$')),
  )
  .map(([middle, start, end]) => start + middle.replace(/(\(\?P<g>a\+\)\?)(.*)\1/, '$1$2') + end)
  .filter((pattern) => pattern.split('<g>').length < 3)
const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'A', 'B', '1', ' ', '-', '\n'), maxLength: 12 })

describe('every way to search finds the same', () => {
  test('texts of ASCII, any text, and RE2', async () => {
    const { RE2JS } = await import('re2js')
    fc.assert(
      fc.property(patterns, texts, (pattern, text) => {
        const regex = new Regex(pattern)
        const { source, flags } = printRegex(regex.node, 're2', new Set(regex.names.size > 0 ? [1] : []))
        const re2 = RE2JS.compile(source, flags === 'i' ? RE2JS.CASE_INSENSITIVE : 0)
        const results = [regex.search(text, true), regex.search(text, false), re2.exec(text) as Found | null]
        const plain = results.map((found) => found && [found.index, found[1] ?? undefined])
        expect(plain[1]).toEqual(plain[0])
        expect(plain[2]).toEqual(plain[0])
      }),
      { numRuns: 500 },
    )
  })

  test('what matches has one of the literals', () => {
    fc.assert(
      fc.property(patterns, texts, (pattern, text) => {
        const regex = new Regex(pattern)
        if (regex.literals === undefined || regex.search(text, true) === null) return
        const lower = text.toLowerCase()
        expect(regex.literals.some((literal) => lower.includes(literal))).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['^.*Invalid API key from (?P<a>\\d+).*$', ['invalid api key from ']],
    ['(?:error|fatal): x', ['error: x', 'fatal: x']],
    ['[iI]nvalid user', ['invalid user']],
    ['\\d+ (?:a|)\\S', [' ', ' a']],
    ['(?:abc)*\\d', undefined],
    ['a(?=long literal)', ['long literal']],
    ['(?i)GET /', ['get /']],
    ['café au lait', [' au lait']],
  ])('literals of %s', (pattern, literals) => {
    expect(new Regex(pattern).literals?.toSorted()).toEqual(literals)
  })
})

describe('hostile texts', () => {
  test.each([
    ['(?:a+)+b', 're2'],
    ['(?:a|a)*b', 'javascript'],
    ['(?:\\s*\\S+\\s*)*x', 're2'],
    ['\\S+\\S*x', 're2'],
    ['(?:\\w+\\s+)*x', 'javascript'],
    ['^.*from (?P<a>\\S+).*$', 'javascript'],
    ['(?:a+)+(?!b)', 'javascript'],
  ])('%s goes to %s', (pattern, engine) => {
    expect(new Regex(pattern).engine).toBe(engine)
  })

  test('RE2 takes no longer for what would take forever', () => {
    expect(search('^(?:(?P<w>a+)+)+b$', `${'a'.repeat(50_000)}c`)).toBeUndefined()
  })

  test('a search that takes too long is stopped, and those around it are done', () => {
    const regex = new Regex('^(?:a+)+(?!b)$')
    expect(regex.engine).toBe('javascript')
    const texts = ['aa', `${'a'.repeat(50)}c`, 'aaa', `${'a'.repeat(60)}c`, 'a']
    const found: unknown[] = []
    const slow: number[] = []
    const search = (index: number) => {
      found[index] = regex.search(texts[index]!, true)?.[0]
    }
    new Guard(20).each(texts.length, search, (index) => slow.push(index))
    expect(slow).toEqual([1, 3])
    expect([found[0], found[2], found[4]]).toEqual(['aa', 'aaa', 'a'])
  })

  test('what a search throws comes through', () => {
    expect(() =>
      new Guard().each(
        1,
        () => {
          throw new RangeError('mine')
        },
        () => {},
      ),
    ).toThrow(RangeError)
  })
})
