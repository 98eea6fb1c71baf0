/**
 * What a rule has asked of the protocols before a statement. nft asks for ICMP's own family, IPv4 or IPv6, only where the rule
 * has not said anything of the family or has not asked for ICMP by its number: otherwise ICMPv6 over IPv4 counts as such.
 */
import type { Expression, Match, Rule, Selector, Statement, TableFamily } from '../../ruleset/model.js'
import { selectorInfo, selectorsOf } from '../../ruleset/selectors.js'

export interface Asked {
  readonly family: boolean
  /** The number of the transport protocol. */
  readonly transport: number | undefined
}

/** What a rule asks for, as it never changes. */
interface RuleAsked {
  /** Before anything else: the families of extension headers and of IPv4's options. */
  readonly families: readonly number[]
  /** Before each of its statements, and at its end. */
  readonly before: readonly Asked[]
}

const KNOWN = new WeakMap<Rule, RuleAsked>()

export function askedOf(rule: Rule, family: TableFamily): RuleAsked {
  const known = KNOWN.get(rule)
  if (known !== undefined) return known
  const before = [askedBy(family)]
  for (const statement of rule.statements) before.push(behind(before.at(-1)!, statement))
  const asked = { families: familiesAskedFirst(rule.statements, before[0]!), before }
  KNOWN.set(rule, asked)
  return asked
}

/** Tables of one family ask for it. */
function askedBy(family: TableFamily): Asked {
  return { family: family !== 'inet', transport: undefined }
}

/** What has been asked behind a statement. */
function behind(before: Asked, statement: Statement): Asked {
  let { family, transport } = before
  for (const expression of expressionsOf(statement)) {
    for (const selector of deepSelectorsOf(expression)) {
      const info = selectorInfo(selector)
      // Options and chunks are looked for in any packet.
      if (selector.kind !== 'payload' && selector.kind !== 'exthdr' && selector.kind !== 'ip option') continue
      for (const { column, value } of info?.implies ?? []) {
        if (column === 'nfproto') family = true
        else transport = value
      }
    }
  }
  if (statement.kind === 'xtables' && statement.name === 'protocol' && !statement.invert)
    return { family, transport: statement.protocol }
  if (statement.kind !== 'match') return { family, transport }
  const said = saidBy(statement)
  return { family: family || said.family, transport: said.transport ?? transport }
}

/** The families that nft asks for before anything else in a rule: those of extension headers and of IPv4's options. */
function familiesAskedFirst(statements: readonly Statement[], start: Asked): readonly number[] {
  const families: number[] = []
  let asked = start
  for (const statement of statements) {
    for (const selector of [...expressionsOf(statement)].flatMap((one) => [...deepSelectorsOf(one)])) {
      if ((selector.kind !== 'exthdr' && selector.kind !== 'ip option') || asked.family) continue
      families.push(...(selectorInfo(selector)?.implies ?? []).map(({ value }) => value))
    }
    asked = behind(asked, statement)
  }
  return families
}

/** The selectors of an expression, and those that a hash is made of. */
function* deepSelectorsOf(expression: Expression): Generator<Selector> {
  for (const selector of selectorsOf(expression)) {
    yield selector
    if (selector.kind === 'hash') yield* deepSelectorsOf(selector.of!)
  }
}

function* expressionsOf(statement: Statement): Generator<Expression> {
  if (statement.kind === 'match') yield statement.left
  if (statement.kind === 'vmap' || statement.kind === 'meter') yield statement.key
  if (statement.kind === 'mangle') yield statement.value
  if (statement.kind === 'set') yield statement.element
  if (statement.kind === 'object' && typeof statement.name !== 'string') yield statement.name
}

/** What a match says by its own words. */
function saidBy({ operator, left, right }: Match): Asked {
  const nothing = { family: false, transport: undefined }
  if ((operator !== 'in' && operator !== '==') || right.kind !== 'value') return nothing
  if ((left.kind === 'meta' && left.key === 'nfproto') || (left.kind === 'ct' && left.key === 'l3proto'))
    return { ...nothing, family: true }
  const isTransport =
    (left.kind === 'meta' && left.key === 'l4proto') ||
    (left.kind === 'payload' &&
      (left.field === 'protocol' || (left.protocol === 'ip6' && left.field === 'nexthdr')))
  return isTransport ? { ...nothing, transport: Number(right.value) } : nothing
}
