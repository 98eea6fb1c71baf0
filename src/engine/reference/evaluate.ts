/**
 * The reference evaluator: says what the engine says, slowly, by walking the Ruleset as it is written. It
 * shares the engine's view of packets and nothing else.
 */
import { Column, Hook, type Packet } from '../../packet/packet.js'
import type {
  Chain,
  Counter,
  Ct,
  Flags,
  Meta,
  NamedSet,
  Payload,
  PrefixElement,
  Range,
  Rule,
  Ruleset,
  SetReference,
  Table,
  Value,
  Verdict,
  WindowReference,
} from '../../ruleset/model.js'
import { familiesOf, type SelectorInfo, selectorInfo } from '../../ruleset/selectors.js'
import { ReferenceWindow } from './window.js'

type EvaluableElement = Value | Range | PrefixElement
type EvaluableSelector = Payload | Meta | Ct
type EvaluableSet = { readonly kind: 'set'; readonly elements: readonly EvaluableElement[] }
type EvaluableRight = EvaluableElement | EvaluableSet | SetReference | Flags

interface EvaluableMatch {
  readonly kind: 'match'
  readonly operator: 'in' | '==' | '!='
  readonly left: EvaluableSelector
  readonly right: EvaluableRight
}

type EvaluableStatement = EvaluableMatch | Counter | WindowReference | Verdict
type EvaluableRule = Omit<Rule, 'statements'> & { readonly statements: readonly EvaluableStatement[] }
type EvaluableChain = Omit<Chain, 'rules'> & { readonly rules: readonly EvaluableRule[] }
type EvaluableNamedSet = Omit<NamedSet, 'elements'> & {
  readonly elements: readonly EvaluableElement[]
}
type EvaluableTable = Omit<Table, 'sets' | 'chains'> & {
  readonly sets: readonly EvaluableNamedSet[]
  readonly chains: readonly EvaluableChain[]
}
type EvaluableRuleset = { readonly tables: readonly EvaluableTable[] }

export interface ReferenceVerdict {
  readonly verdict: 'accept' | 'drop'
  /** Who decided: a rule, a chain by its policy, or nobody as no chain is at the hook. */
  readonly rule?: Rule
  readonly chain?: Chain
}

/** What becomes of a packet in a rule or chain; undefined where it goes on behind it. */
type Outcome =
  | { readonly kind: 'accept' | 'drop'; readonly rule: Rule }
  | { readonly kind: 'return' }
  /** The chain is left for good: its caller goes on behind the rule that jumped. */
  | undefined

export class ReferenceEngine {
  readonly #bases: { table: EvaluableTable; chain: EvaluableChain; order: number }[]
  readonly #windows = new Map<EvaluableTable, Map<string, ReferenceWindow>>()
  /** Names of interfaces by their indexes. */
  readonly interfaces = new Map<number, string>()
  /** Packets and bytes that reached the counters of each rule, all together. */
  readonly counters = new Map<Rule, { packets: number; bytes: number }>()

  /** Throws RulesetError if there is anything in the ruleset that cannot be evaluated. */
  constructor(source: Ruleset) {
    const ruleset = source as EvaluableRuleset
    this.#bases = ruleset.tables
      .flatMap((table) => table.chains.map((chain) => ({ table, chain })))
      .filter(({ chain }) => chain.base !== undefined)
      .map((base, order) => ({ ...base, order }))
      .sort((a, b) => a.chain.base!.priority - b.chain.base!.priority || b.order - a.order)
    for (const table of ruleset.tables) {
      this.#windows.set(table, new Map(table.windows.map((spec) => [spec.name, new ReferenceWindow(spec)])))
    }
  }

  judge(packet: Packet): ReferenceVerdict {
    if (packet.present === 0) return { verdict: 'drop' }
    let last: ReferenceVerdict = { verdict: 'accept' }
    for (const { table, chain } of this.#bases) {
      if (Hook[chain.base!.hook] !== packet.hook) continue
      if (!familiesOf(table.family).includes(packet.fields[Column.nfproto]!)) continue
      const outcome = this.#chain(table, chain, packet)
      last =
        outcome === undefined || outcome.kind === 'return'
          ? { verdict: chain.base!.policy, chain }
          : { verdict: outcome.kind, rule: outcome.rule }
      if (last.verdict === 'drop') return last
    }
    return last
  }

  #chain(table: EvaluableTable, chain: EvaluableChain, packet: Packet): Outcome {
    for (const rule of chain.rules) {
      const outcome = this.#rule(table, rule, packet)
      if (outcome !== undefined) return outcome
    }
    return undefined
  }

  #rule(table: EvaluableTable, rule: EvaluableRule, packet: Packet): Outcome {
    for (const statement of rule.statements) {
      switch (statement.kind) {
        case 'match':
          if (!this.#matches(table, statement, packet)) return undefined
          break
        case 'counter': {
          const { packets, bytes } = this.counters.get(rule) ?? { packets: 0, bytes: 0 }
          this.counters.set(rule, { packets: packets + 1, bytes: bytes + packet.length })
          break
        }
        case 'window':
          if (!this.#windows.get(table)!.get(statement.name)!.admit(packet)) return undefined
          break
        case 'accept':
        case 'drop':
          return { kind: statement.kind, rule }
        case 'return':
          return { kind: 'return' }
        case 'continue':
          return undefined
        case 'jump':
        case 'goto': {
          const target = table.chains.find(({ name }) => name === statement.target)!
          const outcome = this.#chain(table, target, packet)
          if (outcome !== undefined && outcome.kind !== 'return') return outcome
          return statement.kind === 'goto' ? { kind: 'return' } : undefined
        }
      }
    }
    return undefined
  }

  #matches(table: EvaluableTable, match: EvaluableMatch, packet: Packet): boolean {
    const info = selectorInfo(match.left)!
    for (const { column, value } of info.implies) {
      if ((packet.present & (1 << Column[column])) === 0) return false
      if (packet.fields[Column[column]] !== value) return false
    }
    if (info.type === 'ifname') {
      const name = this.interfaces.get(
        match.left.kind === 'meta' && match.left.key === 'iifname' ? packet.iif : packet.oif,
      )
      const found = elementsOf(table, match.right).some(
        (element) => element.kind === 'value' && nameMatches(String(element.value), name ?? ''),
      )
      return found !== (match.operator === '!=')
    }
    const value = readValue(info, packet)
    if (value === undefined) return false
    if (info.type === 'ct_state' && (match.right.kind === 'value' || match.right.kind === 'flags')) {
      const wanted = match.right.kind === 'flags' ? match.right.bits : BigInt(match.right.value)
      if (match.operator === 'in') return (value & wanted) !== 0n
      return (value === wanted) === (match.operator === '==')
    }
    const found = elementsOf(table, match.right).some((element) => holds(element, value, info.bits))
    return found !== (match.operator === '!=')
  }
}

function elementsOf(table: EvaluableTable, right: EvaluableRight): readonly EvaluableElement[] {
  switch (right.kind) {
    case 'set':
      return right.elements
    case 'reference':
      return table.sets.find(({ name }) => name === right.name)!.elements
    case 'flags':
      return []
    default:
      return [right]
  }
}

function holds(element: EvaluableElement, value: bigint, bits: number): boolean {
  switch (element.kind) {
    case 'value':
      return value === BigInt(element.value)
    case 'range':
      return element.from <= value && value <= element.to
    case 'prefix': {
      const host = BigInt(bits - element.length)
      return value >> host === element.base >> host
    }
  }
}

function nameMatches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}

/** The field's value as an unsigned integer; undefined if the packet lacks it. */
function readValue(info: SelectorInfo, packet: Packet): bigint | undefined {
  if (info.place === undefined) {
    const column = Column[info.column!]
    return (packet.present & (1 << column)) === 0 ? undefined : BigInt(packet.fields[column]! >>> 0)
  }
  const { base, offset, length } = info.place
  const start = base === 'network' ? packet.network : packet.transport
  if (start < 0 || start + offset + length > packet.end) return undefined
  let value = 0n
  for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(packet.view.getUint8(start + offset + i))
  return value
}
