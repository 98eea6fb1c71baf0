import { add, type Point } from './intervals.js'

/** Bits of a value that a node of the trie looks at, and its entries. */
const STRIDE = 4
const FANOUT = 1 << STRIDE

/**
 * Appends a trie to a program and returns its root's offset. It maps every value of `bits` bits to the target
 * of the segment that holds it: segment i runs from starts[i] to before starts[i + 1], and starts[0] is 0.
 *
 * A node is sixteen words. A word under 0 is the end of the walk, the complement of the segment's target; any
 * other is the offset of the next node.
 */
export function appendTrie(
  code: number[],
  bits: number,
  starts: readonly Point[],
  targets: readonly number[],
): number {
  const widths: Point[] = []
  for (let shift = bits - STRIDE; shift >= 0; shift -= STRIDE) {
    widths.push(bits > 32 ? 1n << BigInt(shift) : 2 ** shift)
  }

  function appendNode(level: number, first: number, last: number, base: Point): number {
    const node = code.length
    for (let part = 0; part < FANOUT; part++) code.push(0)
    const width = widths[level]!
    let low = base
    let from = first
    for (let part = 0; part < FANOUT; part++) {
      const next = add(low, width)
      while (from < last && starts[from + 1]! <= low) from++
      let to = from
      while (to < last && starts[to + 1]! < next) to++
      code[node + part] = from === to ? ~targets[from]! : appendNode(level + 1, from, to, low)
      low = next
    }
    return node
  }

  return appendNode(0, 0, starts.length - 1, bits > 32 ? 0n : 0)
}
