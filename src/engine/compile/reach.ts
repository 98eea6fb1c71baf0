import type { CompiledChain } from './compile.js'
import type { FlatRule } from './flatten.js'
import { isWithin, segmentOf } from './intervals.js'
import type { Node } from './tree.js'

/** A rule that no packet comes to. */
export interface Unreachable {
  readonly rule: number
  /** A rule that takes all its packets, where one alone does; none if its own matches exclude each other. */
  readonly by: number | 'several' | 'none'
}

/** Pairs of rules that are compared in all: past that, rules that one alone covers may be missed. */
const COMPARISONS = 5_000_000

/**
 * The rules to which no packet comes: never one to which some do. Found are those that a single rule before them
 * covers, those for which no place is left in their tree, and those whose matches exclude each other. Rules: how many
 * there are in all.
 */
export function unreachable(chains: readonly CompiledChain[], rules: number): Unreachable[] {
  /** By rule, and by family that it may be met in, why not. */
  const verdicts = Array.from({ length: rules }, (): (Unreachable['by'] | undefined)[] => [])
  let comparisons = COMPARISONS
  for (const chain of chains) {
    const left = ranksIn(chain)
    for (const [rank, rule] of chain.rules.entries()) {
      const by = covering(chain, rank)
      verdicts[rule.number]!.push(by?.number ?? (left.has(rank) ? undefined : 'several'))
    }
  }
  return verdicts.flatMap((reasons, rule): Unreachable[] => {
    if (reasons.includes(undefined)) return []
    const [first = 'none', ...others] = reasons
    return [{ rule, by: others.every((other) => other === first) ? first : 'several' }]
  })

  /** The first rule before one that takes all its packets: it must hold at any corner of its box. */
  function covering({ rules, trees }: CompiledChain, rank: number): FlatRule | undefined {
    const { box } = rules[rank]!
    let best = rank
    for (const { root } of trees) {
      for (const { rank: other, rule } of [...leafAt(root, box, 'lowest'), ...leafAt(root, box, 'highest')]) {
        if (other >= best || comparisons <= 0) continue
        comparisons--
        if (rule.final && contains(rule.box, box)) best = other
      }
    }
    return best < rank ? rules[best] : undefined
  }
}

/** The ranks of the rules that stand in the leaves of a chain. */
function ranksIn({ trees }: CompiledChain): Set<number> {
  const ranks = new Set<number>()
  const seen = new Set<Node>()
  const look = (node: Node): void => {
    if (seen.has(node)) return
    seen.add(node)
    if (node.kind === 'leaf') for (const { rank } of node.items) ranks.add(rank)
    else node.children.forEach(look)
  }
  for (const { root } of trees) look(root)
  return ranks
}

/** The rules in the leaf of a corner of a box. */
function leafAt(root: Node, box: FlatRule['box'], corner: 'lowest' | 'highest') {
  let node = root
  while (node.kind === 'cut') {
    const values = box.get(node.column)
    const point = corner === 'lowest' ? values?.[0]?.[0] : values?.at(-1)?.[1]
    node = node.children[segmentOf(node.starts, point ?? node.starts[0]!)]!
  }
  return node.items
}

function contains(outer: FlatRule['box'], inner: FlatRule['box']): boolean {
  for (const [column, values] of outer) {
    const own = inner.get(column)
    if (own === undefined || !isWithin(own, values)) return false
  }
  return true
}
