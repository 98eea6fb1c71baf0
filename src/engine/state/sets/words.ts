/** Unsigned integers as words of 32 bits in an Int32Array, most significant first. */

/** Words of a value of so many bits. */
export function widthOf(bits: number): number {
  return Math.ceil(bits / 32)
}

const view = new DataView(new ArrayBuffer(16))

/** Writes a value's words; what does not fit into them is cut off. */
export function writeWords(value: bigint, width: number, into: Int32Array, at: number): void {
  view.setBigUint64(8, value)
  if (width > 2) view.setBigUint64(0, value >> 64n)
  for (let word = 0; word < width; word++) into[at + word] = view.getInt32(16 - 4 * (width - word))
}

/** Under 0 if the first of two values is less than the second, 0 if they are equal, else above 0. */
export function compareWords(a: Int32Array, i: number, b: Int32Array, j: number, width: number): number {
  for (let word = 0; word < width; word++) {
    const first = a[i + word]!
    const second = b[j + word]!
    if (first !== second) return first >>> 0 < second >>> 0 ? -1 : 1
  }
  return 0
}

/** How many bits from the first on two values have in common. */
export function commonBits(a: Int32Array, i: number, b: Int32Array, j: number, width: number): number {
  for (let word = 0; word < width; word++) {
    const difference = a[i + word]! ^ b[j + word]!
    if (difference !== 0) return word * 32 + Math.clz32(difference)
  }
  return width * 32
}

export function copyWords(from: Int32Array, i: number, to: Int32Array, j: number, width: number): void {
  for (let word = 0; word < width; word++) to[j + word] = from[i + word]!
}
