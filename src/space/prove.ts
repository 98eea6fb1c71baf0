/** Whether something holds of all packets that a ruleset may meet. */
import type { HookName } from '../packet/packet.js'
import type { Match, Ruleset, Statement, Table } from '../ruleset/model.js'
import { boxesOf, pick } from './boxes.js'
import { deciderAt } from './deciders.js'
import { Decisions } from './decisions.js'
import { ALL, EMPTY, type Node, SpaceError } from './diagram.js'
import { type Example, exampleOf } from './example.js'
import type { Version } from './fields.js'
import type { Decider } from './outcomes.js'
import { refuseWhatCannotBeJudged } from './rulesets.js'
import { Space } from './space.js'
import { boxText, statementWords } from './words.js'

/** The packets that all of the matches hold of, as a rule of a table inet would have it. */
export type Matches = readonly Match[]

/** Packets that one of some lists of matches holds of, and none of some others. */
export interface Region {
  readonly include: readonly Matches[]
  readonly except?: readonly Matches[]
}

export interface Question {
  readonly hook: HookName
  readonly region: Region
  /** A reject is a drop that is told of. */
  readonly wanted: 'accept' | 'drop'
}

export interface Violation {
  /** `accept`, `drop`, `reject with …`. */
  readonly verdict: string
  readonly example: Example
  readonly by: Decider
  /** The packets of which it does not hold, in a few lines. */
  readonly packets: readonly string[]
}

export interface ProveOptions {
  /** How many nodes the diagrams may have: about 24 bytes each. Default: 6,000,000. */
  readonly nodes?: number
  /** How many lines tell of the packets of a violation. Default: 5. */
  readonly lines?: number
  /** How a statement is written. Default: its kind and name. */
  readonly textOf?: (statement: Statement) => string
}

const LINES = 5
const NO_TABLE: Table = { family: 'inet', name: '', sets: [], windows: [], chains: [] }

/** What a ruleset decides about every packet, ready to be asked. */
export class PolicySpace {
  readonly #ruleset: Ruleset
  readonly #options: ProveOptions
  readonly #space: Space
  readonly #decisions: Decisions
  readonly #known = new Map<string, Node>()

  /** Throws RulesetError if the ruleset cannot be evaluated. */
  constructor(ruleset: Ruleset, options: ProveOptions = {}) {
    refuseWhatCannotBeJudged(ruleset)
    this.#ruleset = ruleset
    this.#options = options
    this.#space = new Space(options.nodes)
    this.#decisions = new Decisions(this.#space, ruleset)
  }

  /**
   * Null: what is wanted holds of every packet of the region, of both IP versions. Answers of limits, windows and sets that
   * change are free: a violation may assume either. Throws SpaceError if that takes more memory than it may.
   */
  prove({ hook, region, wanted }: Question): Violation | null {
    const { diagram, fields, outcomes } = this.#space
    for (const family of ['ip', 'ip6'] as const) {
      const node = this.#at(hook, family)
      const asked = this.#packetsOf(region, family)
      const feasible = fields.feasible(hook, family)
      const isWanted = (value: number) => (outcomes.at(value).verdict === 'accept') === (wanted === 'accept')
      const wrong = diagram.mapLeaves(node, (value) => (isWanted(value) ? EMPTY : ALL))
      const packets = diagram.and(diagram.and(wrong, asked), feasible)
      if (packets !== EMPTY) return this.#violation(hook, family, node, packets, feasible)
    }
    return null
  }

  #at(hook: HookName, family: Version): Node {
    const key = `${hook} ${family}`
    const node = this.#known.get(key) ?? this.#decisions.at(hook, family)
    this.#known.set(key, node)
    return node
  }

  #packetsOf({ include, except = [] }: Region, family: Version): Node {
    const { diagram } = this.#space
    const set = (lists: readonly Matches[]) =>
      diagram.union(
        lists.map((statements) => {
          const about = this.#decisions.about({ statements }, NO_TABLE, family)
          if (about === undefined)
            throw new SpaceError('a region is told by what is in packets, and no state')
          return about
        }),
      )
    return diagram.minus(set(include), set(except))
  }

  #violation(hook: HookName, family: Version, node: Node, packets: Node, feasible: Node): Violation {
    const { fields, diagram, outcomes } = this.#space
    const { lines = LINES, textOf = statementWords } = this.#options
    const { boxes } = boxesOf(packets, feasible, fields, lines)
    const first = boxes[0]!
    const point = pick(diagram.and(first.packets, packets), fields)
    const answers = new Set(first.answers.map(({ opaque }) => opaque.variable))
    const value = diagram.at(node, (variable) => point.get(variable) ?? false)
    return {
      verdict: outcomes.at(value).verdict,
      example: exampleOf(point, hook, family, fields, answers),
      by: deciderAt(this.#space, this.#ruleset, hook, family, point),
      packets: boxes.map((box) => boxText(box, family, fields, textOf)),
    }
  }
}
