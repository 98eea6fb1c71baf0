/** The Ruleset while a transaction changes it. */
import type {
  BaseChain,
  Chain,
  Element,
  NamedObject,
  NamedSet,
  Position,
  Rule,
  Ruleset,
  Table,
  TableFamily,
  Window,
} from '../../../ruleset/model.js'

export class ChainBuilder {
  readonly name: string
  readonly position: Position | undefined
  base: BaseChain | undefined
  comment: string | undefined
  rules: Rule[] = []

  constructor(name: string, position: Position | undefined) {
    this.name = name
    this.position = position
  }

  build(): Chain {
    const { name, base, comment, position } = this
    return {
      name,
      ...(base === undefined ? {} : { base }),
      ...(comment === undefined ? {} : { comment }),
      rules: this.rules,
      ...(position === undefined ? {} : { position }),
    }
  }
}

export class SetBuilder {
  spec: Omit<NamedSet, 'elements'>
  elements: Element[] = []
  /** Elements were added since they were last put in order. */
  changed = false

  constructor(spec: Omit<NamedSet, 'elements'>) {
    this.spec = spec
  }

  build(): NamedSet {
    return { ...this.spec, elements: this.elements }
  }
}

export class TableBuilder {
  readonly family: TableFamily
  readonly name: string
  readonly position: Position | undefined
  dormant = false
  comment: string | undefined
  readonly chains = new Map<string, ChainBuilder>()
  readonly sets = new Map<string, SetBuilder>()
  readonly windows = new Map<string, Window>()
  readonly objects = new Map<string, NamedObject>()

  constructor(family: TableFamily, name: string, position: Position | undefined) {
    this.family = family
    this.name = name
    this.position = position
  }

  build(): Table {
    const { family, name, dormant, comment, position } = this
    const objects = [...this.objects.values()]
    return {
      family,
      name,
      ...(dormant ? { dormant } : {}),
      ...(comment === undefined ? {} : { comment }),
      sets: [...this.sets.values()].map((set) => set.build()),
      windows: [...this.windows.values()],
      ...(objects.length === 0 ? {} : { objects }),
      chains: [...this.chains.values()].map((chain) => chain.build()),
      ...(position === undefined ? {} : { position }),
    }
  }
}

export class RulesetBuilder {
  readonly tables = new Map<string, TableBuilder>()

  constructor(ruleset: Ruleset = { tables: [] }) {
    for (const table of ruleset.tables) {
      const builder = new TableBuilder(table.family, table.name, table.position)
      builder.dormant = table.dormant ?? false
      builder.comment = table.comment
      for (const { elements, ...spec } of table.sets) {
        const set = new SetBuilder(spec)
        set.elements = [...elements]
        builder.sets.set(spec.name, set)
      }
      for (const window of table.windows) builder.windows.set(window.name, window)
      for (const object of table.objects ?? []) builder.objects.set(`${object.kind} ${object.name}`, object)
      for (const chain of table.chains) {
        const copy = new ChainBuilder(chain.name, chain.position)
        copy.base = chain.base
        copy.comment = chain.comment
        copy.rules = [...chain.rules]
        builder.chains.set(chain.name, copy)
      }
      this.tables.set(`${table.family} ${table.name}`, builder)
    }
  }

  build(): Ruleset {
    return { tables: [...this.tables.values()].map((table) => table.build()) }
  }
}
