import { Diagram } from './diagram.js'
import { Fields } from './fields.js'
import { Outcomes } from './outcomes.js'

/** What diagrams of several rulesets share, so that they can be compared. */
export class Space {
  readonly fields: Fields
  readonly outcomes: Outcomes

  /** Nodes: how many the diagrams may have; beyond, SpaceError is thrown. */
  constructor(nodes?: number) {
    const diagram = new Diagram(nodes)
    this.fields = new Fields(diagram)
    this.outcomes = new Outcomes(diagram)
  }

  get diagram(): Diagram {
    return this.fields.diagram
  }
}
