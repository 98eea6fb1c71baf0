import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addWords, fold } from '../../src/packet/checksum.js'

/** A word after the other, as RFC 1071 says it. */
function plainSum(bytes: Uint8Array, before: number): number {
  let sum = before
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0)
    if (sum > 0xffff) sum -= 0xffff
  }
  return sum
}

test('the sum of any bytes from anywhere is the one of their words', () => {
  const property = fc.property(
    fc.uint8Array({ maxLength: 200 }),
    fc.nat(20),
    fc.nat(0xffff),
    (bytes, from, before) => {
      const start = Math.min(from, bytes.length)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      const sum = addWords(view, start, bytes.length, before)
      expect(fold(sum)).toBe(plainSum(bytes.subarray(start), before))
    },
  )
  fc.assert(property, { numRuns: 1000, seed: 9 })
})

test('of as many bytes as a packet can have, all ones', () => {
  const bytes = new Uint8Array(65535).fill(0xff)
  expect(fold(addWords(new DataView(bytes.buffer), 0, bytes.length, 0xffff))).toBe(plainSum(bytes, 0xffff))
})
