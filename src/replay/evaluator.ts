import type { Environment } from '../engine/environment.js'
import type { Evaluator } from '../engine/host/host.js'
import { Decider, Engine, policyNumber, Verdict } from '../engine/judge.js'
import { chainsByStage, type Program, STAGES } from '../engine/program.js'
import { CtState, Family, type Packet } from '../packet/packet.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const { nobody: NOBODY } = Decider
const IPV6 = Family.ipv6
const { invalid: INVALID } = CtState
const ACCEPT = Verdict.accept
const FIRST_POLICY = policyNumber(0)
const STAGES_OF_HOOK = STAGES

/** The engine over all the hooks that a packet goes through, with who decided at last. */
export class ReplayEvaluator implements Evaluator {
  readonly engine: Engine
  /** Of the last packet: number of the rule, or behind those of the base chain whose policy decided, or of nobody. */
  decider = 0
  /** Whether anybody has. */
  decided = false
  /** The hook at which that was; if nobody decided, the last that the packet came to. */
  hook = 0
  /** Of the last packet, when a chain judged it: its flow in the tracker or -1, which way it went there, its state. */
  flow = -1
  direction = 0
  state: number = INVALID
  /** How many rules there are, and how many deciders. */
  readonly rules: number
  readonly deciders: number
  readonly #rejecting: Uint8Array
  /** Whether there are chains at (hook × 2 + (1 for IPv6)) × STAGES + stage: where there is none, nobody is asked. */
  readonly #chains: Uint8Array

  constructor(program: Program, environment: Environment) {
    this.engine = new Engine(program, environment)
    this.rules = program.rules.length
    this.deciders = this.rules + program.bases.length + 1
    const rules = program.source.tables.flatMap(({ chains }) => chains.flatMap(({ rules }) => rules))
    this.#rejecting = Uint8Array.from(rules, ({ statements }) =>
      statements.some(({ kind }) => kind === 'reject') ? 1 : 0,
    )
    this.#chains = Uint8Array.from(program.hooks.flatMap(chainsByStage), ({ length }) => (length > 0 ? 1 : 0))
  }

  get rejection(): number {
    return this.engine.rejection
  }

  /** Whether a rule decided that has the sender told. */
  get rejects(): boolean {
    return this.isRejecting(this.decider)
  }

  isRejecting(decider: number): boolean {
    return decider < this.rules && this.#rejecting[decider] === 1
  }

  /** Before a packet: nobody has decided yet. */
  begin(): void {
    this.decided = false
    this.decider = this.deciders - 1
    this.flow = -1
    this.state = INVALID
  }

  run(packet: Packet, stage: number): number {
    const { hook } = packet
    const at = (hook * 2 + (packet.family === IPV6 ? 1 : 0)) * STAGES_OF_HOOK + stage
    if (!this.decided) this.hook = hook
    if (this.#chains[at] === 0) return ACCEPT
    this.flow = packet.flow
    this.direction = packet.flowDirection
    this.state = packet.ctState
    const verdict = this.engine.run(packet, stage)
    const { decidedBy } = this.engine
    if (decidedBy === NOBODY) return verdict
    this.decided = true
    this.hook = hook
    this.decider = decidedBy >= 0 ? decidedBy : this.rules + FIRST_POLICY - decidedBy
    return verdict
  }
}
