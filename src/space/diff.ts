/** What a change of rules changes: the packets that two rulesets judge otherwise. */
import { Hook, type HookName } from '../packet/packet.js'
import type { Ruleset, Statement } from '../ruleset/model.js'
import { type Box, boxesOf, pick } from './boxes.js'
import { deciderAt } from './deciders.js'
import { Decisions } from './decisions.js'
import { ALL, EMPTY, type Node } from './diagram.js'
import { type Example, exampleOf } from './example.js'
import type { Version } from './fields.js'
import { type Decider, difference, type Outcome } from './outcomes.js'
import { changedRegion } from './region.js'
import { basesAt, refuseWhatCannotBeJudged } from './rulesets.js'
import { Space } from './space.js'
import { boxText, statementWords } from './words.js'

export interface DiffOptions {
  /** How many nodes the diagrams may have: about 24 bytes each. Default: 6,000,000. */
  readonly nodes?: number
  /** How many changes are told of at most, for each hook, IP version and pair of outcomes. Default: 10. */
  readonly lines?: number
  /** How a statement is written. Default: its kind and name. */
  readonly textOf?: (statement: Statement) => string
}

/** Packets that are judged otherwise, in one line. */
export interface Change {
  readonly hook: HookName
  readonly families: readonly Version[]
  /** `tcp from 10.1.0.0/16 to port 11434`. Where there are too many to tell of, those that are left: undefined. */
  readonly packets: string | undefined
  /** `drop`, `accept`, `reject with …`; with what else is different. */
  readonly from: string
  readonly to: string
  /** One of the packets, and who decides about it on both sides. */
  readonly example: Example
  readonly old: Decider
  readonly new: Decider
}

export interface Difference {
  /** Empty if the two judge all packets alike. */
  readonly changes: readonly Change[]
  /** Statements whose answers are not in the packet: the two are compared as asking the same of the same state. */
  readonly stateful: readonly Statement[]
}

const VERSIONS = ['ip', 'ip6'] as const
const LINES = 10

/**
 * Compares two rulesets over all packets: at each hook, for both IP versions. Throws RulesetError if one cannot be evaluated,
 * SpaceError if the comparison takes more memory than it may.
 */
export function diff(old: Ruleset, fresh: Ruleset, options: DiffOptions = {}): Difference {
  refuseWhatCannotBeJudged(old)
  refuseWhatCannotBeJudged(fresh)
  const stateful = new Set<Statement>()
  const changes = (Object.keys(Hook) as HookName[]).flatMap((hook) => {
    const found = VERSIONS.flatMap((family) => {
      if ([old, fresh].every((each) => basesAt(each, hook, family).length === 0)) return []
      const comparison = new Comparison(old, fresh, hook, family, options)
      const changes = comparison.changes()
      for (const { statement } of comparison.space.fields.opaque) stateful.add(statement)
      return changes
    })
    return ofBothVersions(found)
  })
  return { changes, stateful: [...stateful] }
}

/** Changes that are the same for both IP versions are one. */
function ofBothVersions(changes: readonly Change[]): Change[] {
  const merged = new Map<string, Change>()
  for (const change of changes) {
    const { packets, from, to, families } = change
    const places = [change.old, change.new].map(({ position }) => `${position?.file}:${position?.line}`)
    const key = JSON.stringify([packets ?? families, from, to, places])
    const same = merged.get(key)
    merged.set(key, same === undefined ? change : { ...same, families: [...same.families, ...families] })
  }
  return [...merged.values()]
}

/** Two rulesets at one hook, for one IP version. */
class Comparison {
  readonly space: Space
  readonly #old: Ruleset
  readonly #fresh: Ruleset
  readonly #hook: HookName
  readonly #family: Version
  readonly #options: DiffOptions

  constructor(old: Ruleset, fresh: Ruleset, hook: HookName, family: Version, options: DiffOptions) {
    this.space = new Space(options.nodes)
    this.#old = old
    this.#fresh = fresh
    this.#hook = hook
    this.#family = family
    this.#options = options
  }

  changes(): Change[] {
    const { space } = this
    const region = changedRegion(this.#old, this.#fresh, this.#hook, this.#family, space)
    if (region === EMPTY) return []
    const before = new Decisions(space, this.#old).at(this.#hook, this.#family, region)
    const after = new Decisions(space, this.#fresh).at(this.#hook, this.#family, region)
    const feasible = space.fields.feasible(this.#hook, this.#family)
    const compared = space.diagram.and(region, feasible)
    return [...this.#pairs(before, after)].flatMap(([first, second, packets]) =>
      this.#tell(first, second, space.diagram.and(packets, compared), feasible),
    )
  }

  /** Pairs of outcomes that are not the same, and the packets that have them. */
  *#pairs(before: Node, after: Node): Generator<[Outcome, Outcome, Node]> {
    const { diagram, fields, outcomes } = this.space
    const pairs: [number, number][] = []
    const leaves = new Map<string, Node>()
    const both = diagram.combine(before, after, (a, b) => {
      if (a === b) return EMPTY
      const key = `${a} ${b}`
      const known = leaves.get(key) ?? diagram.leaf(pairs.push([a, b]))
      leaves.set(key, known)
      return known
    })
    for (const [i, [a, b]] of pairs.entries()) {
      const [first, second] = [outcomes.at(a), outcomes.at(b)]
      const packets = diagram.mapLeaves(both, (value) => (value === i + 1 ? ALL : EMPTY))
      yield [first, second, diagram.and(packets, difference(first, second, fields))]
    }
  }

  #tell(first: Outcome, second: Outcome, packets: Node, feasible: Node): Change[] {
    const { fields } = this.space
    const { boxes, rest } = boxesOf(packets, feasible, fields, this.#options.lines ?? LINES)
    const [from, to] = [this.#outcomeText(first, second), this.#outcomeText(second, first)]
    const told = boxes.map((box) => this.#change(box.packets, packets, box, from, to))
    return rest === EMPTY ? told : [...told, this.#change(rest, rest, undefined, from, to)]
  }

  #change(among: Node, packets: Node, box: Box | undefined, from: string, to: string): Change {
    const { fields, diagram } = this.space
    const point = pick(diagram.and(among, packets), fields)
    const answers = new Set(box?.answers.map(({ opaque }) => opaque.variable) ?? diagram.variablesOf(packets))
    const textOf = this.#options.textOf ?? statementWords
    const decider = (ruleset: Ruleset) => deciderAt(this.space, ruleset, this.#hook, this.#family, point)
    return {
      hook: this.#hook,
      families: [this.#family],
      packets: box && boxText(box, this.#family, fields, textOf),
      from,
      to,
      example: exampleOf(point, this.#hook, this.#family, fields, answers),
      old: decider(this.#old),
      new: decider(this.#fresh),
    }
  }

  /** An outcome, with what it has beside its verdict that another has not. */
  #outcomeText({ verdict, mark, effects }: Outcome, other: Outcome): string {
    const parts = [verdict]
    if (other.verdict === verdict && JSON.stringify(mark) !== JSON.stringify(other.mark))
      parts.push(markText(mark))
    const own = effects.filter((effect) => !other.effects.includes(effect))
    const textOf = this.#options.textOf ?? statementWords
    parts.push(...own.map((effect) => textOf(this.space.outcomes.effect(effect))))
    return parts.join(', ')
  }
}

function markText(mark: Outcome['mark']): string {
  if (mark === undefined) return 'mark as it was'
  const hex = (number: number) => `0x${number.toString(16)}`
  if (mark.base !== '') return 'mark set from another field'
  if (mark.and === 0) return `mark ${hex(mark.xor)}`
  return `mark & ${hex(mark.and)} ^ ${hex(mark.xor)}`
}
