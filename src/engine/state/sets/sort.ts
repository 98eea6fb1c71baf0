const DIGIT = 16
const DIGITS = 1 << DIGIT

/**
 * The numbers of values from 0 to below `count` in the values' order. Value i has `width` words, most significant
 * first, and starts at i × stride. A radix sort: a million values take a fraction of a second, whatever they are.
 */
export function sortedOrder(words: Int32Array, count: number, width: number, stride: number): Int32Array {
  let order: Int32Array = upTo(count)
  let other: Int32Array = new Int32Array(count)
  const starts = new Int32Array(DIGITS + 1)
  for (let word = width - 1; word >= 0; word--) {
    for (const shift of [0, DIGIT]) {
      starts.fill(0)
      for (let i = 0; i < count; i++) starts[digit(words[i * stride + word]!, shift) + 1]!++
      // Nothing to do where all values have the same digit.
      if (starts.includes(count)) continue
      for (let i = 0; i < DIGITS; i++) starts[i + 1]! += starts[i]!
      for (let i = 0; i < count; i++) {
        const value = order[i]!
        const place = starts[digit(words[value * stride + word]!, shift)]!++
        other[place] = value
      }
      ;[order, other] = [other, order]
    }
  }
  return order
}

function digit(word: number, shift: number): number {
  return (word >>> shift) & (DIGITS - 1)
}

/** The numbers from 0 to below `count`. */
export function upTo(count: number): Int32Array {
  const numbers = new Int32Array(count)
  for (let i = 0; i < count; i++) numbers[i] = i
  return numbers
}
