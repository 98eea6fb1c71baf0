/** The elements of a set in the order in which nft lists them, and what is wrong with them. */
import { isBitmask, typeInfo } from './datatypes.js'
import type { Element, PlainElement } from './expressions.js'
import type { PartType } from './types.js'

/** What an element is looked up by. */
export function keyOf(element: Element): PlainElement {
  if (element.kind === 'pair') return keyOf(element.key)
  return element.kind === 'element' ? element.value : element
}

/** First and last value of an element that is no concatenation. */
export function boundsOf(element: PlainElement, { type, bits }: PartType): readonly [bigint, bigint] {
  switch (element.kind) {
    case 'value':
      if (typeof element.value === 'bigint') return [element.value, element.value]
      return nameBounds(element.value, bits)
    case 'range':
      return [element.from, element.to]
    case 'prefix':
      return [element.base, element.base | ((1n << BigInt(typeInfo(type).bits - element.length)) - 1n)]
    default:
      return [0n, (1n << BigInt(bits)) - 1n]
  }
}

/** Names are compared as the kernel keeps them: bytes, the first one the least. */
function nameBounds(name: string, bits: number): readonly [bigint, bigint] {
  const bytes = Buffer.from(name).subarray(0, bits / 8)
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!)
  return [value, value]
}

/** Sorts elements as nft lists them. Wildcards come last; concatenations with intervals stay as they were added. */
export function sortElements<T extends Element>(
  elements: readonly T[],
  parts: readonly PartType[],
  intervals = false,
): T[] {
  if (parts.length > 1 && (intervals || elements.some((element) => hasInterval(keyOf(element)))))
    return [...elements]
  const names = typeInfo(parts[0]!.type).form === 'text' && parts.length === 1
  if (names && (intervals || elements.some((element) => isPattern(keyOf(element)))))
    return [...elements].sort((a, b) => compareNames(keyOf(a), keyOf(b)))
  const keyed = elements.map((element) => ({ element, key: sortKey(keyOf(element), parts) }))
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  return keyed.map(({ element }) => element)
}

function isPattern(key: PlainElement): boolean {
  return key.kind === 'value' && typeof key.value === 'string' && /[^\\]\*$/.test(key.value)
}

/** Names among which there are patterns are intervals to the kernel: they go letter by letter. */
function compareNames(a: PlainElement, b: PlainElement): number {
  const [first, second] = [a, b].map((key) => (key.kind === 'value' ? String(key.value) : ''))
  return first! < second! ? -1 : first! > second! ? 1 : 0
}

/** Whether a key holds a range or a prefix. */
export function hasInterval(key: PlainElement): boolean {
  if (key.kind === 'concat') return key.parts.some((part) => hasInterval(part as PlainElement))
  return key.kind === 'range' || key.kind === 'prefix'
}

function sortKey(key: PlainElement, parts: readonly PartType[]): bigint | number {
  if (key.kind === 'wildcard') return 1n << 1024n
  if (key.kind !== 'concat') {
    const part = parts[0]!
    const [from] = boundsOf(key, part)
    // Several bits are sorted by their lowest, before that bit alone.
    if (isBitmask(part.type)) return Number(from & -from) * 2 + ((from & (from - 1n)) === 0n ? 1 : 0)
    return part.bits <= 32 ? Number(from) : from
  }
  // The kernel's bytes of all parts, one behind the other, read with the first byte as the least.
  let result = 0n
  let shift = 0n
  key.parts.forEach((part, i) => {
    const type = parts[i]!
    const size = Math.ceil(type.bits / 8)
    const [from] = boundsOf(part as PlainElement, type)
    const host = typeInfo(type.type).hostOrder === true
    result |= (host ? from : reverseBytes(from, size)) << shift
    shift += BigInt(size * 8)
  })
  return result
}

function reverseBytes(value: bigint, size: number): bigint {
  let result = 0n
  for (let i = 0; i < size; i++) result = (result << 8n) | ((value >> BigInt(8 * i)) & 0xffn)
  return result
}

/** Two elements that cannot both be in a set. */
export interface Clash {
  readonly kind: 'twice' | 'overlap'
  readonly first: Element
  readonly second: Element
}

/** The first pair of sorted elements of a one-part set that share a value, if any. */
export function clashOf(sorted: readonly Element[], part: PartType): Clash | undefined {
  let last: { element: Element; bounds: readonly [bigint, bigint] } | undefined
  for (const element of sorted) {
    const key = keyOf(element)
    if (key.kind === 'wildcard' || key.kind === 'concat') continue
    const bounds = boundsOf(key, part)
    if (last !== undefined && bounds[0] <= last.bounds[1]) {
      const same = bounds[0] === last.bounds[0] && bounds[1] === last.bounds[1]
      return { kind: same ? 'twice' : 'overlap', first: last.element, second: element }
    }
    last = { element, bounds }
  }
  return undefined
}

/** Merges plain elements that overlap or touch, as auto-merge does; those that carry something stay. */
export function mergeElements(sorted: readonly Element[], part: PartType): Element[] {
  const merged: { element: Element; bounds: [bigint, bigint]; plain: boolean }[] = []
  const rest: Element[] = []
  for (const element of sorted) {
    const key = keyOf(element)
    if (key.kind === 'wildcard' || key.kind === 'concat') {
      rest.push(element)
      continue
    }
    const bounds = boundsOf(key, part)
    const plain = element.kind === 'value' || element.kind === 'range' || element.kind === 'prefix'
    const last = merged.at(-1)
    if (last?.plain && plain && bounds[0] <= last.bounds[1] + 1n) {
      if (bounds[1] > last.bounds[1]) last.bounds[1] = bounds[1]
      last.element = intervalElement(last.bounds[0], last.bounds[1], part)
    } else merged.push({ element, bounds: [bounds[0], bounds[1]], plain })
  }
  return [...merged.map(({ element }) => element), ...rest]
}

/** An interval as nft lists it in a set: a value, a prefix where the type has them, or a range. */
export function intervalElement(from: bigint, to: bigint, { type }: PartType): PlainElement {
  if (from === to) return { kind: 'value', value: from }
  const info = typeInfo(type)
  const size = to - from + 1n
  if (info.prefix && (size & (size - 1n)) === 0n && from % size === 0n)
    return { kind: 'prefix', base: from, length: info.bits - (size.toString(2).length - 1) }
  return { kind: 'range', from, to }
}

/** A plain element as nft lists it in a set. */
export function canonicalKey(key: PlainElement, parts: readonly PartType[]): PlainElement {
  switch (key.kind) {
    case 'range':
    case 'prefix': {
      const [from, to] = boundsOf(key, parts[0]!)
      return intervalElement(from, to, parts[0]!)
    }
    case 'concat':
      return {
        kind: 'concat',
        parts: key.parts.map(
          (part, i) =>
            canonicalKey(part as PlainElement, [parts[i]!]) as Exclude<PlainElement, { kind: 'wildcard' }>,
        ),
      }
    default:
      return key
  }
}
