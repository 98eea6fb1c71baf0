import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BoxSet } from '../../../src/engine/state/sets/boxes.js'
import { HashSet } from '../../../src/engine/state/sets/hash.js'
import { FULL } from '../../../src/engine/state/sets/intervals.js'

const word = fc.constantFrom(0, 1, -1, 7, 2 ** 31 - 1, -(2 ** 31))
const key = fc.tuple(word, word, word)

test('a set of keys holds what was added and not taken out, under one id', () => {
  const change = fc.tuple(fc.constantFrom('add', 'add', 'remove'), key)
  fc.assert(
    fc.property(fc.array(change, { maxLength: 300 }), (changes) => {
      const set = new HashSet(3, 1000, [1, 2])
      const known = new Map<string, number>()
      for (const [what, words] of changes) {
        const text = words.join()
        const id = set.find(Int32Array.from(words), 0)
        expect(id).toBe(known.get(text) ?? -1)
        if (what === 'add' && id < 0) known.set(text, set.add(Int32Array.from([9, ...words]), 1))
        else if (what === 'remove' && id >= 0) {
          set.remove(id)
          known.delete(text)
        }
        expect(set.size).toBe(known.size)
      }
      expect(new Set(known.values()).size).toBe(known.size)
    }),
  )
})

test('a set of keys grows to its bound and no further', () => {
  const set = new HashSet(1, 1000, [3, 4])
  for (let i = 0; i < 1000; i++) expect(set.add(Int32Array.of(i), 0)).toBe(i)
  expect(set.add(Int32Array.of(1000), 0)).toBe(FULL)
  set.removeWhere((id) => id % 2 === 0)
  expect(set.size).toBe(500)
  expect(set.find(Int32Array.of(8), 0)).toBe(-1)
  expect(set.find(Int32Array.of(9), 0)).toBe(9)
  expect(set.add(Int32Array.of(1000), 0)).toBeLessThan(1000)
})

test('a set of boxes finds the first that holds a key, and none else', () => {
  const most = (1n << 64n) - 1n
  const value = fc.constantFrom(0n, 1n, 2n, 80n, 443n, (1n << 32n) - 1n, 1n << 32n, most)
  const bounds = fc.tuple(value, value).map(([a, b]): [bigint, bigint] => (a < b ? [a, b] : [b, a]))
  const small = bounds.map(([low, high]): [bigint, bigint] => [
    low & 0xffffn,
    high > 0xffffn ? 0xffffn : high,
  ])
  const box = fc.tuple(
    bounds,
    small.filter(([low, high]) => low <= high),
  )
  fc.assert(
    fc.property(
      fc.array(box, { maxLength: 70 }),
      fc.array(fc.tuple(value, value), { minLength: 1 }),
      fc.array(fc.nat(69)),
      (boxes, keys, removed) => {
        const set = new BoxSet([2, 1], 100)
        const ids = boxes.map((each) => set.add(each))
        const gone = new Set(removed.filter((i) => i < boxes.length))
        for (const i of gone) set.remove(ids[i]!)
        expect(set.size).toBe(boxes.length - gone.size)
        for (const [a, b] of keys) {
          const low = b & 0xffffn
          const words = Int32Array.of(Number(a >> 32n) | 0, Number(a & 0xffffffffn) | 0, Number(low))
          const expected = boxes.findIndex(
            ([first, second], i) =>
              !gone.has(i) && first[0] <= a && a <= first[1] && second[0] <= low && low <= second[1],
          )
          expect(set.find(words, 0)).toBe(expected < 0 ? -1 : ids[expected])
        }
      },
    ),
  )
})

test('a set of boxes has a bound', () => {
  const set = new BoxSet([1], 2)
  expect([set.add([[0n, 1n]]), set.add([[2n, 3n]]), set.add([[4n, 5n]])]).toEqual([0, 1, FULL])
})
