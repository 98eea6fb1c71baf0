import { expect, test } from 'vitest'
import { matchesGlob } from '../../../src/bans/follow/glob.js'

test.each([
  ['a.nft', '*.nft', true],
  ['a.nft', '*', true],
  ['a.nft', 'a.nft', true],
  ['a.nft', '?.nft', true],
  ['ab.nft', '?.nft', false],
  ['.nft', '*.nft', true],
  ['a.nftx', '*.nft', false],
  ['b1.nft', '[a-c][0-9].nft', true],
  ['d1.nft', '[a-c][0-9].nft', false],
  ['d1.nft', '[!a-c]*', true],
  ['a+b', 'a+b', true],
  ['a-b', 'a[-x]b', true],
  ['a[b', 'a[b', true],
  ['', '*', true],
  ['', '?', false],
  ['abcabd', '*abd', true],
  ['abcabdx', '*ab?', false],
])('%s against %s: %s', (name, pattern, fits) => {
  expect(matchesGlob(name, pattern)).toBe(fits)
})

test('a pattern made to hurt does not', () => {
  expect(matchesGlob('a'.repeat(255), `${'*a'.repeat(120)}b`)).toBe(false)
})
