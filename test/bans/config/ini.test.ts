import { describe, expect, test } from 'vitest'
import { parseIni } from '../../../src/bans/config/ini.js'

function values(text: string) {
  const { sections, problems } = parseIni(text, 'f')
  const texts = [...sections].map(([name, options]) => [
    name,
    Object.fromEntries([...options].map(([option, { text }]) => [option, text])),
  ])
  return { sections: Object.fromEntries(texts), problems }
}

describe("Python's dialect", () => {
  test.each([
    ['both delimiters, and names in lower case', '[a]\nOne = 1\ntwo:2', { one: '1', two: '2' }],
    ['the first delimiter counts', '[a]\nx = b = c: d', { x: 'b = c: d' }],
    ['values go on further in', '[a]\nx = 1\n  2\n\t3\ny = 4', { x: '1\n2\n3', y: '4' }],
    ['comments in a value are no part of it', '[a]\nx = 1\n# no\n  # nor this\n  2', { x: '1\n2' }],
    [
      'empty lines within a value are kept, behind it not',
      '[a]\nx = 1\n\n  2\n\n\ny =',
      { x: '1\n\n2', y: '' },
    ],
    ['; ends a line behind a blank only', '[a]\nx = a;b ; c\n; d\ny = 1 # 2', { x: 'a;b', y: '1 # 2' }],
    ['an option may stand further in', '  [a]\n  x = 1\n    2\n  y = 3', { x: '1\n2', y: '3' }],
    ['carriage returns and a byte order mark', '\ufeff[a]\r\nx = 1\r\n 2\r\n', { x: '1\n2' }],
  ])('%s', (_, text, options) => {
    expect(values(text)).toEqual({ sections: { a: options }, problems: [] })
  })

  test('what is wrong is told with its place, and the rest stands', () => {
    const text = 'lost = 1\n[a]\nx = ^one$\n^two$\nx = 2\n[a]\ny = 3\n'
    const { sections, problems } = parseIni(text, 'f')
    expect([...sections.get('a')!.keys()]).toEqual(['x', 'y'])
    expect(
      problems.map(({ position, message, hint }) => [position.line, position.column, message, hint]),
    ).toEqual([
      [1, 1, 'an option stands in a [section]', undefined],
      [4, 1, 'expected name = value', 'indent it if it belongs to x'],
      [5, 1, 'x is there twice in its section', 'the later one counts'],
      [6, 1, 'section a is there twice', 'put its options into one section; the later ones count'],
    ])
  })

  test('every line of a value knows its place', () => {
    const value = parseIni('[a]\nx = one\n    two\n\n   three\n', 'f').sections.get('a')!.get('x')!
    expect(value.lines().map((line) => [line.text, line.at(1)])).toEqual([
      ['one', { file: 'f', line: 2, column: 6 }],
      ['two', { file: 'f', line: 3, column: 6 }],
      ['three', { file: 'f', line: 5, column: 5 }],
    ])
  })
})
