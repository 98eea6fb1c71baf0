/**
 * What may become of a packet of which only some things are known: a walk over the rules in which a match holds, does not,
 * or may hold.
 */
import { Family, type HookName } from '../packet/packet.js'
import { keyOf } from './elements.js'
import type { Chain, Element, Expression, Match, Rule, Ruleset, Selector, Statement, Table } from './model.js'
import { familiesOf, isSelector, selectorInfo, selectorsOf, selectorText } from './selectors.js'
import { ruleAsNft } from './xtables-as-nft.js'

/** What is known of a packet: values by nft's words for the fields, as `tcp dport` or `ct state` (bits). */
export interface Probe {
  readonly hook: HookName
  readonly family: 'ip' | 'ip6'
  readonly known: Readonly<Record<string, bigint | string>>
}

/** A rule, or a base chain by its policy; undefined: nothing looks at the packet. */
export type Decider = Rule | Chain | undefined

export function isRule(decider: Decider): decider is Rule {
  return decider !== undefined && 'statements' in decider
}

/** What may happen to it, and what may decide so. */
export interface Fate {
  readonly accept: readonly Decider[]
  readonly drop: readonly Decider[]
}

type Answer = 'yes' | 'no' | 'maybe'

/** How deep chains are followed. */
const DEEPEST = 32

/** Base chains of a hook that see a family, in the order in which they run. */
export function baseChains(
  { tables }: Ruleset,
  hook: HookName,
  family: 'ip' | 'ip6',
): { table: Table; chain: Chain }[] {
  const number = family === 'ip' ? Family.ipv4 : Family.ipv6
  return tables
    .filter((table) => !table.dormant && familiesOf(table.family).includes(number))
    .flatMap((table) => table.chains.map((chain) => ({ table, chain })))
    .filter(({ chain }) => chain.base?.hook === hook)
    .toSorted((a, b) => a.chain.base!.priority - b.chain.base!.priority)
}

/** What may become of a packet at its hook. A packet that no chain looks at is accepted. */
export function fateOf(ruleset: Ruleset, probe: Probe): Fate {
  const drop: Decider[] = []
  let accept: readonly Decider[] = [undefined]
  for (const { table, chain } of baseChains(ruleset, probe.hook, probe.family)) {
    const fate = new Walk(table, probe).base(chain)
    drop.push(...fate.drop)
    accept = fate.accept
    if (accept.length === 0) break
  }
  return { accept, drop }
}

export const isDropped = (fate: Fate): boolean => fate.accept.length === 0
export const isAccepted = (fate: Fate): boolean => fate.drop.length === 0

/** Whether a rule drops whatever its matches let through: by its verdict, or by the chain that it leads to. */
export function refuses(rule: Rule, table: Table, probe: Probe): boolean {
  const last = rule.statements.at(-1)
  if (last?.kind === 'drop' || last?.kind === 'reject') return true
  if (last?.kind !== 'jump' && last?.kind !== 'goto') return false
  const chain = table.chains.find(({ name }) => name === last.target)
  return chain !== undefined && new Walk(table, probe).ends(chain)
}

interface Outcome {
  readonly accept: Decider[]
  readonly drop: Decider[]
  /** Whether the packet may come out at the end of the chain. */
  falls: boolean
}

class Walk {
  readonly #table: Table
  readonly #probe: Probe
  readonly #chains: ReadonlyMap<string, Chain>
  readonly #known = new Map<string, Outcome>()

  constructor(table: Table, probe: Probe) {
    this.#table = table
    this.#probe = probe
    this.#chains = new Map(table.chains.map((chain) => [chain.name, chain]))
  }

  base(chain: Chain): Fate {
    const { accept, drop, falls } = this.#chain(chain, 0)
    if (falls) (chain.base!.policy === 'accept' ? accept : drop).push(chain)
    return { accept, drop }
  }

  /** Whether a chain drops the packet for certain. */
  ends(chain: Chain): boolean {
    const { accept, falls } = this.#chain(chain, 0)
    return accept.length === 0 && !falls
  }

  #chain(chain: Chain, depth: number): Outcome {
    const known = this.#known.get(chain.name)
    if (known !== undefined) return known
    const outcome: Outcome = { accept: [], drop: [], falls: false }
    this.#known.set(chain.name, outcome)
    for (const rule of chain.rules) {
      if (!this.#rule(rule, outcome, depth)) return outcome
    }
    outcome.falls = true
    return outcome
  }

  /** Whether the packet may go on behind the rule. */
  #rule(rule: Rule, outcome: Outcome, depth: number): boolean {
    let sure = true
    for (const statement of this.#statements(rule)) {
      switch (statement.kind) {
        case 'accept':
        case 'queue':
          outcome.accept.push(rule)
          return !sure
        case 'drop':
        case 'reject':
          outcome.drop.push(rule)
          return !sure
        case 'return':
          outcome.falls = true
          return !sure
        case 'jump':
        case 'goto': {
          const inner = this.#inner(statement.target, depth)
          outcome.accept.push(...inner.accept)
          outcome.drop.push(...inner.drop)
          if (statement.kind === 'goto' && inner.falls) outcome.falls = true
          return !sure || (statement.kind === 'jump' && inner.falls)
        }
        case 'continue':
          return true
        default: {
          const answer = this.#answer(statement)
          if (answer === 'no') return true
          if (answer === 'maybe') sure = false
        }
      }
    }
    return true
  }

  #inner(name: string, depth: number): Outcome {
    const chain = this.#chains.get(name)
    return chain === undefined || depth >= DEEPEST
      ? { accept: [], drop: [], falls: true }
      : this.#chain(chain, depth + 1)
  }

  #statements(rule: Rule): readonly Statement[] {
    const said = ruleAsNft(rule, this.#probe.family)
    return (said ?? rule).statements
  }

  #answer(statement: Statement): Answer {
    switch (statement.kind) {
      case 'match':
        return answerOf(statement, this.#probe, this.#table)
      case 'counter':
      case 'log':
      case 'notrack':
      case 'mangle':
      case 'set':
      case 'xtables target':
        return 'yes'
      case 'xtables':
        return statement.name === 'recent' && statement.operation === 'set' && !statement.invert
          ? 'yes'
          : 'maybe'
      default:
        return 'maybe'
    }
  }
}

/** Whether a match holds for what is known of a packet. */
export function answerOf({ left, operator, right }: Match, probe: Probe, table: Table): Answer {
  const masked = left.kind === 'binary' && left.operator === '&' && left.right.kind === 'flags'
  const selector = masked ? (left as { left: Expression }).left : left
  if (!isSelector(selector) || !exists(selector, probe)) return isSelector(selector) ? 'no' : 'maybe'
  const value = probe.known[selectorText(selector)]
  if (value === undefined) return loopback(selector, right, operator)
  const tested =
    masked && typeof value === 'bigint' ? value & flagsOf((left as { right: Expression }).right) : value
  switch (operator) {
    case 'in':
    case '==':
      return holds(tested, right, table, selectorInfo(selector)?.bits ?? 0)
    case '!=':
      return opposite(holds(tested, right, table, selectorInfo(selector)?.bits ?? 0))
    case '!':
      return opposite(holds(tested, right, table, selectorInfo(selector)?.bits ?? 0))
    default:
      return order(tested, operator, right)
  }
}

/** Whether packets of a family have what a match looks at. */
export function canBe({ left }: Match, family: 'ip' | 'ip6'): boolean {
  return [...selectorsOf(left)].every((selector) => exists(selector, { hook: 'input', family, known: {} }))
}

/** An interface of which nothing is known is not the loopback. */
function loopback(selector: Selector, right: Expression, operator: Match['operator']): Answer {
  const name = selector.kind === 'meta' && (selector.key === 'iifname' || selector.key === 'oifname')
  if (!name || right.kind !== 'value' || right.value !== 'lo') return 'maybe'
  return operator === '!=' ? 'yes' : 'no'
}

const flagsOf = (expression: Expression): bigint => (expression.kind === 'flags' ? expression.bits : -1n)

/** Whether a packet of the kind has the field at all, as far as that is known. */
function exists(selector: Selector, { family, known }: Probe): boolean {
  const implies = selectorInfo(selector)?.implies ?? []
  return implies.every(({ column, value }) => {
    if (column === 'nfproto') return value === (family === 'ip' ? Family.ipv4 : Family.ipv6)
    const protocol = known['meta l4proto']
    return protocol === undefined || protocol === BigInt(value)
  })
}

function holds(value: bigint | string, right: Expression, table: Table, bits: number): Answer {
  switch (right.kind) {
    case 'set':
      return anyOf(right.elements.map((element) => holdsElement(value, element, table, bits)))
    case 'reference': {
      const set = table.sets.find(({ name }) => name === right.name)
      if (set === undefined || set.flags?.includes('dynamic')) return 'maybe'
      return anyOf(set.elements.map((element) => holdsElement(value, element, table, bits)))
    }
    case 'flags':
      return typeof value === 'bigint' && (value & right.bits) !== 0n ? 'yes' : 'no'
    case 'value':
      return equal(value, right.value)
    case 'range':
      return within(value, right.from, right.to)
    case 'prefix': {
      const rest = BigInt(bits - right.length)
      return typeof value === 'bigint' && value >> rest === right.base >> rest ? 'yes' : 'no'
    }
    default:
      return 'maybe'
  }
}

function holdsElement(value: bigint | string, element: Element, table: Table, bits: number): Answer {
  const key = element.kind === 'pair' || element.kind === 'element' ? keyOf(element) : element
  return key.kind === 'wildcard' ? 'yes' : holds(value, key, table, bits)
}

function equal(value: bigint | string, other: bigint | string): Answer {
  if (typeof other === 'string' && other.endsWith('*') && typeof value === 'string')
    return value.startsWith(other.slice(0, -1)) ? 'yes' : 'no'
  return value === other ? 'yes' : 'no'
}

function within(value: bigint | string, from: bigint, to: bigint): Answer {
  return typeof value === 'bigint' && value >= from && value <= to ? 'yes' : 'no'
}

function order(value: bigint | string, operator: Match['operator'], right: Expression): Answer {
  if (typeof value !== 'bigint' || right.kind !== 'value' || typeof right.value !== 'bigint') return 'maybe'
  const other = right.value
  const below = operator.startsWith('<') ? value < other : value > other
  return below || (operator.endsWith('=') && value === other) ? 'yes' : 'no'
}

function anyOf(answers: readonly Answer[]): Answer {
  if (answers.includes('yes')) return 'yes'
  return answers.includes('maybe') ? 'maybe' : 'no'
}

function opposite(answer: Answer): Answer {
  if (answer === 'maybe') return 'maybe'
  return answer === 'yes' ? 'no' : 'yes'
}
