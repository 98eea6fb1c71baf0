/** What would change a verdict: packets that differ in one thing alone, tried out one by one. */

import { printElement } from '../language/nft/print/expression.js'
import { hasPorts, isIcmp } from '../language/traffic/protocols.js'
import { type Sample, SOURCE_PORT } from '../language/traffic/samples.js'
import { protocolName } from '../language/traffic/traffic.js'
import { boundsOf, intervalElement, keyOf } from '../ruleset/elements.js'
import type { Match, Rule, Ruleset, Selector, Statement, Table } from '../ruleset/model.js'
import { isSelector, selectorInfo } from '../ruleset/selectors.js'
import { type PartType, typeOf } from '../ruleset/types.js'
import { bitsOf } from '../ruleset/values.js'
import { protocolOf as protocolAskedBy, ruleAsNft } from '../ruleset/xtables-as-nft.js'
import { Explainer, type Explanation, interfacesOf, packetOf, wayOf } from './explain.js'
import type { TrialOptions, Verdict } from './host.js'
import type { RuleStep } from './trace.js'
import { spanText } from './words.js'

/** One thing that would be judged otherwise. */
export interface Change {
  /** As in `from 10.0.0.0/16`. */
  readonly what: string
  readonly verdict: Verdict
  /** The rule that would decide, if one would. */
  readonly rule?: Rule
}

/** Packets that are tried out, and intervals of one expression that are. */
const MOST_TRIALS = 64
const MOST_INTERVALS = 4

type Interval = readonly [first: bigint, last: bigint]

/** A field that another packet may have otherwise: what a change of it is called, and that packet. */
interface Field {
  readonly word: string
  readonly set: (value: bigint) => Sample
}

/**
 * What would change the verdict of a described packet in a fresh engine: of rules that accept and failed at one expression,
 * that expression; of the rule that decided, each of its own. Later: the verdict on the packet itself so many nanoseconds
 * later, in the state that it found.
 */
export function changesOf(
  ruleset: Ruleset,
  sample: Sample,
  { verdict, rule, steps }: Explanation,
  later: (wait: number) => Verdict,
  options: TrialOptions = {},
): Change[] {
  const trials = new Trials(ruleset, verdict, options)
  const isAlike = trials.isAlike(sample)
  const rules = steps.filter((step) => step.kind === 'rule').toSorted((a, b) => leftOf(a) - leftOf(b))
  for (const step of rules) {
    if (step.failed?.wait !== undefined) trials.later(step.failed.wait, later)
    if (!isAlike) continue
    if (step.rule === rule) {
      for (const statement of rule.statements)
        for (const match of matchesOf(statement, step)) trials.outside(sample, match, step.table)
    } else if (verdict !== 'accept' && step.failed !== undefined && isAccepting(step)) {
      for (const match of matchesOf(step.failed.statement, step)) trials.inside(sample, match, step.table)
    }
  }
  return trials.changes
}

/** How many statements of a rule the packet did not come to: what fails last most likely fails alone. */
function leftOf({ rule: { statements }, failed }: RuleStep): number {
  return failed === undefined ? 0 : statements.length - statements.indexOf(failed.statement)
}

function isAccepting({ rule: { statements } }: RuleStep): boolean {
  const last = statements.at(-1)?.kind
  return last === 'accept' || last === 'jump' || last === 'goto'
}

/** What a statement of a rule matches: of xtables in nft's words, where it has them. */
function matchesOf(statement: Statement, { rule, table: { family } }: RuleStep): readonly Match[] {
  if (statement.kind === 'match') return [statement]
  if (statement.kind !== 'xtables' || family === 'inet') return []
  // Ports are those of the protocol that the rule has asked for.
  const protocol = rule.statements.filter((one) => one !== statement && protocolAskedBy(one) !== undefined)
  const [before, said] = [protocol, [...protocol, statement]].map(
    (statements) => ruleAsNft({ statements }, family)?.statements ?? [],
  )
  return said!.slice(before!.length).filter((one) => one.kind === 'match')
}

class Trials {
  readonly changes: Change[] = []
  readonly #ruleset: Ruleset
  readonly #verdict: Verdict
  readonly #options: TrialOptions
  #count = 0

  constructor(ruleset: Ruleset, verdict: Verdict, options: TrialOptions) {
    this.#ruleset = ruleset
    this.#verdict = verdict
    this.#options = options
  }

  /** Whether the packet as it was described is judged as it was: one of a capture may owe its verdict to those before it. */
  isAlike(sample: Sample): boolean {
    return this.#judge(sample).verdict === this.#verdict
  }

  /** What the match asks for. */
  inside(sample: Sample, match: Match, table: Table): void {
    const type = typeOf(match.left, table.sets)
    if (type?.length !== 1 || !isSelector(match.left)) return
    const protocol = protocolOf(match, sample)
    if (protocol !== undefined) {
      this.#try(`over ${protocolName(protocol)}`, [withProtocol(sample, protocol)])
      return
    }
    if (match.left.kind === 'meta' && match.operator === 'in' && /^[io]if(?:name)?$/.test(match.left.key)) {
      this.#interfaces(sample, match.left.key.startsWith('i') ? 'iif' : 'oif', match)
      return
    }
    const field = fieldOf(match.left, sample)
    if (field === undefined) return
    const part = type[0]!
    for (const interval of intervalsOf(match, part, table).slice(0, MOST_INTERVALS)) {
      const samples = [...new Set(interval)].map(field.set)
      this.#try(`${field.word} ${intervalText(interval, part)}`, samples)
    }
  }

  /** Whatever the match does not ask for. */
  outside(sample: Sample, match: Match, table: Table): void {
    const type = typeOf(match.left, table.sets)
    const field = isSelector(match.left) && type?.length === 1 ? fieldOf(match.left, sample) : undefined
    if (field === undefined) return
    const part = type![0]!
    const asked = intervalsOf(match, part, table)
    const last = (1n << BigInt(part.bits)) - 1n
    const others = complement(asked, part.bits).map(([from, to]) => (to === last ? from : to))
    const [example] = others
    if (example === undefined) return
    const text = asked.slice(0, MOST_INTERVALS).map((interval) => intervalText(interval, part))
    const more = asked.length > MOST_INTERVALS ? ', …' : ''
    const what = `${field.word} other than ${text.join(', ')}${more}, such as ${intervalText([example, example], part)}`
    this.#try(what, others.slice(0, MOST_INTERVALS).map(field.set))
  }

  /** The interfaces that a match of names asks for. Loopback is no choice. */
  #interfaces(sample: Sample, key: 'iif' | 'oif', match: Match): void {
    const names = match.right.kind === 'set' ? match.right.elements.map(keyOf) : [match.right]
    for (const one of names.slice(0, MOST_INTERVALS)) {
      const name = one.kind === 'value' && typeof one.value === 'string' ? one.value : 'lo'
      if (name !== 'lo') this.#try(`on ${name}`, [{ ...sample, [key]: name.replace('*', '0') }])
    }
  }

  /** In a while. */
  later(wait: number, judge: (wait: number) => Verdict): void {
    const verdict = judge(wait)
    if (!isSame(verdict, this.#verdict)) this.changes.push({ what: `in ${spanText(wait)}`, verdict })
  }

  /** Notes a change if all of the samples are judged alike, and otherwise than the packet was. */
  #try(what: string, samples: readonly (Sample | undefined)[]): void {
    if (
      this.#count >= MOST_TRIALS ||
      samples.length === 0 ||
      this.changes.some((change) => change.what === what)
    )
      return
    const said = samples.map((sample) => sample && this.#judge(sample))
    const [first] = said
    if (first === undefined || said.some((one) => one?.verdict !== first.verdict)) return
    const { verdict, rule } = first
    if (isSame(verdict, this.#verdict)) return
    this.changes.push({ what, verdict, ...(rule !== undefined && { rule }) })
  }

  #judge(sample: Sample): Explanation {
    this.#count++
    const explainer = new Explainer(this.#ruleset, { ...this.#options, interfaces: interfacesOf(sample) })
    return explainer.explain(packetOf(sample), wayOf(sample), 0)
  }
}

/** Whether two verdicts are the same to who wants to get through. */
function isSame(a: Verdict, b: Verdict): boolean {
  return a === b || (a !== 'accept' && b !== 'accept')
}

/** Another protocol with ports that a match needs. */
function protocolOf({ left, operator, right }: Match, sample: Sample): number | undefined {
  const itself = left.kind === 'meta' && left.key === 'l4proto' && operator === 'in' && right.kind === 'value'
  const needed = itself
    ? Number(right.value)
    : selectorInfo(left as Selector)?.implies.find(({ column }) => column === 'l4proto')?.value
  if (needed === undefined || needed === sample.protocol) return undefined
  return hasPorts(needed) ? needed : undefined
}

function withProtocol(
  { type: _, code: __, flags: ___, ...rest }: Sample,
  protocol: number,
): Sample | undefined {
  if (!hasPorts(protocol)) return isIcmp(protocol) ? undefined : { ...rest, protocol }
  if (rest.dport === undefined) return undefined
  return { ...rest, protocol, sport: rest.sport ?? SOURCE_PORT }
}

function isOf(selector: Selector, { protocol }: Sample): boolean {
  const implies = selectorInfo(selector)?.implies ?? []
  return implies.every(({ column, value }) => column !== 'l4proto' || value === protocol)
}

/** The field of a packet that a selector looks at; undefined if it is none that people choose. */
function fieldOf(selector: Selector, sample: Sample): Field | undefined {
  if (selector.kind === 'ct' && selector.key === 'state' && sample.state !== undefined)
    return { word: 'with state', set: (state) => ({ ...sample, state: Number(state) }) }
  if (selector.kind !== 'payload') return undefined
  const { protocol, field } = selector
  const { bits } = sample.source
  if (protocol === (bits === 32 ? 'ip' : 'ip6')) {
    if (field === 'saddr') return { word: 'from', set: (value) => ({ ...sample, source: { bits, value } }) }
    if (field === 'daddr')
      return { word: 'to', set: (value) => ({ ...sample, destination: { bits, value } }) }
    return undefined
  }
  if (!isOf(selector, sample)) return undefined
  if (field === 'dport' && hasPorts(sample.protocol))
    return { word: 'to port', set: (port) => ({ ...sample, dport: Number(port) }) }
  if (field === 'sport' && hasPorts(sample.protocol))
    return { word: 'from port', set: (port) => ({ ...sample, sport: Number(port) }) }
  if (field === 'type' && isIcmp(sample.protocol))
    return { word: 'of type', set: (type) => ({ ...sample, type: Number(type) }) }
  return undefined
}

/** The values that a match of one part is content with. */
function intervalsOf({ operator, right }: Match, part: PartType, table: Table): readonly Interval[] {
  const set = right.kind === 'reference' ? table.sets.find(({ name }) => name === right.name) : right
  const elements = set !== undefined && 'elements' in set ? set.elements.map(keyOf) : undefined
  const plain = elements ?? (isPlain(right) ? [right] : [])
  const intervals =
    right.kind === 'flags'
      ? bitsOf(right.bits).map((bit): Interval => [bit, bit])
      : plain.map((element) => boundsOf(element, part))
  const last = (1n << BigInt(part.bits)) - 1n
  const [[from, to] = [0n, last]] = intervals
  switch (operator) {
    case 'in':
    case '==':
      return intervals
    case '!=':
      return complement(intervals, part.bits)
    case '<':
      return from === 0n ? [] : [[0n, from - 1n]]
    case '<=':
      return [[0n, to]]
    case '>':
      return to === last ? [] : [[to + 1n, last]]
    case '>=':
      return [[from, last]]
    case '!':
      return []
  }
}

function isPlain(
  right: Match['right'],
): right is Extract<typeof right, { kind: 'value' | 'range' | 'prefix' }> {
  return right.kind === 'value' || right.kind === 'range' || right.kind === 'prefix'
}

function complement(intervals: readonly Interval[], bits: number): Interval[] {
  const sorted = intervals.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const found: Interval[] = []
  let next = 0n
  for (const [first, last] of sorted) {
    if (first > next) found.push([next, first - 1n])
    if (last >= next) next = last + 1n
  }
  const most = (1n << BigInt(bits)) - 1n
  if (next <= most) found.push([next, most])
  return found
}

function intervalText([first, last]: Interval, part: PartType): string {
  return printElement(intervalElement(first, last, part), { parts: [part] })
}
