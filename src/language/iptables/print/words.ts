/** Words of options, as iptables -S prints them. */
import { formatAddress } from '../../../packet/address.js'
import { bitsOf, lengthOf } from '../extensions/given.js'

export type IpFamily = 'ip' | 'ip6'

/** An option and its value, with `!` before it where it is inverted. */
export function option(
  name: string,
  value: string | number | bigint | undefined,
  invert?: boolean | undefined,
): string[] {
  if (value === undefined) return []
  return [...(invert ? ['!'] : []), `--${name}`, ...(value === '' ? [] : [String(value)])]
}

/** An option without a value, if it is there. */
export function flag(name: string, given: boolean | undefined): string[] {
  return given ? [`--${name}`] : []
}

export function rangeText({ from, to }: { from: number | bigint; to: number | bigint }): string {
  return from === to ? String(from) : `${from}:${to}`
}

/** An option that takes a range, if it is there. */
export function range(
  name: string,
  given: { readonly from: number; readonly to: number; readonly invert?: boolean } | undefined,
): string[] {
  return given === undefined ? [] : option(name, rangeText(given), given.invert)
}

export const hex = (number: number | bigint) => `0x${number.toString(16)}`

export function maskedText({ value, mask }: { value: number; mask: number }): string {
  return mask === 0xffffffff ? hex(value) : `${hex(value)}/${hex(mask)}`
}

export function addressText(value: bigint, family: IpFamily): string {
  return formatAddress({ bits: bitsOf(family), value })
}

/** ADDRESS/LENGTH, or ADDRESS/MASK. */
export function networkText(value: bigint, mask: bigint, family: IpFamily): string {
  return `${addressText(value, family)}/${lengthOf(mask, family) ?? addressText(mask, family)}`
}

/** A word as a shell and iptables-restore read it alike. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./!-]+$/.test(word) ? word : `"${word.replace(/["\\$`]/g, '\\$&')}"`
}
