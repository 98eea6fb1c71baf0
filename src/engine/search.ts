/**
 * The search for the rules that hold of a packet, in a chain's part of a program. A chain starts with
 *
 *   the number of its trees, END, the address of the instruction that ends a chain,
 *   and for each tree: the least rank in it, and the entry of its root.
 *
 * An entry is three words: the address of a node, what it is, and its base; or the address of a leaf, and -1. What a
 * node is: shift (bits 0–4), column (bits 5–10) and the number of its last entry (from bit 11 on). A node is entries
 * one behind another. A value goes to the one of the number (value − base) >>> shift, at most the last: so a node is a
 * window on a range of values, and all others share its last entry.
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
  const end = chain + 3 + code[chain]! * 4
  for (let tree = chain + 3; tree < end && code[tree]! < before; tree += 4) {
    let at = code[tree + 1]!
    let what = code[tree + 2]!
    let base = code[tree + 3]!
    while (what >= 0) {
      const place = (fields[(what >>> 5) & 63]! - base) >>> what
      const last = what >>> 11
      // The lesser of both, without a branch that nobody could predict.
      const entry = at + 3 * (last + ((place - last) & -Number(place < last)))
      at = code[entry]!
      what = code[entry + 1]!
      base = code[entry + 2]!
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
