import type { Asked } from '../engine/compile/implied.js'
import type { Rule, Statement, Table } from '../ruleset/model.js'
import { Diagram, type Node } from './diagram.js'
import { Fields, type Version } from './fields.js'
import { Outcomes } from './outcomes.js'

/** A statement by its number in its rule, and what the rule has asked of the protocols before it. */
export interface Numbered {
  readonly statement: Statement
  readonly number: number
  readonly asked: Asked
}

/** The matches that a rule begins with, as a set, and the statements behind them. */
export interface Opened {
  readonly packets: Node
  readonly rest: readonly Numbered[]
}

/** What diagrams of several rulesets share, so that they can be compared. */
export class Space {
  readonly fields: Fields
  readonly outcomes: Outcomes
  readonly #opened = { ip: new Map<Table, Map<Rule, Opened>>(), ip6: new Map<Table, Map<Rule, Opened>>() }

  /** Nodes: how many the diagrams may have; beyond, SpaceError is thrown. */
  constructor(nodes?: number) {
    const diagram = new Diagram(nodes)
    this.fields = new Fields(diagram)
    this.outcomes = new Outcomes(diagram)
  }

  get diagram(): Diagram {
    return this.fields.diagram
  }

  /** What is known of how the rules of a table begin: a rule is looked at more than once. */
  openedOf(table: Table, family: Version): Map<Rule, Opened> {
    const known = this.#opened[family].get(table) ?? new Map<Rule, Opened>()
    this.#opened[family].set(table, known)
    return known
  }
}
