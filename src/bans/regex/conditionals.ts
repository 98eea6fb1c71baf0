import { childrenOf, contains, EMPTY, NEVER, type Node, withChildren } from './ast.js'

/** Nodes that writing conditions out may lead to. */
const MOST_NODES = 20_000

/**
 * Writes conditions, and references to groups that may not have taken part, out into alternatives, which
 * JavaScript's regular expressions and RE2 lack or read otherwise: `(a)?b(?(1)c|d)` becomes `(?:(a)bc|bd)`. What
 * was tried first is tried first. Undefined where a group stands in a repetition and asking for it outside of it
 * cannot be written out.
 */
export function writeOut(node: Node): Node | undefined {
  try {
    return resolve(node, new Map())
  } catch (error) {
    if (error instanceof NotWritable) return undefined
    throw error
  }
}

class NotWritable extends Error {}

/** Whether groups have taken part, as far as it is known. */
type Known = ReadonlyMap<number, boolean>

function resolve(node: Node, known: Known): Node {
  switch (node.type) {
    case 'sequence':
      return sequence(node.items, known)
    case 'conditional': {
      const took = known.get(node.index)
      if (took === undefined) throw new NotWritable()
      return resolve(took ? node.yes : node.no, known)
    }
    case 'backreference':
      return known.get(node.index) === false ? NEVER : node
    default:
      return withChildren(node, (child) => resolve(child, known))
  }
}

/** What stands behind something that sets a group, and asks for it, is written once for each answer. */
function sequence(items: readonly Node[], known: Known): Node {
  const resolved: Node[] = []
  for (const [at, item] of items.entries()) {
    const rest = items.slice(at + 1)
    const asked = groupsOf(item).find((group) => !known.has(group) && rest.some((node) => asks(node, group)))
    if (asked === undefined) {
      resolved.push(resolve(item, known))
      continue
    }
    const splits = split(item, asked)
    const choices = splits.map(({ node, took }) => {
      const inner = new Map(known).set(asked, took)
      return sequence([node, ...rest], inner)
    })
    if (choices.reduce((sum, choice) => sum + size(choice), 0) > MOST_NODES) throw new NotWritable()
    resolved.push(choices.length === 1 ? choices[0]! : { type: 'choice', items: choices })
    break
  }
  return resolved.length === 1 ? resolved[0]! : { type: 'sequence', items: resolved }
}

/** The ways through a node, in their order, by whether a group takes part in them. */
function split(node: Node, group: number): { node: Node; took: boolean }[] {
  if (!groupsOf(node).includes(group)) return [{ node, took: false }]
  switch (node.type) {
    case 'group':
      if (node.index === group) return [{ node, took: true }]
      return split(node.item, group).map(({ node: item, took }) => ({ node: { ...node, item }, took }))
    case 'choice':
      return merge(node.items.flatMap((item) => split(item, group)))
    case 'look':
    case 'atomic': {
      const inside = split(node.item, group)
      if (inside.length > 1 || (node.type === 'look' && node.negated)) throw new NotWritable()
      return inside.map(({ node: item, took }) => ({ node: { ...node, item }, took }))
    }
    case 'sequence': {
      const at = node.items.findIndex((item) => groupsOf(item).includes(group))
      return split(node.items[at]!, group).map(({ node: item, took }) => ({
        node: { type: 'sequence', items: node.items.with(at, item) },
        took,
      }))
    }
    case 'repeat': {
      if (node.max !== 1 || node.mode === 'possessive') throw new NotWritable()
      const with_ = split(node.item, group)
      if (node.min === 1) return with_
      const without = { node: EMPTY, took: false }
      return node.mode === 'lazy' ? [without, ...with_] : [...with_, without]
    }
    default:
      throw new NotWritable()
  }
}

/** Neighbours of the same answer as one. */
function merge(splits: { node: Node; took: boolean }[]): { node: Node; took: boolean }[] {
  const merged: { node: Node; took: boolean }[] = []
  for (const next of splits) {
    const last = merged.at(-1)
    if (last?.took !== next.took) merged.push(next)
    else
      merged[merged.length - 1] = { took: next.took, node: { type: 'choice', items: [last.node, next.node] } }
  }
  return merged
}

function asks(node: Node, group: number): boolean {
  return contains(
    node,
    (inner) => (inner.type === 'conditional' || inner.type === 'backreference') && inner.index === group,
  )
}

function groupsOf(node: Node): number[] {
  const below = childrenOf(node).flatMap(groupsOf)
  return node.type === 'group' ? [node.index, ...below] : below
}

function size(node: Node): number {
  return childrenOf(node).reduce((sum, child) => sum + size(child), 1)
}
