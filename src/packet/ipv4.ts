/**
 * The IPv4 header (RFC 791 §3.1), as offsets in bytes from its first byte.
 *
 * Contract of every file in this folder: after `headerLength` returned more than 0 for a header,
 * reading any of its named fields from the same view cannot fail.
 */
export const TOTAL_LENGTH = 2
export const FRAGMENT = 6
export const PROTOCOL = 9
export const SOURCE = 12
export const DESTINATION = 16
export const MINIMUM_LENGTH = 20

/** Of the 16 bits at FRAGMENT: the offset, in units of eight bytes. */
export const FRAGMENT_OFFSET_MASK = 0x1fff
/** Of the same bits: more fragments follow. */
export const MORE_FRAGMENTS = 0x2000

// V8 reads exported constants anew at each use.
const MINIMUM = MINIMUM_LENGTH
const TOTAL = TOTAL_LENGTH

/**
 * Length in bytes of the IPv4 header at `at`, options included; 0 if the bytes up to `end` do not hold
 * one: too short, another version, a header length under 20, or a total length under the header's.
 */
export function headerLength(view: DataView, at: number, end: number): number {
  if (end - at < MINIMUM) return 0
  const first = view.getUint8(at)
  if (first >> 4 !== 4) return 0
  const length = (first & 15) << 2
  if (length < MINIMUM || length > end - at) return 0
  return view.getUint16(at + TOTAL) < length ? 0 : length
}
