/** Numbers of which each bit is a set of packets: what a field or an expression is, for every packet at once. */
import { ALL, type Diagram, EMPTY, type Node } from './diagram.js'

export interface Vector {
  /** The packets that have the value at all. */
  readonly present: Node
  /** Most significant first. */
  readonly bits: readonly Node[]
}

/** First and last value. */
export type Span = readonly [low: bigint, high: bigint]

export function constant(value: bigint, bits: number): Vector {
  const width = BigInt(bits)
  return {
    present: ALL,
    bits: Array.from({ length: bits }, (_, i) =>
      ((value >> (width - 1n - BigInt(i))) & 1n) === 1n ? ALL : EMPTY,
    ),
  }
}

/** The number that a vector is everywhere; undefined if it is not one. */
export function constantOf({ bits }: Vector): bigint | undefined {
  let value = 0n
  for (const bit of bits) {
    if (bit > ALL) return undefined
    value = (value << 1n) | BigInt(bit)
  }
  return value
}

/** Spans in their order, of which none touch. */
export function sorted(spans: readonly Span[]): readonly Span[] {
  const out: [bigint, bigint][] = []
  for (const [low, high] of spans.toSorted((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))) {
    if (low > high) continue
    const last = out.at(-1)
    if (last !== undefined && low <= last[1] + 1n) {
      if (high > last[1]) last[1] = high
    } else out.push([low, high])
  }
  return out
}

/** The packets whose value is in one of the spans. */
export function within(diagram: Diagram, { bits }: Vector, spans: readonly Span[]): Node {
  const parts = sorted(spans)
  const width = bits.length
  /** Of the spans from `first` to before `end`, for the values that begin with what has been read of `at` bits. */
  const walk = (at: number, base: bigint, first: number, end: number): Node => {
    if (first === end) return EMPTY
    const [low, high] = parts[first]!
    const last = base + (1n << BigInt(width - at)) - 1n
    if (low <= base && high >= last) return ALL
    const middle = base + (1n << BigInt(width - at - 1))
    let split = first
    while (split < end && parts[split]![0] < middle) split++
    let upper = first
    while (upper < end && parts[upper]![1] < middle) upper++
    return diagram.choose(bits[at]!, walk(at + 1, middle, upper, end), walk(at + 1, base, first, split))
  }
  return walk(0, 0n, 0, parts.length)
}

/** The packets of which two values are equal. */
export function equal(diagram: Diagram, a: Vector, b: Vector): Node {
  let result = ALL
  for (let i = a.bits.length - 1; i >= 0; i--)
    result = diagram.and(diagram.not(diagram.xor(a.bits[i]!, b.bits[i]!)), result)
  return result
}

/** The packets of which one value is less than another. */
export function less(diagram: Diagram, a: Vector, b: Vector): Node {
  let result = EMPTY
  for (let i = a.bits.length - 1; i >= 0; i--) {
    const differ = diagram.xor(a.bits[i]!, b.bits[i]!)
    result = diagram.choose(differ, b.bits[i]!, result)
  }
  return result
}

/** As many bits as asked for: leading ones are cut off, or are zeros. */
export function widened({ present, bits }: Vector, width: number): Vector {
  const more = Math.max(0, width - bits.length)
  const zeros = Array.from({ length: more }, () => EMPTY)
  return { present, bits: [...zeros, ...bits.slice(bits.length + more - width)] }
}
