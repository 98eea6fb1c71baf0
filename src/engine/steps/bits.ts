/** Fields of any number of bits, read from bytes and into words. */

/**
 * An unsigned number of at most 32 bits that starts `bit` bits behind byte `at`, as a signed word. The bytes must be in
 * the view.
 */
export function readBits(view: DataView, at: number, bit: number, count: number): number {
  let from = at + (bit >> 3)
  const skip = bit & 7
  if (skip === 0) {
    if (count === 16) return view.getUint16(from)
    if (count === 32) return view.getInt32(from)
    if (count === 8) return view.getUint8(from)
  }
  const end = at + ((bit + count + 7) >> 3)
  // Five bytes at most: a double holds them.
  let value = view.getUint8(from++) & (0xff >> skip)
  while (from < end) value = value * 256 + view.getUint8(from++)
  const rest = (8 - ((bit + count) & 7)) & 7
  // A double of more than 32 bits is cut to its low ones.
  return Math.floor(value / 2 ** rest) | 0
}

/** Writes the words of a number of up to 128 bits that starts `bit` bits behind byte `at`. */
export function readField(
  view: DataView,
  at: number,
  bit: number,
  count: number,
  into: Int32Array,
  to: number,
): void {
  const words = (count + 31) >> 5
  const first = count - (words - 1) * 32
  into[to] = readBits(view, at, bit, first)
  for (let word = 1, place = bit + first; word < words; word++, place += 32)
    into[to + word] = readBits(view, at, place, 32)
}
