import type { CompiledChain } from './compile.js'
import { LONG, type Node } from './tree.js'

/** A chain of which a tree would have become too large, so that longer lists of rules are compared one by one. */
export interface BoundedChain {
  readonly table: string
  readonly chain: string
  /** Rules that are in such leaves, and those of the longest. */
  readonly rules: number
  readonly longest: number
}

/** The chains whose trees reached their bounds; a chain that packets of both IP versions run is told once. */
export function boundedChains(chains: readonly CompiledChain[]): BoundedChain[] {
  const found = new Map<string, BoundedChain>()
  for (const { table, name, trees } of chains) {
    const rules = new Set<number>()
    let longest = 0
    for (const { root, bounded } of trees) if (bounded) visit(root, new Set())
    if (longest === 0) continue
    const key = `${table.family} ${table.name} ${name}`
    const known = found.get(key)
    if (known === undefined || known.longest < longest)
      found.set(key, { table: table.name, chain: name, rules: rules.size, longest })

    function visit(node: Node, seen: Set<Node>): void {
      if (seen.has(node)) return
      seen.add(node)
      if (node.kind === 'cut') for (const child of node.children) visit(child, seen)
      else if (node.items.length > LONG) {
        longest = Math.max(longest, node.items.length)
        for (const { rank } of node.items) rules.add(rank)
      }
    }
  }
  return [...found.values()]
}

/** What to say of it. */
export function boundText({ table, chain, rules, longest }: BoundedChain): string {
  return `the tree of chain ${chain} of table ${table} reached its bound: ${rules} rules stay in leaves of up to ${longest}, and are compared one by one`
}
