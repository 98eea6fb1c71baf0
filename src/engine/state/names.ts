/** Names of interfaces as values: their 16 bytes, the first the most significant, so that a pattern is an interval. */
const NAME_BYTES = 16
const NAME_BITS = BigInt(8 * NAME_BYTES)

function valueOf(bytes: Buffer): bigint {
  return BigInt(`0x0${bytes.toString('hex')}`) << (NAME_BITS - BigInt(8 * bytes.length))
}

/** The first and the last value of the names that a pattern matches: `eth*` is a pattern, `eth\*` a name. */
export function nameBounds(pattern: string): readonly [bigint, bigint] {
  const open = isPattern(pattern)
  const text = open ? pattern.slice(0, -1) : pattern
  const bytes = Buffer.from(text.replaceAll('\\', '')).subarray(0, NAME_BYTES)
  const low = valueOf(bytes)
  return [low, open ? low | ((1n << (NAME_BITS - BigInt(8 * bytes.length))) - 1n) : low]
}

export function isPattern(name: string): boolean {
  return /(?<!\\)\*$/.test(name)
}
