/** Why a packet is judged as it is: its way through the rules, and what would change the verdict. */
import { rejectionNumber } from '../engine/host/evaluators.js'
import type { Evaluator } from '../engine/host/host.js'
import { Verdict as VerdictNumber } from '../engine/judge.js'
import { prioritiesOf } from '../engine/program.js'
import { ReferenceEngine } from '../engine/reference/evaluate.js'
import { NOBODY, type Observer } from '../engine/reference/observer.js'
import { Rejection } from '../engine/steps/reject.js'
import type { Sample } from '../language/traffic/samples.js'
import { type Address, formatAddress } from '../packet/address.js'
import { buildPacket } from '../packet/build.js'
import { Hook, type HookName, Packet } from '../packet/packet.js'
import type { Chain, Rule, Ruleset } from '../ruleset/model.js'
import { TrialHost, type TrialOptions, type Verdict, type Way } from './host.js'
import { type Step, Trace } from './trace.js'

export interface Explanation {
  readonly verdict: Verdict
  /** The last hook that it came to. */
  readonly hook: HookName
  /** Who decided: a rule, a base chain by its policy, or nobody. */
  readonly rule?: Rule
  readonly chain?: Chain
  readonly steps: readonly Step[]
  /** Steps that were too many to be kept. */
  readonly left: number
}

/** Explains packet after packet, each in the state that those before it left. Time: nanoseconds, never less than before. */
export class Explainer {
  readonly #host: TrialHost<ExplainedRules>
  readonly #evaluator: ExplainedRules

  /** Throws RulesetError if there is anything in the ruleset that cannot be evaluated. */
  constructor(ruleset: Ruleset, options: TrialOptions = {}) {
    this.#host = new TrialHost(
      ruleset,
      (environment, interfaces) => {
        const engine = new ReferenceEngine(ruleset, environment)
        for (const [index, name] of interfaces.entries()) engine.interfaces.set(index + 1, name)
        return new ExplainedRules(engine)
      },
      options,
    )
    this.#evaluator = this.#host.evaluator
  }

  /** A packet that is parsed. Wire: the bytes that the link brought from its IP header on. */
  explain(packet: Packet, way: Way, time: number, wire?: number): Explanation {
    packet.time[0] = time
    const trace = new Trace(this.#evaluator.engine, () => this.#evaluator.packet)
    const { verdict, hook } = this.#judge(packet, way, trace, wire)
    const { rule, chain } = this.#evaluator
    return {
      verdict,
      hook,
      ...(rule !== undefined && { rule }),
      ...(chain !== undefined && { chain }),
      steps: trace.steps,
      left: trace.left,
    }
  }

  /** The verdict alone. */
  judge(packet: Packet, way: Way, time: number, wire?: number): Verdict {
    packet.time[0] = time
    return this.#judge(packet, way, NOBODY, wire).verdict
  }

  #judge(packet: Packet, way: Way, observer: Observer, wire: number | undefined) {
    this.#evaluator.begin(observer)
    const verdict = this.#host.judge(packet, way, wire)
    const hook = Object.entries(Hook).find(([, number]) => number === this.#host.packet.hook)![0] as HookName
    return { verdict, hook }
  }
}

/** The reference evaluator, with whoever looks on. */
class ExplainedRules implements Evaluator {
  readonly engine: ReferenceEngine
  rejection: number = Rejection.none
  packet!: Packet
  rule: Rule | undefined
  chain: Chain | undefined
  #observer = NOBODY

  constructor(engine: ReferenceEngine) {
    this.engine = engine
  }

  begin(observer: Observer): void {
    this.#observer = observer
    this.rule = this.chain = undefined
  }

  run(packet: Packet, stage: number): number {
    this.packet = packet
    const [from, below] = prioritiesOf(stage)
    const { verdict, rule, chain } = this.engine.run(packet, from, below, this.#observer)
    if (rule !== undefined || chain !== undefined) {
      this.rule = rule
      this.chain = chain
    }
    this.rejection = rejectionNumber(verdict)
    return verdict === 'accept' ? VerdictNumber.accept : VerdictNumber.drop
  }
}

/** The bytes of a packet that was described, parsed. */
export function packetOf(sample: Sample): Packet {
  const bytes = buildPacket(sample)
  const packet = new Packet()
  packet.attach(bytes)
  packet.parse(0, bytes.length)
  return packet
}

/** How a packet that was described comes to its host: what is for us is for an address of ours. */
export function wayOf({ direction, source, destination, iif, oif, state }: Sample): Way {
  const own = direction === 'in' ? destination : source
  const address = { address: formatAddress(own), length: own.bits }
  return {
    direction,
    addresses: direction === 'forward' || isOfMany(own) ? [] : [address],
    ...(iif !== undefined && { iif }),
    ...(oif !== undefined && { oif }),
    ...(state !== undefined && { state }),
  }
}

/** The interfaces that a packet names. */
export function interfacesOf({ iif, oif }: Sample): string[] {
  return [iif, oif].filter((name) => name !== undefined)
}

/** Whether an address is a group's, a broadcast or none at all. */
function isOfMany({ bits, value }: Address): boolean {
  if (value === 0n) return true
  if (bits === 128) return value >> 120n === 0xffn
  return value >> 28n === 0xen || value === 0xffffffffn
}
