import type { NamedObject, NamedSet, Stateful, Table } from '../../ruleset/model.js'
import type { Clock, Connections, Environment, Host } from '../environment.js'
import { ConnectionCounts } from '../state/connection-counts.js'
import { CounterSlots } from '../state/counter.js'
import type { InterfaceTable } from '../state/interfaces.js'
import { LimitSlots } from '../state/limit.js'
import { QuotaSlots } from '../state/quota.js'
import type { Slots } from '../state/slots.js'
import type { XtablesContext } from '../xtables/step.js'
import { Tables } from './tables.js'

/** What steps are made with: what the engine has learnt, and what the rules of a table share. */
export class Context {
  readonly table: Table
  readonly tables: Tables
  readonly interfaces: InterfaceTable
  readonly xtables: XtablesContext
  readonly random: () => number
  readonly connections?: Connections
  readonly clock?: Clock
  readonly host?: Host
  readonly #objects = new Map<string, Slots>()

  /** xtables: what all tables share of xtables' lists. */
  constructor(table: Table, interfaces: InterfaceTable, environment: Environment, xtables: XtablesContext) {
    const { seeds, start = 0, random, connections, clock, host } = environment
    this.table = table
    this.interfaces = interfaces
    this.random = random
    this.xtables = xtables
    if (connections !== undefined) this.connections = connections
    if (clock !== undefined) this.clock = clock
    if (host !== undefined) this.host = host
    this.tables = new Tables(table, (statement) => this.slotsOf(statement), seeds, start)
  }

  get sets(): readonly NamedSet[] {
    return this.table.sets
  }

  /** The state of a statement. */
  slotsOf(statement: Stateful): Slots {
    switch (statement.kind) {
      case 'counter':
        return new CounterSlots(statement)
      case 'limit':
        return new LimitSlots(statement)
      case 'quota':
        return new QuotaSlots(statement)
      case 'ct count':
        return new ConnectionCounts(statement, this.connections!)
    }
  }

  /** The state of a named object of the table, which its users share. */
  objectOf(kind: NamedObject['kind'], name: string): Slots {
    const key = `${kind} ${name}`
    let slots = this.#objects.get(key)
    if (slots === undefined) {
      const object = this.table.objects!.find((each) => each.kind === kind && each.name === name)!
      if (object.kind !== 'counter' && object.kind !== 'limit' && object.kind !== 'quota')
        throw new TypeError(`a ${object.kind} has no state`)
      slots = this.slotsOf(object)
      this.#objects.set(key, slots)
    }
    return slots
  }
}
