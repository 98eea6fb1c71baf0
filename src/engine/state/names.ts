/** Names of interfaces as values: their 16 bytes, the first the most significant, so that a pattern is an interval. */
const NAME_BYTES = 16
const NAME_BITS = BigInt(8 * NAME_BYTES)

/** The value of a name as it is. */
export function nameValue(name: string): bigint {
  const bytes = Buffer.from(name).subarray(0, NAME_BYTES)
  return BigInt(`0x0${bytes.toString('hex')}`) << (NAME_BITS - BigInt(8 * bytes.length))
}

/** The first and the last value of the names that a pattern matches: `eth*` is a pattern, `eth\\*` a name. */
export function nameBounds(pattern: string): readonly [bigint, bigint] {
  if (!isPattern(pattern)) {
    const value = nameValue(unescaped(pattern))
    return [value, value]
  }
  const start = unescaped(pattern.slice(0, -1))
  const low = nameValue(start)
  return [low, low | ((1n << (NAME_BITS - BigInt(8 * Buffer.byteLength(start)))) - 1n)]
}

export function isPattern(name: string): boolean {
  return /(?<!\\)\*$/.test(name)
}

/** A name without the strokes that keep stars from being patterns. */
export function unescaped(name: string): string {
  return name.replaceAll('\\', '')
}
