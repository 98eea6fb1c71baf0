/**
 * The search for the rules that hold of a packet, in a chain's part of a program. A chain starts with
 *
 *   the number of its trees, END, the address of the instruction that ends a chain,
 *   and for each tree: the least rank in it, and its entry.
 *
 * An entry is the address of a node, or the complement of a leaf's. A node's first word says what it is: shift (bits 0–4)
 * and column (bits 5–10), and above them
 *
 * - of a window (not under 0): the number of its last entry. Its base and its entries follow. A value goes to the entry
 *   of the number (value − base) >>> shift, at most the last: so it is a window on a range of values, and all others
 *   share its last entry.
 * - of a hash (under 0): 32 − bits of a slot's number (bits 11–15). A multiplier, the entry of all others, and slots of a
 *   key and its entry follow. A value's key is value >>> shift; it is looked for from the slot on that the upper bits of
 *   its product with the multiplier name, up to a slot with the entry of all others.
 *
 * A leaf is the rules that are left, in their order, then END: each its rank in the chain, the address of its
 * instructions, the length of the tests that follow, and these: column, lowest value, highest − lowest value.
 */

/** A rank behind all rules: the end of a leaf, and of a chain. */
const END = 0x7fffffff

/** Goes from an entry down to a leaf, and returns its address. */
export function descend(code: Int32Array, fields: Int32Array, entry: number): number {
  let at = entry
  while (at >= 0) {
    const what = code[at]!
    const value = fields[(what >>> 5) & 63]!
    if (what >= 0) {
      const place = (value - code[at + 1]!) >>> what
      const last = what >>> 11
      // The lesser of both, without a branch that nobody could predict.
      at = code[at + 2 + last + ((place - last) & -Number(place < last))]!
    } else {
      const key = (value >>> what) | 0
      const others = code[at + 2]!
      let slot = at + 3 + 2 * (Math.imul(key, code[at + 1]!) >>> (what >>> 11))
      at = code[slot + 1]!
      while (code[slot] !== key && at !== others) {
        slot += 2
        at = code[slot + 1]!
      }
    }
  }
  return ~at
}

/** Where the first rule of a chain with a rank above `after` stands that holds; or its END. */
export function search(code: Int32Array, fields: Int32Array, chain: number, after: number): number {
  let found = chain + 1
  let before = END
  const end = chain + 3 + code[chain]! * 2
  for (let tree = chain + 3; tree < end && code[tree]! < before; tree += 2) {
    const at = scan(code, fields, descend(code, fields, code[tree + 1]!), after, before)
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
