/** Rules: their statements, the protocols that these ask for, and what nft leaves out or adds when it lists them. */
import { Family, type HookName } from '../../../packet/packet.js'
import { TERMINAL } from '../../../ruleset/check.js'
import { PROTOCOL_FIELDS } from '../../../ruleset/fields.js'
import type { Expression, Match, Payload, Rule, Selector, Statement } from '../../../ruleset/model.js'
import { type Implied, selectorInfo, selectorsOf, selectorText } from '../../../ruleset/selectors.js'
import { ICMP_TYPES, ICMPV6_TYPES } from '../../../ruleset/symbols/messages.js'
import { PROTOCOLS } from '../../../ruleset/symbols/protocols.js'
import { symbolName, symbolValue } from '../../../ruleset/symbols/symbols.js'
import type { RuleNode, StatementNode } from '../ast.js'
import { Context } from './context.js'
import { lowerStatement } from './statements.js'

const ETHER_TYPES: Readonly<Record<string, number>> = { '2048': Family.ipv4, '34525': Family.ipv6 }
const VLAN = 0x8100n
const TCP: Match = {
  kind: 'match',
  operator: 'in',
  left: { kind: 'meta', key: 'l4proto' },
  right: { kind: 'value', value: 6n },
}
/** A rule of a chain at a hook, if it is a base chain. */
export function lowerRule(node: RuleNode, outer: Context, hook?: HookName): Rule {
  const context = new Context(outer.source, outer.scope, outer.reports, outer.table)
  context.hook = hook
  const known = new Known(context)
  const statements: Statement[] = []
  for (const statement of node.statements) {
    const last = statements.at(-1)
    if (last !== undefined && TERMINAL.has(last.kind))
      context.fail(statement, `nothing can follow ${last.kind}: it ends the rule`)
    const lowered = lowerStatement(statement, context)
    known.learn(lowered, statement)
    const types = typesBefore(lowered, statements)
    if (types !== undefined) statements.push(types)
    if (asksForTheOnlyType(statements.at(-1), lowered)) statements.pop()
    statements.push(lowered)
  }
  const resets = statements.some((statement) => statement.kind === 'reject' && statement.type === 'tcp reset')
  // In inet nft says what a reset is for, elsewhere it does not.
  if (resets && !known.saysTcp && context.family === 'inet') statements.unshift(TCP)
  return {
    statements: inHeaderOrder(withoutImplied(statements, context)),
    ...(node.comment === null ? {} : { comment: node.comment }),
    ...(node.handle === null ? {} : { handle: Number(node.handle) }),
    position: context.position(node),
  }
}

/** What a rule has said of the protocols so far: a second word against it is an error, as to nft. */
class Known {
  readonly #context: Context
  /** A rule that resets connections has said before that it is about TCP. */
  saysTcp = true
  #etherType = VLAN
  readonly #facts = new Map<Implied['column'], { value: number; text: string }>()

  constructor(context: Context) {
    this.#context = context
    const { family } = context
    if (family !== 'inet') {
      context.guessedFamily = family
      const value = family === 'ip' ? Family.ipv4 : Family.ipv6
      this.#facts.set('nfproto', { value, text: `family ${family}` })
    }
  }

  learn(statement: Statement, node: StatementNode): void {
    if (statement.kind === 'mangle') this.#ask(statement.value, node)
    if (statement.kind === 'reject' && statement.type === 'tcp reset') {
      this.saysTcp = this.#facts.has('l4proto')
      this.#fact({ column: 'l4proto', value: 6 }, 'tcp reset', node)
    }
    if (statement.kind === 'vmap') this.#ask(statement.key, node)
    if (statement.kind === 'set') this.#ask(statement.element, node)
    if (statement.kind === 'meter') this.#ask(statement.key, node)
    if (statement.kind !== 'match') return
    this.#ask(statement.left, node)
    const { left, right } = statement
    const type = left.kind === 'payload' && left.protocol === 'ether' && left.field === 'type'
    if (type && right.kind === 'value' && typeof right.value === 'bigint') this.#etherType = right.value
    if (left.kind === 'payload' && left.protocol === 'vlan' && this.#etherType !== VLAN)
      this.#context.fail(node, 'vlan asks for ether type vlan, but another was asked for before')
    const fact = saidBy(statement)
    // What the link layer says of the protocol may contradict the table's family: then the rule never matches.
    const link =
      left.kind === 'payload' ? left.protocol === 'ether' : left.kind === 'meta' && left.key === 'protocol'
    if (fact !== undefined && !(link && this.#context.family !== 'inet'))
      this.#fact(fact, selectorText(statement.left as Selector), node)
  }

  #ask(expression: Expression, node: StatementNode): void {
    for (const selector of selectorsOf(expression)) {
      const icmp = selector.kind === 'payload' && /^i[cg]mp/.test(selector.protocol)
      for (const implied of selectorInfo(selector)?.implies ?? []) {
        // nft asks ICMP for its number alone.
        if (!icmp || implied.column === 'l4proto') this.#fact(implied, selectorText(selector), node)
        else this.#context.guessedFamily ??= implied.value === Family.ipv4 ? 'ip' : 'ip6'
      }
    }
  }

  #fact({ column, value }: Implied, text: string, node: StatementNode): void {
    const known = this.#facts.get(column)
    if (known === undefined) this.#facts.set(column, { value, text })
    else if (known.value !== value)
      this.#context.fail(
        node,
        `${text} asks for ${nameOf(column, value)}, but ${known.text} for ${nameOf(column, known.value)}: no packet is both`,
      )
    if (column === 'l4proto') this.#context.transport = value
    else this.#context.guessedFamily = value === Family.ipv4 ? 'ip' : 'ip6'
  }
}

function nameOf(column: Implied['column'], value: number): string {
  if (column === 'nfproto') return value === Family.ipv4 ? 'IPv4' : 'IPv6'
  return symbolName(PROTOCOLS, value) ?? `protocol ${value}`
}

/** What a match says of the protocols by its own words. */
function saidBy({ operator, left, right }: Match): Implied | undefined {
  if ((operator !== 'in' && operator !== '==') || right.kind !== 'value' || typeof right.value === 'string')
    return undefined
  const value = Number(right.value)
  if (left.kind === 'meta') {
    if (left.key === 'nfproto') return { column: 'nfproto', value }
    if (left.key === 'l4proto') return { column: 'l4proto', value }
    const family = left.key === 'protocol' ? ETHER_TYPES[String(value)] : undefined
    return family === undefined ? undefined : { column: 'nfproto', value: family }
  }
  if (left.kind !== 'payload') return undefined
  if (left.protocol === 'ip' && left.field === 'protocol') return { column: 'l4proto', value }
  const family = left.protocol === 'ether' && left.field === 'type' ? ETHER_TYPES[String(value)] : undefined
  return family === undefined ? undefined : { column: 'nfproto', value: family }
}

/** The match of the ICMP types that have a field, where nft shows it and the rule does not have it yet. */
function typesBefore(statement: Statement, before: readonly Statement[]): Match | undefined {
  if (statement.kind !== 'match' || statement.left.kind !== 'payload') return undefined
  const { protocol } = statement.left
  const types = selectorInfo(statement.left)?.field?.types
  if (types === undefined || types.length < 2 || statement.left.field === 'taddr') return undefined
  const left: Payload = { kind: 'payload', protocol, field: 'type' }
  const has = before.some(({ kind, ...rest }) => kind === 'match' && isField((rest as Match).left, left))
  if (has) return undefined
  const symbols = protocol === 'icmp' ? ICMP_TYPES : ICMPV6_TYPES
  const values = types.map((type) => BigInt(symbolValue(symbols, type)!)).sort((a, b) => (a < b ? -1 : 1))
  return {
    kind: 'match',
    operator: 'in',
    left,
    right: { kind: 'set', elements: values.map((value) => ({ kind: 'value', value })) },
  }
}

/** Whether a match only asks for the one ICMP type that has the field of the next match. */
function asksForTheOnlyType(match: Statement | undefined, next: Statement): boolean {
  if (match?.kind !== 'match' || next.kind !== 'match' || next.left.kind !== 'payload') return false
  const { protocol } = next.left
  const types = selectorInfo(next.left)?.field?.types
  if (types?.length !== 1 || match.operator !== 'in' || match.right.kind !== 'value') return false
  const symbols = protocol === 'icmp' ? ICMP_TYPES : ICMPV6_TYPES
  const only = symbolValue(symbols, types[0]!)
  return (
    isField(match.left, { kind: 'payload', protocol, field: 'type' }) && match.right.value === BigInt(only!)
  )
}

function isField(expression: Expression, { protocol, field }: Payload): boolean {
  return expression.kind === 'payload' && expression.protocol === protocol && expression.field === field
}

/** Leaves out matches of a protocol that a later match implies, as nft does when it lists a rule. */
function withoutImplied(statements: readonly Statement[], { family }: Context): Statement[] {
  return statements.filter((statement, i) => {
    if (statement.kind !== 'match') return true
    if (isLinkLayer(statement, statements.slice(i + 1))) return false
    const said = saidBy(statement)
    if (said === undefined || !mayBeLeftOut(statement.left, said, family)) return true
    for (const later of statements.slice(i + 1)) {
      const expression = later.kind === 'match' ? later.left : later.kind === 'vmap' ? later.key : undefined
      if (expression === undefined)
        return !(later.kind === 'reject' && impliedByReject(later.type, said, family))
      for (const selector of selectorsOf(expression))
        if (implies(selector, said, statement.left)) return false
    }
    return true
  })
}

/** Whether a match only asks for what a later match of Ethernet or VLAN fields asks for too. */
function isLinkLayer({ operator, left, right }: Match, later: readonly Statement[]): boolean {
  if (operator !== 'in' || right.kind !== 'value') return false
  const asks = (protocol: string) =>
    later.some(
      (each) =>
        each.kind === 'match' &&
        [...selectorsOf(each.left)].some((one) => one.kind === 'payload' && one.protocol === protocol),
    )
  if (left.kind === 'meta' && left.key === 'iiftype') return right.value === 1n && asks('ether')
  const isType = left.kind === 'payload' && left.protocol === 'ether' && left.field === 'type'
  return isType && right.value === VLAN && asks('vlan')
}

function mayBeLeftOut(left: Expression, said: Implied, family: string): boolean {
  // Outside of inet, ip protocol is no more than meta l4proto; in it, it asks for IPv4 too.
  if (left.kind === 'payload') return left.protocol === 'ether' || (left.protocol === 'ip' && family === 'ip')
  if (left.kind === 'meta' && left.key === 'protocol')
    return family === (said.value === Family.ipv4 ? 'ip' : 'ip6')
  return true
}

function impliedByReject(type: string, said: Implied, family: string): boolean {
  if (type === 'tcp reset') return family !== 'inet' && said.column === 'l4proto' && said.value === 6
  if (said.column !== 'nfproto') return false
  return said.value === Family.ipv4 ? type === 'icmp' : type === 'icmpv6'
}

function implies(selector: Selector, said: Implied, by: Expression): boolean {
  if (selector.kind !== 'payload') return false
  const info = selectorInfo(selector)
  if (by.kind === 'meta' && by.key === 'protocol') return info?.field !== undefined
  return info?.implies.some(({ column, value }) => column === said.column && value === said.value) === true
}

/** The most bits that the kernel compares at once. */
const MERGED_BITS = 128
const FAST_BITS = 32

/** Matches of neighbouring fields that stand side by side: from which place in the list, and which bits they cover. */
interface Run {
  readonly at: number
  count: number
  readonly base: string
  offset: number
  bits: number
}

/** Puts matches of neighbouring fields in the order of the header: nft compares them at once and lists them so. */
function inHeaderOrder(statements: readonly Statement[]): Statement[] {
  const out: Statement[] = []
  let run: Run | undefined
  for (const statement of statements) {
    const field = placeOf(statement)
    if (statement.kind !== 'match') run = undefined
    if (field === undefined) {
      out.push(statement)
      continue
    }
    const { base, offset, bits } = field
    const joins = run !== undefined && run.base === base && comparedAtOnce(run.bits, bits)
    if (joins && offset === run!.offset + run!.bits) out.splice(run!.at + run!.count, 0, statement)
    else if (joins && offset + bits === run!.offset) {
      out.splice(run!.at, 0, statement)
      run!.offset = offset
    } else {
      run = { at: out.push(statement) - 1, count: 1, base, offset, bits }
      continue
    }
    run!.count++
    run!.bits += bits
  }
  return out
}

/** Whether nft compares two fields at once: not where each alone is compared faster. */
function comparedAtOnce(a: number, b: number): boolean {
  return a + b <= MERGED_BITS && (a + b <= FAST_BITS || a > FAST_BITS || b > FAST_BITS)
}

function placeOf(statement: Statement) {
  if (statement.kind !== 'match' || statement.left.kind !== 'payload' || statement.right.kind !== 'value')
    return undefined
  if (statement.operator !== 'in' && statement.operator !== '==') return undefined
  const field = PROTOCOL_FIELDS[statement.left.protocol]?.[statement.left.field]
  return field !== undefined && field.offset % 8 === 0 && field.bits % 8 === 0 && field.type !== 'tcp_flag'
    ? field
    : undefined
}
