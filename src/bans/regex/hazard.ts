import { childrenOf, type Node, type SetItem } from './ast.js'
import { casesOf } from './characters.js'

/** Repetitions from which on one counts as unbounded: fewer cannot make much of a text. */
const MANY = 10
/** A set of characters of ASCII, a bit each, and bits for all others: of words, blanks, and the rest. */
type Characters = bigint
const OTHER_WORDS = 1n << 128n
const OTHER_BLANKS = 1n << 129n
const OTHERS = OTHER_WORDS | OTHER_BLANKS | (1n << 130n)
const ALL: Characters = (1n << 131n) - 1n

/**
 * Whether a regex repeats in ways that a backtracking engine may try again and again: repetitions within
 * repetitions, or right behind one another, that may read the same characters.
 */
export function isHazardous(node: Node): boolean {
  return look(node, 0n, false)
}

/** follow: what may come behind the node; nested: whether that is the node again. */
function look(node: Node, follow: Characters, nested: boolean): boolean {
  if (node.type === 'sequence') {
    let behind = follow
    let found = false
    for (let at = node.items.length - 1; at >= 0 && !found; at--) {
      const item = node.items[at]!
      found = look(item, behind, nested) || (isLoop(item) && meetsLoop(item, node.items.slice(at + 1)))
      behind = first(item) | (isNullable(item) ? behind : 0n)
    }
    return found
  }
  if (node.type === 'repeat' && isLoop(node)) {
    if (nested && (first(node.item) & follow) !== 0n) return true
    return look(node.item, follow | first(node.item), true)
  }
  return childrenOf(node).some((child) => look(child, follow, nested))
}

/** Whether a loop is followed, with nothing that must stand between, by another that may read the same. */
function meetsLoop(loop: Node, rest: readonly Node[]): boolean {
  for (const next of rest) {
    if (isLoop(next) && (first(next) & first(loop)) !== 0n) return true
    if (!isNullable(next)) return false
  }
  return false
}

function isLoop(node: Node): boolean {
  return node.type === 'repeat' && node.max >= MANY && node.mode !== 'possessive'
}

function isNullable(node: Node): boolean {
  switch (node.type) {
    case 'character':
    case 'set':
    case 'any':
      return false
    case 'sequence':
      return node.items.every(isNullable)
    case 'choice':
      return node.items.some(isNullable)
    case 'repeat':
      return node.min === 0 || isNullable(node.item)
    case 'group':
    case 'atomic':
      return isNullable(node.item)
    default:
      return true
  }
}

/** The characters that a node may begin with. */
function first(node: Node): Characters {
  switch (node.type) {
    case 'character':
      return casesOf(node.code).reduce((set, code) => set | bit(code), 0n)
    case 'set': {
      const set = node.items.reduce((set, item) => set | charactersOf(item), 0n)
      return node.negated ? (ALL & ~set) | OTHERS : set
    }
    case 'any':
      return ALL
    case 'sequence': {
      let set = 0n
      for (const item of node.items) {
        set |= first(item)
        if (!isNullable(item)) break
      }
      return set
    }
    case 'look':
    case 'assertion':
      return 0n
    case 'backreference':
      return ALL
    default:
      return childrenOf(node).reduce((set, child) => set | first(child), 0n)
  }
}

function charactersOf(item: SetItem): Characters {
  if ('name' in item) {
    const pattern = { d: /\d/, w: /\w/, s: /\s/ }[item.name]
    let set = item.name === 's' ? OTHER_BLANKS : OTHER_WORDS
    for (let code = 0; code < 128; code++)
      if (pattern.test(String.fromCharCode(code))) set |= 1n << BigInt(code)
    return item.negated ? ALL & ~set : set
  }
  let set = item.to > 127 ? OTHERS : 0n
  for (let code = item.from; code <= Math.min(127, item.to); code++)
    for (const other of casesOf(code)) set |= bit(other)
  return set
}

function bit(code: number): Characters {
  return code < 128 ? 1n << BigInt(code) : OTHERS
}
