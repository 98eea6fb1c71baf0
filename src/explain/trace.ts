/** The way of a packet through the rules, step by step, as the reference evaluator tells it. */

import { ConnectionCount } from '../engine/reference/connection-count.js'
import type { ReferenceEngine } from '../engine/reference/evaluate.js'
import type { Observer } from '../engine/reference/observer.js'
import { LimitState, QuotaState, stateOf } from '../engine/reference/stateful.js'
import type { Packet } from '../packet/packet.js'
import type { Chain, Rule, Statement, Table } from '../ruleset/model.js'
import { failureText, spanText, statementText, valueText } from './words.js'

export type Step = ChainStep | RuleStep | PolicyStep

export interface ChainStep {
  readonly kind: 'chain'
  /** How many chains led to it. */
  readonly depth: number
  readonly table: Table
  readonly chain: Chain
}

export interface RuleStep {
  readonly kind: 'rule'
  readonly depth: number
  readonly table: Table
  readonly rule: Rule
  /** The states that its statements found, in words. */
  readonly found: string[]
  /** What ended it, and why. */
  failed?: Failure
  verdict?: string
}

export interface Failure {
  readonly statement: Statement
  readonly reason: string
  /** Nanoseconds after which it would not fail. */
  readonly wait?: number
}

/** What a statement remembers, in words. */
interface Remembered {
  readonly text: string
  readonly wait?: number
}

/** The end of a base chain that no rule decided. */
export interface PolicyStep {
  readonly kind: 'policy'
  readonly depth: number
  readonly chain: Chain
  readonly verdict: string
}

/** Steps that are kept of one packet: rulesets may be long, and chains be gone through again and again. */
const MOST_STEPS = 100_000

/** Writes down what becomes of one packet. */
export class Trace implements Observer {
  readonly steps: Step[] = []
  /** Steps that were too many to keep. */
  left = 0
  readonly #engine: ReferenceEngine
  readonly #packet: () => Packet
  /** The chains that lead to where we are. */
  readonly #chains: { chain: Chain; table: Table }[] = []
  #rule: RuleStep | undefined
  /** Of the rule's statements that remember something: what they remembered before it ran. */
  #before = new Map<Statement, Remembered>()

  /** Packet: the one that is being judged. */
  constructor(engine: ReferenceEngine, packet: () => Packet) {
    this.#engine = engine
    this.#packet = packet
  }

  chain(chain: Chain, table: Table): void {
    if (chain.base !== undefined) this.#chains.length = 0
    this.#keep({ kind: 'chain', depth: this.#chains.length, table, chain })
    this.#chains.push({ chain, table })
  }

  rule(rule: Rule, chain: Chain): void {
    // Who is back in a chain has left those that it led to.
    while (this.#chains.length > 1 && this.#chains.at(-1)!.chain !== chain) this.#chains.pop()
    const { table } = this.#chains.at(-1)!
    this.#rule = { kind: 'rule', depth: this.#chains.length, table, rule, found: [] }
    this.#keep(this.#rule)
    this.#before = new Map()
    for (const [index, statement] of rule.statements.entries()) {
      const state = this.#stateText(statement, index, rule, table)
      if (state !== undefined) this.#before.set(statement, state)
    }
  }

  passed(statement: Statement, _: Rule, seen: readonly bigint[] | undefined): void {
    const state = this.#before.get(statement)?.text ?? this.#elementText(statement, seen)
    if (state !== undefined) this.#rule!.found.push(state)
  }

  failed(statement: Statement, _: Rule, seen: readonly bigint[] | undefined): void {
    const { table } = this.#rule!
    const state = this.#before.get(statement)
    const reason = state?.text ?? failureText(statement, seen, table, this.#packet())
    const element = this.#elementText(statement, seen)
    this.#rule!.failed = {
      statement,
      reason: element === undefined ? reason : `${reason}; ${element}`,
      ...(state?.wait !== undefined && { wait: state.wait }),
    }
  }

  verdict(verdict: string, chain: Chain, rule: Rule | undefined): void {
    if (rule !== undefined) this.#rule!.verdict = verdict
    else this.#keep({ kind: 'policy', depth: 1, chain, verdict })
  }

  #keep(step: Step): void {
    if (this.steps.length < MOST_STEPS) this.steps.push(step)
    else this.left++
  }

  /** What a statement remembers, before it runs. */
  #stateText(statement: Statement, index: number, rule: Rule, table: Table): Remembered | undefined {
    const packet = this.#packet()
    switch (statement.kind) {
      case 'window': {
        const { rate } = table.windows.find(({ name }) => name === statement.name)!
        const { used, frees } = this.#engine.window(table, statement.name)!.fill(packet)
        const text = `window ${statement.name}: ${Math.min(used, rate)} of ${rate} used`
        if (used < rate) return { text }
        return { text: `${text}, the oldest frees in ${spanText(frees)}`, wait: frees }
      }
      case 'limit':
      case 'quota':
      case 'ct count': {
        const state = this.#engine.stateOf(rule, index) ?? stateOf(statement)
        return this.#kept(statementText(statement, table), state)
      }
      case 'xtables': {
        if (statement.name !== 'recent' || packet.present === 0) return undefined
        const { list, operation, hitcount = 1, seconds } = statement
        const within = seconds === undefined ? '' : ` within ${seconds}s`
        const hits = this.#engine.recentHits(statement, packet)
        const asked = operation === 'set' ? ' before' : `, asked for ${hitcount}`
        return { text: `recent ${list}: seen ${hits} times${within}${asked}` }
      }
      case 'object':
        if (typeof statement.name !== 'string') return undefined
        return this.#kept(
          `${statement.object} ${statement.name}`,
          this.#engine.object(table, statement.object, statement.name),
        )
      default:
        return undefined
    }
  }

  #kept(what: string, state: unknown): Remembered | undefined {
    if (state instanceof LimitState) {
      const { left, most, wait } = state.room(BigInt(Math.trunc(this.#packet().time[0]!)))
      const text = `${what}: ${left} of ${most} left`
      return wait === 0n ? { text } : { text: `${text}, one more in ${spanText(wait)}`, wait: Number(wait) }
    }
    if (state instanceof QuotaState) return { text: `${what}: ${state.used} of ${state.amount} bytes used` }
    if (state instanceof ConnectionCount) return { text: `${what}: ${state.size} counted before` }
    return undefined
  }

  /** The element of a named set that a match found. */
  #elementText(statement: Statement, seen: readonly bigint[] | undefined): string | undefined {
    if (statement.kind !== 'match' || statement.right.kind !== 'reference' || seen === undefined)
      return undefined
    const { table } = this.#rule!
    const now = BigInt(Math.trunc(this.#packet().time[0]!))
    const found = this.#engine.set(table, statement.right.name)?.peek(seen, now)
    if (found === undefined) return undefined
    const expires = found.left === undefined ? '' : `, which expires in ${spanText(found.left * 1_000_000n)}`
    return `@${statement.right.name} holds ${valueText(seen, statement, table)}${expires}`
  }
}
