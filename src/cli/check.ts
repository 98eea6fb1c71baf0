import { type Advice, advise } from '../advice/advise.js'
import { type BoundedChain, boundedChains, boundText } from '../engine/compile/bounds.js'
import { compileChains } from '../engine/compile/compile.js'
import { evaluable } from '../engine/evaluable.js'
import { printRuleset } from '../language/nft/print/ruleset.js'
import type { Problem } from '../ruleset/check.js'
import type { Position, Ruleset } from '../ruleset/model.js'
import { idleRules, unusedSets } from '../space/lint.js'
import { comparedVersions } from '../space/versions.js'
import { parseOptions } from './arguments.js'
import { Misuse } from './errors.js'
import { checkJailsFolder, checkPolicyBans } from './jails.js'
import { type LoadedRuleset, loadPolicy } from './policy.js'
import { surroundings } from './surroundings.js'
import { unreachableRules } from './unreachable.js'

export const usage = `portcullis check FILE|FOLDER [--as nft] [--json] [--prose], or check --jails DIR [--json]

Checks a policy, or a ruleset of nft, iptables or ufw. Of a policy, prints the rules that it becomes, each with its line.
Then gives advice, on what most likely does not do what it was written for.

  --as nft     prints the rules as text that nft reads (our windows aside)
  --jails DIR  checks the jails of a folder of fail2ban instead, with their filters
  --json       prints a summary as JSON
  --prose      passes over lines of a script that are no commands

Exit code 2 if anything is wrong with the file. What Portcullis reads but cannot judge is named, and so are
rules that can never match, rules that change nothing, and sets that no rule uses: these are no errors.`

/** How many things of a kind are named. */
const SHOWN = 10

export function check(args: readonly string[]): void {
  const { file, as, json, prose, jails } = parse(args)
  if (jails !== undefined) {
    checkJailsFolder(jails, json)
    return
  }
  const loaded = loadPolicy(file, { prose })
  const found = findings(loaded.ruleset)
  if (as) process.stdout.write(printRuleset(loaded.ruleset))
  else if (json) process.stdout.write(`${JSON.stringify(summaryOf(loaded, found))}\n`)
  else if (loaded.language === 'policy') {
    process.stdout.write(printRuleset(loaded.ruleset, { places: true }))
    const lines = findingLines(found)
    if (lines.length > 0) process.stderr.write(`${lines.join('\n')}\n`)
  } else process.stdout.write(summaryText(loaded, found))
  if (loaded.bans !== undefined) checkPolicyBans(loaded.bans, loaded.file)
  if (json) return
  for (const { position, message } of loaded.passedOver)
    process.stderr.write(`${at(position)}passed over: ${message}\n`)
  for (const advice of found.advice) process.stderr.write(adviceText(advice))
}

function adviceText({ message, hint, positions }: Advice): string {
  const [first, ...others] = positions
  const also =
    others.length === 0 ? '' : ` (and ${others.map(({ file, line }) => `${file}:${line}`).join(', ')})`
  return `${first === undefined ? '' : at(first)}advice: ${message}${also}\n   ${hint}\n`
}

function at({ file, line, column }: Position): string {
  return `${file}:${line}:${column}: `
}

function parse(args: readonly string[]) {
  const { values, positionals } = parseOptions(args, {
    as: { type: 'string' },
    jails: { type: 'string' },
    json: { type: 'boolean', default: false },
    prose: { type: 'boolean', default: false },
  })
  if (values.as !== undefined && values.as !== 'nft') throw new Misuse('--as knows nft only')
  const { jails, json, prose } = values
  if (jails !== undefined && (positionals.length > 0 || values.as !== undefined))
    throw new Misuse('--jails goes with --json only')
  return { file: positionals, as: values.as !== undefined, json, prose, jails }
}

function summaryOf(loaded: LoadedRuleset, found: Findings) {
  const { file, language, ruleset } = loaded
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
    ...found,
  }
}

interface Findings {
  /** What the engine cannot judge. */
  readonly notJudged: readonly Problem[]
  /** If that is nothing, the rules that can never match, and those that change nothing. */
  readonly unreachable: readonly Problem[]
  readonly idle: readonly Problem[]
  /** Sets that no rule uses. */
  readonly unused: readonly Problem[]
  readonly advice: readonly Advice[]
}

function findings(ruleset: Ruleset): Findings {
  const notJudged = evaluable(ruleset)
  const unused = unusedSets(ruleset)
  const advice = advise(ruleset, surroundings())
  if (notJudged.length > 0) return { notJudged, unreachable: [], idle: [], unused, advice }
  const { program, chains } = compileChains(ruleset)
  const unreachable = unreachableRules(program, chains)
  return {
    notJudged,
    unreachable,
    idle: idleRules(ruleset, unreachable),
    unused,
    advice: [...advice, ...comparedVersions(ruleset), ...boundedChains(chains).map(boundAdvice)],
  }
}

function boundAdvice(chain: BoundedChain): Advice {
  return {
    id: 'tree-bound',
    message: boundText(chain),
    hint: 'rules that ask for single addresses, prefixes or ports can be told apart better than ranges that overlap',
    positions: [],
  }
}

function findingLines({ notJudged, unreachable, idle, unused }: Findings): string[] {
  return [notJudged, unreachable, idle, unused].flatMap(problemLines)
}

function summaryText(loaded: LoadedRuleset, found: Findings): string {
  const { file, tables, chains, rules, sets, elements } = summaryOf(loaded, found)
  const lines = [
    `${file}: ${some(tables, 'table')}, ${some(chains, 'chain')}, ${some(rules, 'rule')}, ${some(sets, 'set')} with ${some(elements, 'element')}`,
  ]
  return `${[...lines, ...findingLines(found)].join('\n')}\n`
}

function problemLines(problems: readonly Problem[]): string[] {
  const lines = problems
    .slice(0, SHOWN)
    .map(({ message, position }) => `${position === undefined ? '' : at(position)}${message}`)
  return problems.length > SHOWN ? [...lines, `and ${problems.length - SHOWN} more`] : lines
}

function some(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
