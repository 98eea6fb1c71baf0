import type { Packet } from '../../packet/packet.js'
import type { Position, Rule, Ruleset } from '../../ruleset/model.js'
import { compile } from '../compile/compile.js'
import type { Environment } from '../environment.js'
import { Decider, Engine, policyNumber, Verdict } from '../judge.js'
import { type Program, prioritiesOf } from '../program.js'
import { ReferenceEngine, type ReferenceVerdict } from '../reference/evaluate.js'
import { Rejection } from '../steps/reject.js'
import type { Evaluator } from './host.js'

export interface Count {
  readonly packets: number
  readonly bytes: number
}

/** An evaluator that says who decided, over all the hooks that a packet went through. */
export interface ExplainingEvaluator extends Evaluator {
  /** Before a packet: nobody has decided yet. */
  begin(): void
  /** `FILE:LINE` of the rule that decided, `policy-of:CHAIN` if no rule did, or `-` if there was no chain either. */
  decider(): string
  /** What the counters of a rule have counted, in their order in the rule; rules count in the order of the ruleset. */
  counters(rule: number): readonly Count[]
}

export const EVALUATORS = ['tree', 'reference'] as const
export type EvaluatorName = (typeof EVALUATORS)[number]

/** Throws RulesetError if there is anything in the ruleset that cannot be evaluated. */
export function createEvaluator(
  name: EvaluatorName,
  ruleset: Ruleset,
  environment: Environment,
  interfaces: readonly string[],
): ExplainingEvaluator {
  if (name === 'reference') return new PlainEvaluator(ruleset, environment, interfaces)
  return new TreeEvaluator(compile(ruleset), environment, interfaces)
}

class TreeEvaluator implements ExplainingEvaluator {
  readonly #engine: Engine
  readonly #program: Program
  #decidedBy: number = Decider.nobody

  constructor(program: Program, environment: Environment, interfaces: readonly string[]) {
    this.#program = program
    this.#engine = new Engine(program, environment)
    for (const [index, name] of interfaces.entries()) this.#engine.learnInterface(index + 1, name)
  }

  get rejection(): number {
    return this.#engine.rejection
  }

  run(packet: Packet, stage: number): number {
    const verdict = this.#engine.run(packet, stage)
    if (this.#engine.decidedBy !== Decider.nobody) this.#decidedBy = this.#engine.decidedBy
    return verdict
  }

  begin(): void {
    this.#decidedBy = Decider.nobody
  }

  decider(): string {
    if (this.#decidedBy === Decider.nobody) return '-'
    if (this.#decidedBy >= 0) return placeOf(this.#program.rules[this.#decidedBy]!.position)
    return `policy-of:${this.#program.bases[policyNumber(this.#decidedBy)]!.chain}`
  }

  counters(rule: number): readonly Count[] {
    const { counters } = this.#engine
    return this.#program.counters.flatMap((of, index) =>
      of === rule ? [{ packets: counters[index * 2]!, bytes: counters[index * 2 + 1]! }] : [],
    )
  }
}

class PlainEvaluator implements ExplainingEvaluator {
  rejection: number = Rejection.none
  readonly #engine: ReferenceEngine
  readonly #rules: readonly Rule[]
  #decided: ReferenceVerdict = { verdict: 'accept', logged: [] }

  constructor(ruleset: Ruleset, environment: Environment, interfaces: readonly string[]) {
    this.#engine = new ReferenceEngine(ruleset, environment)
    for (const [index, name] of interfaces.entries()) this.#engine.interfaces.set(index + 1, name)
    this.#rules = ruleset.tables.flatMap(({ chains }) => chains.flatMap(({ rules }) => rules))
  }

  run(packet: Packet, stage: number): number {
    const [from, below] = prioritiesOf(stage)
    const said = this.#engine.run(packet, from, below)
    if (said.chain !== undefined || said.rule !== undefined) this.#decided = said
    this.rejection = rejectionNumber(said.verdict)
    return said.verdict === 'accept' ? Verdict.accept : Verdict.drop
  }

  begin(): void {
    this.#decided = { verdict: 'accept', logged: [] }
  }

  decider(): string {
    const { rule, chain } = this.#decided
    if (rule !== undefined) return placeOf(rule.position)
    return chain === undefined ? '-' : `policy-of:${chain.name}`
  }

  counters(rule: number): readonly Count[] {
    return this.#engine
      .countersOf(this.#rules[rule]!)
      .map(({ packets, bytes }) => ({ packets: Number(packets), bytes: Number(bytes) }))
  }
}

/** A verdict as Rejection has it. */
export function rejectionNumber(verdict: ReferenceVerdict['verdict']): number {
  if (verdict === 'reject:tcp-reset') return Rejection.tcpReset
  const [, type, code] = /^reject:icmp(?:v6)?-(\d+)\/(\d+)$/.exec(verdict) ?? []
  return type === undefined ? Rejection.none : Number(type) * 256 + Number(code)
}

function placeOf(position: Position | undefined): string {
  return position === undefined ? 'rule' : `${position.file}:${position.line}`
}
