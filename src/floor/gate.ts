/** The chains that go before the floor's others, and leave of it what the least of networks needs. */
import { CtState } from '../packet/packet.js'
import type { Chain, Expression, Match, Rule, Ruleset, Table } from '../ruleset/model.js'
import { compare, ct, field, meta, value } from '../ruleset/nodes.js'
import { isSelector } from '../ruleset/selectors.js'
import { ICMPV6_TYPES } from '../ruleset/symbols/messages.js'
import { plainMatches } from './rules.js'

export type GateMode = 'management' | 'closed'

const HOOKS = ['input', 'forward', 'output'] as const
type GateHook = (typeof HOOKS)[number]
/** Rules are for management if they are named so, or ask for this port. */
const MANAGEMENT = /ssh|admin|management/i
const SSH = 22n

const NEIGHBOURS = [
  ICMPV6_TYPES['nd-router-solicit'],
  ICMPV6_TYPES['nd-router-advert'],
  ICMPV6_TYPES['nd-neighbor-solicit'],
  ICMPV6_TYPES['nd-neighbor-advert'],
]

/** Just before the chains that filter, and behind connection tracking, whose states are asked for. */
const PRIORITY = -1

/**
 * A table whose chains drop all but the essentials: loopback and neighbour discovery (RFC 4861: hop limit 255), and for
 * management the connections that live and what the rules for it ask for. What it lets through is not accepted yet:
 * the floor's other chains judge it as well.
 */
export function gateTable(name: string, mode: GateMode, ruleset: Ruleset): Table {
  const chains = HOOKS.map(
    (hook): Chain => ({
      name: hook,
      base: { type: 'filter', hook, priority: PRIORITY, policy: 'drop' },
      rules: [...rulesOf(hook, mode, ruleset), { statements: [{ kind: 'counter' }] }],
    }),
  )
  return { family: 'inet', name, sets: [], windows: [], chains }
}

function rulesOf(hook: GateHook, mode: GateMode, ruleset: Ruleset): Rule[] {
  const loopback = hook === 'input' ? [meta('iifname')] : hook === 'output' ? [meta('oifname')] : []
  const states = BigInt(CtState.established | CtState.related)
  const lives = compare(ct('state'), 'in', { kind: 'flags', bits: states })
  const types: Expression = {
    kind: 'set',
    elements: NEIGHBOURS.map((type) => ({ kind: 'value', value: BigInt(type) })),
  }
  const neighbours = [
    compare(field('icmpv6', 'type'), 'in', types),
    compare(field('ip6', 'hoplimit'), 'in', value(255)),
  ]
  return [
    ...loopback.map((selector) => accepting('loopback', [compare(selector, 'in', value('lo'))])),
    ...(hook === 'forward' ? [] : [accepting('neighbour discovery', neighbours)]),
    ...(mode === 'closed' ? [] : [accepting('connections that live', [lives]), ...management(hook, ruleset)]),
  ]
}

function accepting(comment: string, matches: readonly Match[]): Rule {
  return { comment, statements: [...matches, { kind: 'accept' }] }
}

/** What the rules for management at a hook ask for; those of chains that are jumped to may be at any. */
function management(hook: GateHook, { tables }: Ruleset): Rule[] {
  const found = tables.flatMap((table) =>
    table.chains
      .filter(({ base }) => base === undefined || base.hook === hook)
      .flatMap(({ rules }) => rules.flatMap((rule) => managementRule(rule, table) ?? [])),
  )
  const texts = found.map(textOf)
  return found.filter((_, i) => texts.indexOf(texts[i]!) === i)
}

/** The part of a rule that needs none of its table's sets: more than it accepts, which the rule itself still judges. */
function managementRule(rule: Rule, table: Table): Rule | undefined {
  if (rule.statements.at(-1)?.kind !== 'accept') return undefined
  const matches = rule.statements.flatMap((statement) => plainMatches(statement, rule, table))
  const isNamed = MANAGEMENT.test(rule.comment ?? '')
  if (!isNamed && !matches.some((match) => asksForSsh(match, table))) return undefined
  const own = matches.filter(
    ({ left, right }) => isSelector(left) && left.kind !== 'hash' && right.kind !== 'reference',
  )
  const version =
    table.family === 'inet' ? [] : [compare(meta('nfproto'), 'in', value(table.family === 'ip' ? 2 : 10))]
  return accepting(rule.comment ?? 'management', [...version, ...own])
}

/** Whether a match asks for the port of SSH, among others or not. */
function asksForSsh({ left, operator, right }: Match, table: Table): boolean {
  const port = left.kind === 'payload' && left.field === 'dport' && ['tcp', 'th'].includes(left.protocol)
  if (!port || (operator !== 'in' && operator !== '==')) return false
  const set = right.kind === 'reference' ? table.sets.find(({ name }) => name === right.name) : right
  const elements = set === undefined ? [] : 'elements' in set ? set.elements : [set]
  return elements.some((element) => {
    if (element.kind === 'value') return element.value === SSH
    return element.kind === 'range' && element.from <= SSH && SSH <= element.to
  })
}

function textOf(rule: Rule): string {
  return JSON.stringify(rule, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))
}
