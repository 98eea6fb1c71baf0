import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Prefilter } from '../../../src/bans/scan/prefilter.js'

/** Of each candidate, its text and what hit it. */
function scan(literals: readonly (readonly string[] | undefined)[], text: string) {
  const chunk = Buffer.from(text)
  const found: [string, number[]][] = []
  const lines = new Prefilter(literals).scan(chunk, ({ start, end, hits }) =>
    found.push([chunk.toString('utf8', start, end), hits.toSorted((a, b) => a - b)]),
  )
  return { lines, found }
}

describe('candidates', () => {
  test('lines that have a literal, in any case, and those that have half of one', () => {
    const { lines, found } = scan(
      [['invalid key'], ['denied', 'refused']],
      'nothing\nINVALID KEY and refused\ninvali 12:00 d key\n\ninvalid keinvalid key\n',
    )
    expect(lines).toBe(5)
    expect(found).toEqual([
      ['INVALID KEY and refused', [0, 1, 2, 3]],
      ['invali 12:00 d key', [1]],
      ['invalid keinvalid key', [0, 1]],
    ])
  })

  test('filters without literals, or short ones, look at every line', () => {
    expect(scan([undefined, ['abc'], ['long enough']], 'x\n\n').found).toEqual([
      ['x', [0, 2]],
      ['', [0, 2]],
    ])
  })

  test('as looking for each in each line finds them', () => {
    const literal = fc.string({ unit: fc.constantFrom('a', 'b', ' '), minLength: 4, maxLength: 7 })
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'A', 'B', ' ', '\n', 'é'), maxLength: 80 })
    fc.assert(
      fc.property(
        fc.array(fc.array(literal, { minLength: 1, maxLength: 3 }), { maxLength: 4 }),
        text,
        (filters, body) => {
          const expected = body.split('\n').flatMap((line) => {
            const lower = line.toLowerCase()
            const hits = filters.flatMap((literals, filter) => {
              const halves = literals.flatMap((one) => [
                one.slice(0, one.length >> 1),
                one.slice(one.length >> 1),
              ])
              return [
                ...(literals.some((one) => lower.includes(one)) ? [2 * filter] : []),
                ...(halves.some((half) => lower.includes(half)) ? [2 * filter + 1] : []),
              ]
            })
            return hits.length > 0 ? [[line, hits]] : []
          })
          expect(scan(filters, `${body}\n`).found).toEqual(expected)
        },
      ),
      { numRuns: 500 },
    )
  })
})
