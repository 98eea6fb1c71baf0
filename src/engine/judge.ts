import { Column, Family, type Packet } from '../packet/packet.js'
import { MAXIMUM_JUMPS } from '../ruleset/check.js'
import type { Reject } from '../ruleset/model.js'
import { type Environment, Outcome, type Step } from './environment.js'
import { generateSearch, type Search, UNKNOWN } from './generate.js'
import { type BaseChainEntry, chainsByStage, Op, type Program, STAGES, Stage } from './program.js'
import { descend, search, searchOn } from './search.js'
import { InterfaceClasses, InterfaceTable } from './state/interfaces.js'
import type { SetTable } from './state/sets/table.js'
import { Window } from './state/window.js'
import { type Choice, createChoice } from './steps/choice.js'
import { Context } from './steps/context.js'
import { createStep } from './steps/create.js'
import { Rejection, rejectionOf } from './steps/reject.js'
import { XtablesContext } from './xtables/step.js'

/** Verdicts, by the kernel's numbers (NF_DROP, NF_ACCEPT). A rejected packet is dropped, see `Engine.rejection`. */
export const Verdict = { drop: 0, accept: 1 } as const
export type VerdictNumber = (typeof Verdict)[keyof typeof Verdict]

/** Who decided, beside a rule (its number) and a base chain's policy (`policyNumber`). */
export const Decider = {
  /** No base chain is at the packet's hook. */
  nobody: -1,
  /** The packet is no well-formed IP packet. */
  malformed: -2,
} as const
const FIRST_POLICY = -3

/*
 * V8 folds a module's own constants into the code, but reads imported and exported ones anew at each use: a
 * switch over imported numbers cost a tenth of the time. So what the hot functions use is bound here.
 */
const { next, member, equals, ranges, load, count, window, accept, drop, jump } = Op
const { lookup, run, choose, reject, go } = Op
const gotoChain = Op.goto
const { break: BREAK, continue: CONTINUE, hotdrop: HOTDROP } = Outcome
const NOTHING_SENT = Rejection.none
const { drop: DROP, accept: ACCEPT } = Verdict
const { malformed: MALFORMED, nobody: NOBODY } = Decider
const { nfproto: NFPROTO, iifname: IIFNAME, oifname: OIFNAME } = Column
const IPV6 = Family.ipv6
const UNKNOWN_CHAIN = UNKNOWN
const STAGES_OF_HOOK = STAGES
const ALL = Stage.all

/** What `Engine.decidedBy` holds if the policy of a base chain of `Program.bases` decided; also turns it back. */
export function policyNumber(chain: number): number {
  return FIRST_POLICY - chain
}

/** What turns an unsigned word into a signed one that sorts the same way: `ordered`. */
const SIGN = 0x80000000 | 0
/** The rank before all rules. */
const FIRST = -1

/**
 * A program with its state: judges packets. `judge` is the hot path: it allocates nothing, reads no clock,
 * does no I/O and cannot throw on any packet.
 */
export class Engine {
  readonly program: Program
  readonly windows: readonly Window[]
  /** Packets and bytes of each counter: counter × 2 and counter × 2 + 1. */
  readonly counters: Float64Array
  /** Classes of interface names by index; the source of packets tells the names, see `learnInterface`. */
  readonly interfaces = new InterfaceTable()
  /** Of the last packet: the rule that decided, or a number of Decider or `policyNumber`. */
  decidedBy: number = Decider.nobody
  /** Of the last packet: the last window that refused it, or -1. */
  refusedBy = -1
  /** Of the last packet: what the kernel would send back to its source, see Rejection. */
  rejection: number = NOTHING_SENT
  readonly #steps: readonly Step[]
  readonly #choices: readonly Choice[]
  readonly #lookups: readonly SetTable[]
  readonly #rejects: readonly Reject[]
  readonly #code: Int32Array
  readonly #small: Search
  /** Base chains by (hook × 2 + (1 for IPv6)) × STAGES + stage. */
  readonly #chains: readonly (readonly BaseChainEntry[])[]
  readonly #classes: InterfaceClasses
  /** Whether the trees ask for names of interfaces. */
  readonly #asksNames: boolean
  /** Where jumps come back to: chain and rule. */
  readonly #returns = new Int32Array(2 * (MAXIMUM_JUMPS + 1))

  /** Counters: memory to count in, to be shared. */
  constructor(
    program: Program,
    environment: Environment,
    counters: Float64Array = new Float64Array(program.counters.length * 2),
  ) {
    this.program = program
    this.counters = counters
    this.windows = program.windows.map((window) => new Window(window, environment.seeds))
    const xtables = new XtablesContext(environment)
    const contexts = program.source.tables.map(
      (table) => new Context(table, this.interfaces, environment, xtables),
    )
    this.#steps = program.steps.map(({ table, what }) => createStep(what.statement, contexts[table]!))
    this.#choices = program.choices.map(({ table, what }) => createChoice(what, contexts[table]!))
    this.#lookups = program.lookups.map(({ table, what }) => contexts[table]!.tables.named(what).table)
    this.#rejects = program.rejects
    this.#code = program.code
    this.#small = generateSearch(program.code, program.chains)
    this.#chains = program.hooks.flatMap(chainsByStage)
    this.#classes = new InterfaceClasses(program.interfaces)
    this.#asksNames = program.interfaces.length > 0
  }

  /** Tells the name of an interface index. Not for the hot path. */
  learnInterface(index: number, name: string): void {
    this.interfaces.set(index, this.#classes.classOf(name), name)
  }

  /** The verdict for a parsed packet, whose metadata are set. Counts, and fills windows, as the rules say. */
  judge(packet: Packet): VerdictNumber {
    return this.run(packet, ALL)
  }

  /** The same by the base chains of a Stage alone. */
  run(packet: Packet, stage: number): VerdictNumber {
    const chains = this.#begin(packet, stage)
    if (chains === undefined) return DROP
    const { fields } = packet
    const code = this.#code
    for (let i = 0; i < chains.length; i++) {
      const chain = chains[i]!
      const rule = this.#first(chain.entry, fields)
      let at = code[rule + 1]!
      // Most rules count, if anything, and decide.
      if (code[at] === count) {
        this.#count(code[at + 1]!, packet)
        at += 2
      }
      if (code[at] === accept) this.decidedBy = code[at + 1]!
      else if (this.#run(chain, packet, rule, at) === DROP) return DROP
    }
    return ACCEPT
  }

  /** The base chains of a packet's hook; undefined if it is no packet. */
  #begin(packet: Packet, stage: number): readonly BaseChainEntry[] | undefined {
    this.refusedBy = -1
    this.rejection = NOTHING_SENT
    if (packet.present === 0) {
      this.decidedBy = MALFORMED
      return undefined
    }
    const { fields } = packet
    if (this.#asksNames) {
      fields[IIFNAME] = this.interfaces.classOf(packet.iif)
      fields[OIFNAME] = this.interfaces.classOf(packet.oif)
    }
    this.decidedBy = NOBODY
    const hook = packet.hook * 2 + (fields[NFPROTO] === IPV6 ? 1 : 0)
    return this.#chains[hook * STAGES_OF_HOOK + stage]
  }

  /** Where the first rule of a chain stands that holds. */
  #first(chain: number, fields: Int32Array): number {
    const rule = this.#small(fields, chain)
    return rule === UNKNOWN_CHAIN ? search(this.#code, fields, chain, FIRST) : rule
  }

  #count(counter: number, packet: Packet): void {
    this.counters[counter * 2]!++
    this.counters[counter * 2 + 1]! += packet.length
  }

  /** Runs one base chain from an instruction of a rule on. */
  #run(base: BaseChainEntry, packet: Packet, first: number, start: number): VerdictNumber {
    const code = this.#code
    const fields = packet.fields
    const present = packet.present
    const returns = this.#returns
    let depth = 0
    let chain = base.entry
    let rule = first
    let at = start
    for (;;) {
      switch (code[at]) {
        case next:
          rule = searchOn(code, fields, chain, rule)
          at = code[rule + 1]!
          break
        case member: {
          const column = code[at + 1]!
          if ((present & (1 << column)) === 0) at = code[at + 2]!
          else at = descend(code, fields, code[at + 3]!) === 1 ? at + 4 : code[at + 2]!
          break
        }
        case equals: {
          const column = code[at + 1]!
          const holds = (present & (1 << column)) !== 0 && fields[column] === code[at + 3]
          at = holds ? at + 4 : code[at + 2]!
          break
        }
        case ranges: {
          const column = code[at + 1]!
          const holds = (present & (1 << column)) !== 0 && inRanges(code, at + 3, fields[column]! ^ SIGN)
          at = holds ? at + 4 + code[at + 3]! * 2 : code[at + 2]!
          break
        }
        case load: {
          const length = code[at + 3]!
          const start = code[at + 1] === 0 ? packet.network : packet.transport
          const place = start + code[at + 2]!
          const holds =
            start >= 0 &&
            place + length <= packet.end &&
            inRanges(code, at + 5, readAt(packet.view, place, length) ^ SIGN)
          at = holds ? at + 6 + code[at + 5]! * 2 : code[at + 4]!
          break
        }
        case count:
          this.#count(code[at + 1]!, packet)
          at += 2
          break
        case window: {
          const number = code[at + 1]!
          if (this.windows[number]!.admit(packet)) at += 3
          else {
            this.refusedBy = number
            at = code[at + 2]!
          }
          break
        }
        case lookup: {
          const column = code[at + 1]!
          const set = this.#lookups[code[at + 3]!]!
          const id = (present & (1 << column)) === 0 ? -2 : set.find(fields, column, packet)
          if (id >= 0 !== (code[at + 4] === 1) || id === -2) {
            at = code[at + 2]!
            break
          }
          const outcome = id < 0 ? CONTINUE : set.run(id, packet)
          if (outcome === HOTDROP) {
            this.decidedBy = code[at + 5]!
            return DROP
          }
          at = outcome === CONTINUE ? at + 6 : code[at + 2]!
          break
        }
        case run: {
          const number = code[at + 1]!
          const outcome = this.#steps[number]!.run(packet)
          if (outcome === BREAK) at = code[at + 2]!
          else if (outcome !== HOTDROP) at += 3
          else {
            this.decidedBy = this.program.steps[number]!.what.rule
            return DROP
          }
          break
        }
        case choose: {
          const choice = this.#choices[code[at + 1]!]!.choose(packet)
          at = choice < 0 ? code[at + 2]! : code[at + 3 + choice]!
          break
        }
        case go:
          at = code[at + 1]!
          break
        case reject:
          this.decidedBy = code[at + 1]!
          this.rejection = rejectionOf(packet, this.#rejects[code[at + 2]!]!)
          return DROP
        case accept:
          this.decidedBy = code[at + 1]!
          return ACCEPT
        case drop:
          this.decidedBy = code[at + 1]!
          return DROP
        case jump:
          returns[depth++] = chain
          returns[depth++] = rule
          chain = code[at + 1]!
          rule = this.#first(chain, fields)
          at = code[rule + 1]!
          break
        case gotoChain:
          chain = code[at + 1]!
          rule = this.#first(chain, fields)
          at = code[rule + 1]!
          break
        default:
          if (depth > 0) {
            rule = returns[--depth]!
            chain = returns[--depth]!
            rule = searchOn(code, fields, chain, rule)
            at = code[rule + 1]!
            break
          }
          this.decidedBy = FIRST_POLICY - base.chain
          return base.accepts ? ACCEPT : DROP
      }
    }
  }
}

/** Whether a value, as `ordered` has it, is in one of the ranges whose number stands at `at`. */
function inRanges(code: Int32Array, at: number, value: number): boolean {
  const end = at + 1 + code[at]! * 2
  for (let pair = at + 1; pair < end; pair += 2) {
    if (value < code[pair]!) return false
    if (value <= code[pair + 1]!) return true
  }
  return false
}

function readAt(view: DataView, at: number, length: number): number {
  if (length === 1) return view.getUint8(at)
  return length === 2 ? view.getUint16(at) : view.getInt32(at)
}
