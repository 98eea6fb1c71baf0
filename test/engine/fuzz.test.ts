import { expect, test } from 'vitest'
import { fuzz } from '../../bench/fuzz/fuzz.js'

test('malformed packets throw nothing, and both evaluators say the same of them', () => {
  const ends = fuzz(100_000, 20261122)
  expect([...ends.values()].reduce((sum, count) => sum + count, 0)).toBe(100_000)
  // They do not all end before the rules.
  expect(ends.get('1 at 1')).toBeGreaterThan(1000)
  expect(ends.get('0 at 1')).toBeGreaterThan(1000)
}, 120_000)
