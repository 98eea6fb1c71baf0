/** The nodes of a program, read back from its words: see search.ts for what is written where. */
export interface ProgramNode {
  readonly column: number
  /** What tells the ways apart: (value − base) >>> shift, as a signed word. */
  readonly base: number
  readonly shift: number
  /** The entry of each such number, in their order in the program. */
  readonly ways: ReadonlyMap<number, number>
  /** The entry of all others. */
  readonly others: number
}

/** The node at an address. */
export function nodeAt(code: Int32Array, at: number): ProgramNode {
  const what = code[at]!
  const node = { column: (what >>> 5) & 63, shift: what & 31 }
  const ways = new Map<number, number>()
  if (what >= 0) {
    const last = what >>> 11
    for (let place = 0; place < last; place++) ways.set(place, code[at + 2 + place]!)
    return { ...node, base: code[at + 1]!, ways, others: code[at + 2 + last]! }
  }
  const others = code[at + 2]!
  const slots = 2 ** (32 - ((what >>> 11) & 31))
  // Keys that found no place up to the last slot stand behind it, up to an empty one.
  for (let i = 0; i < slots || code[at + 4 + i * 2] !== others; i++) {
    if (code[at + 4 + i * 2] !== others) ways.set(code[at + 3 + i * 2]!, code[at + 4 + i * 2]!)
  }
  return { ...node, base: 0, ways, others }
}
