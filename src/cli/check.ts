import { evaluable } from '../engine/evaluable.js'
import { printRuleset } from '../language/nft/print/ruleset.js'
import { type Problem, RulesetError } from '../ruleset/check.js'
import type { Ruleset } from '../ruleset/model.js'
import { parseOptions } from './arguments.js'
import { Misuse } from './errors.js'
import { type LoadedRuleset, loadPolicy } from './policy.js'

export const usage = `portcullis check FILE [--as nft] [--json]

Checks a policy, a ruleset of nft or its JSON. Of a policy, prints the rules that it becomes, each with its line.

  --as nft   prints the rules as text that nft reads (our windows aside)
  --json     prints a summary as JSON

Exit code 2 if anything is wrong with the file. What Portcullis reads but cannot judge yet is named, and no error.`

/** How many things that cannot be judged are named. */
const SHOWN = 10

export function check(args: readonly string[]): void {
  const { file, as, json } = parse(args)
  const loaded = loadPolicy(file)
  if (as) process.stdout.write(printRuleset(loaded.ruleset))
  else if (json) process.stdout.write(`${JSON.stringify(summaryOf(loaded))}\n`)
  else if (loaded.language === 'policy') process.stdout.write(printRuleset(loaded.ruleset, { places: true }))
  else process.stdout.write(summaryText(loaded))
}

function parse(args: readonly string[]): { file: readonly string[]; as: boolean; json: boolean } {
  const { values, positionals } = parseOptions(args, {
    as: { type: 'string' },
    json: { type: 'boolean', default: false },
  })
  if (values.as !== undefined && values.as !== 'nft') throw new Misuse('--as knows nft only')
  return { file: positionals, as: values.as !== undefined, json: values.json }
}

function summaryOf({ file, language, ruleset }: LoadedRuleset) {
  const { tables } = ruleset
  const count = (of: (table: Ruleset['tables'][number]) => number) =>
    tables.reduce((sum, table) => sum + of(table), 0)
  return {
    file,
    language,
    tables: tables.length,
    chains: count(({ chains }) => chains.length),
    rules: count(({ chains }) => chains.reduce((sum, { rules }) => sum + rules.length, 0)),
    sets: count(({ sets }) => sets.length),
    elements: count(({ sets }) => sets.reduce((sum, { elements }) => sum + elements.length, 0)),
    notJudged: notJudged(ruleset),
  }
}

/** What the engine refuses of a ruleset. */
function notJudged(ruleset: Ruleset): readonly Problem[] {
  try {
    evaluable(ruleset)
    return []
  } catch (error) {
    if (error instanceof RulesetError) return error.problems
    throw error
  }
}

function summaryText(loaded: LoadedRuleset): string {
  const { file, tables, chains, rules, sets, elements, notJudged } = summaryOf(loaded)
  const lines = [
    `${file}: ${some(tables, 'table')}, ${some(chains, 'chain')}, ${some(rules, 'rule')}, ${some(sets, 'set')} with ${some(elements, 'element')}`,
  ]
  for (const { message, position } of notJudged.slice(0, SHOWN)) {
    const place = position === undefined ? '' : `${position.file}:${position.line}:${position.column}: `
    lines.push(`${place}${message}`)
  }
  if (notJudged.length > SHOWN) lines.push(`and ${notJudged.length - SHOWN} more`)
  return `${lines.join('\n')}\n`
}

function some(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
