/**
 * The search for the rules that hold of a packet, in a chain's part of a program. A chain starts with
 *
 *   the number of its trees, END, the address of the instruction that ends a chain,
 *   and for each tree: the least rank in it, the address of its root and what the root is.
 *
 * A node is base, last, and from the third word on pairs of the address of a child and what that is: -1 for a leaf,
 * else column (from bit 5 on) and shift (bits 0–4). A value's pair is the one of the number (value − base) >>> shift,
 * at most `last`: so a node is a window on a range of values, and all others share its last pair.
 *
 * A leaf is the rules that are left, in their order, then END: each its rank in the chain, the address of its
 * instructions, the length of the tests that follow, and these: column, lowest value, highest − lowest value.
 */

/** A rank behind all rules: the end of a leaf, and of a chain. */
const END = 0x7fffffff

/** Where the first rule of a chain with a rank above `after` stands that holds; or its END. */
export function search(code: Int32Array, fields: Int32Array, chain: number, after: number): number {
  let found = chain + 1
  let before = END
  const end = chain + 3 + code[chain]! * 3
  for (let tree = chain + 3; tree < end && code[tree]! < before; tree += 3) {
    let at = code[tree + 1]!
    let what = code[tree + 2]!
    while (what >= 0) {
      const place = (fields[what >>> 5]! - code[at]!) >>> what
      const last = code[at + 1]! >>> 0
      // The lesser of both, without a branch that nobody could predict.
      const pair = at + 2 + ((last + ((place - last) & -Number(place < last))) << 1)
      at = code[pair]!
      what = code[pair + 1]!
    }
    at = scan(code, fields, at, after, before)
    if (code[at]! < before) {
      before = code[at]!
      found = at
    }
  }
  return found
}

/** The next rule of a chain that holds behind the one at `rule`. */
export function searchOn(code: Int32Array, fields: Int32Array, chain: number, rule: number): number {
  const rank = code[rule]!
  if (code[chain]! > 1) return search(code, fields, chain, rank)
  const next = scan(code, fields, rule, rank, END)
  return code[next] === END ? chain + 1 : next
}

/** In a leaf, from a rule of it on, where the first rule stands that holds, or one with a rank from `before` on. */
function scan(code: Int32Array, fields: Int32Array, rule: number, after: number, before: number): number {
  let at = rule
  for (;;) {
    const rank = code[at]!
    if (rank >= before) return at
    let test = at + 3
    const end = test + code[at + 2]!
    while (test < end && (fields[code[test]!]! - code[test + 1]!) >>> 0 <= code[test + 2]! >>> 0) test += 3
    if (test >= end && rank > after) return at
    at = end
  }
}
