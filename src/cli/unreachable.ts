import type { CompiledChain } from '../engine/compile/compile.js'
import { type Unreachable, unreachable } from '../engine/compile/reach.js'
import type { Program, RuleInfo } from '../engine/program.js'
import type { Problem } from '../ruleset/check.js'
import type { Position } from '../ruleset/model.js'

/** The rules of a compiled ruleset to which no packet comes, and why, by their places. */
export function unreachableRules(program: Program, chains: readonly CompiledChain[]): Problem[] {
  const found = new Map(unreachable(chains, program.rules.length).map((each) => [each.rule, each]))
  // What one rule of a policy becomes has one place: it can match as long as one of its parts can.
  const reached = new Set(
    program.rules.flatMap(({ position }, rule) => (found.has(rule) ? [] : [placeOf(position)])),
  )
  const told = new Set<string>()
  return program.rules.flatMap((info, rule) => {
    const why = found.get(rule)
    const place = placeOf(info.position)
    if (why === undefined || info.position === undefined || reached.has(place) || told.has(place)) return []
    told.add(place)
    return [
      { message: `this rule can never match: ${reason(why, info, program.rules)}`, position: info.position },
    ]
  })
}

function reason({ by }: Unreachable, rule: RuleInfo, rules: readonly RuleInfo[]): string {
  if (by === 'none') return 'what it asks for excludes itself'
  if (by === 'several') return 'the rules before it cover it'
  const { position } = rules[by]!
  if (position === undefined) return `rule ${by + 1} covers it`
  return position.file === rule.position?.file
    ? `line ${position.line} covers it`
    : `${position.file}:${position.line} covers it`
}

function placeOf(position: Position | undefined): string {
  return position === undefined ? '' : `${position.file}:${position.line}:${position.column}`
}
