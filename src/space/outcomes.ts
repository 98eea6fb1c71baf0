/** What becomes of a packet: the leaves of a policy's diagram. */
import type { Chain, Position, Reject, Rule, Statement } from '../ruleset/model.js'
import { formatValue } from '../ruleset/values.js'
import { type Diagram, EMPTY, type Node } from './diagram.js'
import type { Fields, Version } from './fields.js'
import { constant, equal } from './vectors.js'

/** Who decides: a rule, or a base chain by its policy; neither where no chain is at the hook. */
export interface Decider {
  readonly chain?: Chain
  readonly rule?: Rule
  readonly position?: Position
}

/** What the mark is in the end: the mark at first, or what an expression gives, with some bits kept and some turned over. */
export interface MarkChange {
  /** The text of an expression; '' for the mark as it was. */
  readonly base: string
  readonly and: number
  readonly xor: number
}

export interface Outcome {
  /** `accept`, `drop`, `reject with …` as nft has it. */
  readonly verdict: string
  /** Of accepted packets, where rules set the mark. */
  readonly mark?: MarkChange
  /** What the packet leaves behind in sets and connections, in its order, by the keys of `Outcomes.effect`. */
  readonly effects: readonly string[]
  readonly by?: Decider
}

/** Leaves 0 and 1 are those of sets. */
const FIRST = 2
/** Codes of icmpx as each version has them: no-route, port-unreachable, host-unreachable, admin-prohibited. */
const ICMPX = { ip: [0, 3, 1, 13], ip6: [0, 4, 3, 1] } as const

export class Outcomes {
  readonly #diagram: Diagram
  readonly #all: Outcome[] = []
  readonly #known = new Map<string, Node>()
  readonly #deciders = new Map<object, number>()
  readonly #effects = new Map<string, Statement>()

  constructor(diagram: Diagram) {
    this.#diagram = diagram
  }

  /** The outcome of a leaf, by its value. */
  at(value: number): Outcome {
    return this.#all[value - FIRST]!
  }

  /** The function that is an outcome everywhere. */
  leaf(outcome: Outcome): Node {
    const { verdict, mark, effects, by } = outcome
    const key = JSON.stringify([verdict, mark, effects, by && this.#number(by)])
    let node = this.#known.get(key)
    if (node === undefined) {
      node = this.#diagram.leaf(this.#all.push(outcome) - 1 + FIRST)
      this.#known.set(key, node)
    }
    return node
  }

  #number({ chain, rule }: Decider): number {
    const decider = rule ?? chain
    if (decider === undefined) return -1
    const number = this.#deciders.get(decider) ?? this.#deciders.size
    this.#deciders.set(decider, number)
    return number
  }

  /** The statement that leaves something behind. */
  effect(key: string): Statement {
    return this.#effects.get(key)!
  }

  /** The outcomes of packets that leave something behind first: key is the same for what does the same. */
  withEffect(node: Node, effect: string, statement: Statement): Node {
    this.#effects.set(effect, statement)
    return this.#diagram.mapLeaves(node, (value) => {
      const outcome = this.at(value)
      if (outcome.effects.includes(effect)) return this.leaf(outcome)
      return this.leaf({ ...outcome, effects: [effect, ...outcome.effects] })
    })
  }

  /** The outcomes of packets whose mark is changed first. */
  withMark(node: Node, first: MarkChange): Node {
    return this.#diagram.mapLeaves(node, (value) => {
      const outcome = this.at(value)
      const { base, and, xor } = outcome.mark ?? UNCHANGED
      if (outcome.verdict !== 'accept' || base !== '') return this.leaf(outcome)
      const mark = { base: first.base, and: (and & first.and) >>> 0, xor: ((and & first.xor) ^ xor) >>> 0 }
      return this.leaf({ ...outcome, mark: mark.and === 0 ? { ...mark, base: '' } : mark })
    })
  }
}

const UNCHANGED: MarkChange = { base: '', and: 0xffffffff, xor: 0 }

/** The packets that two outcomes are different for: where both only set the mark, those that do not have it already. */
export function difference(a: Outcome, b: Outcome, fields: Fields): Node {
  const { diagram } = fields
  const first = a.mark ?? UNCHANGED
  const second = b.mark ?? UNCHANGED
  if (a.verdict !== b.verdict || a.effects.join('\n') !== b.effects.join('\n')) return diagram.not(EMPTY)
  if (first.base !== '' || second.base !== '') return diagram.not(EMPTY)
  const { bits, present } = fields.vector('mark')
  const after = ({ and, xor }: MarkChange) => {
    const mask = constant(BigInt(and), bits.length).bits
    const turned = constant(BigInt(xor), bits.length).bits
    return { present, bits: bits.map((bit, i) => diagram.xor(diagram.and(bit, mask[i]!), turned[i]!)) }
  }
  return diagram.not(equal(diagram, after(first), after(second)))
}

/** A reject as packets of one version hear it. */
export function rejectVerdict({ type, code = 0 }: Reject, family: Version): string {
  if (type === 'tcp reset') return 'reject with tcp reset'
  const number = type === 'icmpx' ? ICMPX[family][code]! : code
  return family === 'ip'
    ? `reject with icmp ${formatValue(BigInt(number), 'icmp_code')}`
    : `reject with icmpv6 ${formatValue(BigInt(number), 'icmpv6_code')}`
}
