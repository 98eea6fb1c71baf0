import { nodeAt } from '../nodes.js'

/** A rank behind all rules: see search.ts. */
const END = 0x7fffffff

/** What the trees of some chains are like. A step is a node that is passed, or a rule of a leaf that is looked at. */
export interface TreeFigures {
  readonly nodes: number
  readonly leaves: number
  /** Nodes on the longest way to a leaf. */
  readonly depth: number
  /** Rules in the longest leaf. */
  readonly longestLeaf: number
  /** Steps of a search that finds nothing, in the chain where it takes most. */
  readonly worstSteps: number
  /** The same where each entry of a node is met as often as the others, averaged over the chains. */
  readonly meanSteps: number
}

interface Subtree {
  readonly depth: number
  readonly worst: number
  readonly mean: number
}

/** The figures of the chains that start at these places of a program. */
export function figuresOf(code: Int32Array, chains: readonly number[]): TreeFigures {
  const known = new Map<number, Subtree>()
  let nodes = 0
  let leaves = 0
  let longestLeaf = 0
  const roots = chains.map((chain) =>
    Array.from({ length: code[chain]! }, (_, tree) => {
      return subtree(code[chain + 4 + tree * 2]!)
    }),
  )
  const sums = (of: (tree: Subtree) => number) =>
    roots.map((trees) => trees.reduce((sum, tree) => sum + of(tree), 0))
  const means = sums(({ mean }) => mean)
  return {
    nodes,
    leaves,
    longestLeaf,
    depth: Math.max(0, ...roots.flat().map(({ depth }) => depth)),
    worstSteps: Math.max(0, ...sums(({ worst }) => worst)),
    meanSteps: means.reduce((sum, mean) => sum + mean, 0) / Math.max(1, means.length),
  }

  function subtree(entry: number): Subtree {
    let found = known.get(entry)
    if (found === undefined) {
      found = entry < 0 ? leaf(~entry) : node(entry)
      known.set(entry, found)
    }
    return found
  }

  function leaf(start: number): Subtree {
    let rules = 0
    for (let at = start; code[at] !== END; at += 3 + code[at + 2]!) rules++
    leaves++
    longestLeaf = Math.max(longestLeaf, rules)
    return { depth: 0, worst: rules, mean: rules }
  }

  function node(at: number): Subtree {
    nodes++
    const { ways, others } = nodeAt(code, at)
    const entries = [...ways.values(), others]
    let depth = 0
    let worst = 0
    let sum = 0
    for (const entry of entries) {
      const below = subtree(entry)
      depth = Math.max(depth, below.depth)
      worst = Math.max(worst, below.worst)
      sum += below.mean
    }
    return { depth: depth + 1, worst: worst + 1, mean: sum / entries.length + 1 }
  }
}
