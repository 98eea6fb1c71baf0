import { boundedChains, boundText } from '../engine/compile/bounds.js'
import { type CompiledChain, compileChains } from '../engine/compile/compile.js'
import type { Figures } from '../engine/program.js'
import { parseOptions } from './arguments.js'
import { loadPolicy, translating } from './policy.js'
import { chainText } from './tree-text.js'

export const usage = `portcullis compile FILE [--print] [--json]

Compiles a policy or a ruleset to decision trees, and prints their figures.

  --print  prints the trees: which field is cut where, and which rules are left then
  --json   prints the figures as JSON

A step is a node that a packet passes, or a rule that it is compared with. Exit code 2 if the file cannot be compiled.`

export function compile(args: readonly string[]): void {
  const { values, positionals } = parseOptions(args, {
    print: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  })
  const { file, ruleset } = loadPolicy(positionals)
  const start = performance.now()
  const { program, chains } = translating(() => compileChains(ruleset))
  const milliseconds = performance.now() - start
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ file, ...program.figures, milliseconds })}\n`)
    return
  }
  if (values.print) {
    for (const chain of chains) process.stdout.write(`${chainText(chain, program.rules)}\n`)
  }
  process.stdout.write(`${figuresText(program.figures, chains, milliseconds)}\n`)
}

function figuresText(figures: Figures, chains: readonly CompiledChain[], milliseconds: number): string {
  const { rules, nodes, leaves, depth, bytes, longestLeaf, meanSteps, worstSteps } = figures
  const trees = chains.reduce((sum, chain) => sum + chain.trees.length, 0)
  return [
    `rules ${rules}, trees ${trees}, nodes ${nodes}, leaves ${leaves}, depth ${depth}, bytes ${bytes}`,
    `steps: ${meanSteps.toFixed(1)} on average, ${worstSteps} at most; up to ${longestLeaf} rules in a leaf`,
    `built in ${milliseconds.toFixed(0)} ms`,
    ...boundedChains(chains).map(boundText),
  ].join('\n')
}
