/** A regular expression, as Python reads it (https://docs.python.org/3/library/re.html). Characters are code points. */
export type Node =
  | { readonly type: 'character'; readonly code: number; readonly fold: boolean }
  | {
      readonly type: 'set'
      readonly negated: boolean
      readonly items: readonly SetItem[]
      readonly fold: boolean
    }
  /** Any character; line feeds only with `all`. */
  | { readonly type: 'any'; readonly all: boolean }
  | { readonly type: 'sequence'; readonly items: readonly Node[] }
  | { readonly type: 'choice'; readonly items: readonly Node[] }
  | {
      readonly type: 'repeat'
      readonly item: Node
      readonly min: number
      readonly max: number
      readonly mode: 'greedy' | 'lazy' | 'possessive'
    }
  /** Captures; groups count from 1. */
  | { readonly type: 'group'; readonly index: number; readonly name?: string; readonly item: Node }
  | { readonly type: 'look'; readonly ahead: boolean; readonly negated: boolean; readonly item: Node }
  | { readonly type: 'atomic'; readonly item: Node }
  | { readonly type: 'backreference'; readonly index: number; readonly fold: boolean }
  /** One or the other, by whether a group has taken part. */
  | { readonly type: 'conditional'; readonly index: number; readonly yes: Node; readonly no: Node }
  | { readonly type: 'assertion'; readonly kind: Assertion }

export type SetItem =
  | { readonly from: number; readonly to: number }
  | { readonly name: ClassName; readonly negated: boolean }

/** Digits, characters of words, blanks. */
export type ClassName = 'd' | 'w' | 's'

/** `end` is also before a line feed that ends the text. */
export type Assertion = 'start' | 'end' | 'lineStart' | 'lineEnd' | 'textEnd' | 'word' | 'notWord'

export const EMPTY: Node = { type: 'sequence', items: [] }

/** What never matches. */
export const NEVER: Node = { type: 'look', ahead: true, negated: true, item: EMPTY }

/** The nodes right below one. */
export function childrenOf(node: Node): readonly Node[] {
  switch (node.type) {
    case 'sequence':
    case 'choice':
      return node.items
    case 'repeat':
    case 'group':
    case 'look':
    case 'atomic':
      return [node.item]
    case 'conditional':
      return [node.yes, node.no]
    default:
      return []
  }
}

/** A node with others below it. */
export function withChildren(node: Node, replace: (child: Node) => Node): Node {
  switch (node.type) {
    case 'sequence':
    case 'choice':
      return { ...node, items: node.items.map(replace) }
    case 'repeat':
    case 'group':
    case 'look':
    case 'atomic':
      return { ...node, item: replace(node.item) }
    case 'conditional':
      return { ...node, yes: replace(node.yes), no: replace(node.no) }
    default:
      return node
  }
}

/** Whether a node or one below it is such a one. */
export function contains(node: Node, such: (node: Node) => boolean): boolean {
  return such(node) || childrenOf(node).some((child) => contains(child, such))
}
