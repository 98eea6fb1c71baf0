/** What of a ruleset is there for nothing. */
import { Hook, type HookName } from '../packet/packet.js'
import type { Problem } from '../ruleset/check.js'
import type { Position, Rule, Ruleset, Statement, Table } from '../ruleset/model.js'
import { Decisions, type Visit } from './decisions.js'
import { EMPTY, SpaceError } from './diagram.js'
import { Space } from './space.js'

/** Long lists are compared rule by rule: beyond so many nodes nothing is said. */
const MOST_NODES = 2_000_000

/** Statements that only ask, and those that only decide. */
const PLAIN: ReadonlySet<Statement['kind']> = new Set([
  'match',
  'vmap',
  'accept',
  'drop',
  'reject',
  'return',
  'continue',
  'jump',
  'goto',
])

/**
 * Rules without which all packets would be judged as they are: what follows them does the same. All of them may go at once.
 * Rules that count, log or keep a state are there for that. Unreachable: rules to which no packet comes, which are not
 * told of again.
 */
export function idleRules(ruleset: Ruleset, unreachable: readonly Problem[]): Problem[] {
  const dead = new Set(unreachable.map(({ position }) => placeOf(position)))
  const rules = ruleset.tables.flatMap(({ chains }) => chains.flatMap((chain) => chain.rules))
  const useful = new Set<Rule>()
  const met = new Set<Rule>()
  const space = new Space(MOST_NODES)
  const visit = ({ rule, packets, does, next }: Visit): boolean => {
    if (dead.has(placeOf(rule.position))) return false
    if (packets === EMPTY) return true
    met.add(rule)
    if (!isPlain(rule)) return true
    const { diagram } = space
    const isIdle = diagram.choose(packets, does, EMPTY) === diagram.choose(packets, next, EMPTY)
    if (!isIdle) useful.add(rule)
    return !isIdle
  }
  try {
    const decisions = new Decisions(space, ruleset, { visit })
    for (const hook of Object.keys(Hook) as HookName[])
      for (const family of ['ip', 'ip6'] as const)
        decisions.at(hook, family, space.fields.feasible(hook, family))
  } catch (error) {
    if (error instanceof SpaceError) return []
    throw error
  }
  const isUseful = (rule: Rule) => !met.has(rule) || !isPlain(rule) || useful.has(rule)
  // What one rule of a policy becomes has one place: it is of use as long as one of its parts is.
  const used = new Set(rules.filter(isUseful).map(({ position }) => placeOf(position)))
  const told = new Set<string>()
  return rules.flatMap(({ position }) => {
    const place = placeOf(position)
    if (position === undefined || used.has(place) || told.has(place)) return []
    told.add(place)
    return [{ message: 'this rule changes nothing: what follows it does the same', position }]
  })
}

function isPlain({ statements }: Rule): boolean {
  return statements.every(({ kind }) => PLAIN.has(kind))
}

function placeOf(position: Position | undefined): string {
  return position === undefined ? '' : `${position.file}:${position.line}:${position.column}`
}

/** Sets and maps that no rule names. */
export function unusedSets(ruleset: Ruleset): Problem[] {
  return ruleset.tables.flatMap((table) => {
    const used = usedIn(table)
    return table.sets
      .filter(({ name }) => !used.has(name))
      .map(({ name, map, position }): Problem => {
        const message = `no rule uses the ${map === undefined ? 'set' : 'map'} ${name}`
        return position === undefined ? { message } : { message, position }
      })
  })
}

function usedIn({ chains }: Table): Set<string> {
  const used = new Set<string>()
  const look = (what: unknown): void => {
    if (typeof what !== 'object' || what === null) return
    const { kind, name, set } = what as { kind?: unknown; name?: unknown; set?: unknown }
    if (kind === 'reference') used.add(String(name))
    if (kind === 'set' && typeof set === 'string') used.add(set)
    for (const each of Object.values(what)) look(each)
  }
  for (const { rules } of chains) for (const { statements } of rules) look(statements)
  return used
}
