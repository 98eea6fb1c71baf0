import { isIPv4, isIPv6 } from 'node:net'

/** An IP version, as the number of bits of its addresses. */
export type AddressBits = 32 | 128

/** An address: its value as an unsigned integer, most significant bit first. */
export interface Address {
  readonly bits: AddressBits
  readonly value: bigint
}

/** A prefix: the addresses whose first `length` bits are those of `base`. The other bits of `base` are 0. */
export interface Prefix extends Address {
  readonly length: number
}

/** The address that a text such as 10.0.0.7 or fd00::7 writes down; undefined if it is none. */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) {
    // Many are read at once: numbers are several times faster than bigints.
    const value = text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
    return { bits: 32, value: BigInt(value) }
  }
  if (!isIPv6(text) || text.includes('%')) return undefined
  const dotted = text.lastIndexOf('.') < 0 ? -1 : text.lastIndexOf(':') + 1
  if (dotted >= 0) {
    const tail = groups(text.slice(dotted).split('.'), 10, 8n)
    text = `${text.slice(0, dotted)}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`
  }
  const [head = '', tail] = text.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array<string>(8 - front.length - back.length).fill('0')
  return { bits: 128, value: groups([...front, ...zeros, ...back], 16, 16n) }
}

function groups(parts: string[], radix: number, bits: bigint): bigint {
  return parts.reduce((value, part) => (value << bits) | BigInt(Number.parseInt(part, radix)), 0n)
}

/**
 * The prefix that a text such as 10.0.0.0/16 writes down; an address alone is a prefix of its whole length.
 * Undefined if it is none; bits of the address behind the length are cleared.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const [address = '', length, more] = text.split('/')
  const base = parseAddress(address)
  if (base === undefined || more !== undefined) return undefined
  if (length === undefined) return { ...base, length: base.bits }
  if (!/^\d{1,3}$/.test(length) || Number(length) > base.bits) return undefined
  return prefixOf(base, Number(length))
}

/** The prefix of `length` bits that holds an address. */
export function prefixOf(address: Address, length: number): Prefix {
  const host = BigInt(address.bits - length)
  return { bits: address.bits, value: (address.value >> host) << host, length }
}

/** The last address of a prefix, as an unsigned integer. */
export function lastOf(prefix: Prefix): bigint {
  return prefix.value | ((1n << BigInt(prefix.bits - prefix.length)) - 1n)
}

/** An address as people write it; IPv6 as RFC 5952 has it. */
export function formatAddress({ bits, value }: Address): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
  const words = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn))
  if (value >> 32n === 0xffffn) return `::ffff:${formatAddress({ bits: 32, value: value & 0xffffffffn })}`
  const [start, length] = longestZeros(words)
  const text = (part: number[]) => part.map((word) => word.toString(16)).join(':')
  return length < 2 ? text(words) : `${text(words.slice(0, start))}::${text(words.slice(start + length))}`
}

/** A prefix as people write it: without its length where that is the whole address. */
export function formatPrefix(prefix: Prefix): string {
  const address = formatAddress(prefix)
  return prefix.length === prefix.bits ? address : `${address}/${prefix.length}`
}

/** Start and length of the first of the longest runs of zeros. */
function longestZeros(words: number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0]
  for (let start = 0; start < words.length; start++) {
    let length = 0
    while (start + length < words.length && words[start + length] === 0) length++
    if (length > best[1]) best = [start, length]
  }
  return best
}
