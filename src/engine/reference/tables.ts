/** Tables with what their rules look up: sets, maps, meters, objects, windows and chains. */
import type {
  AnonymousMap,
  AnonymousSet,
  Chain,
  Expression,
  Meter,
  NamedSet,
  ObjectKind,
  SetReference,
  Table,
} from '../../ruleset/model.js'
import { dataTypes, elementTypes, type PartType, typeOf } from '../../ruleset/types.js'
import type { Context, Interfaces, State, Tables } from './context.js'
import { ReferenceSet } from './sets.js'
import { stateOf } from './stateful.js'
import { ReferenceWindow } from './window.js'

export class ReferenceTable implements Tables {
  readonly table: Table
  readonly windows: ReadonlyMap<string, ReferenceWindow>
  readonly #chains: ReadonlyMap<string, Chain>
  readonly #objects = new Map<string, State>()
  readonly #named = new Map<string, ReferenceSet>()
  readonly #meters = new Map<string, ReferenceSet>()
  readonly #anonymous = new Map<AnonymousSet | AnonymousMap, ReferenceSet>()

  constructor(table: Table) {
    this.table = table
    this.#chains = new Map(table.chains.map((chain) => [chain.name, chain]))
    this.windows = new Map(table.windows.map((spec) => [spec.name, new ReferenceWindow(spec)]))
    for (const object of table.objects ?? []) {
      if (object.kind === 'counter' || object.kind === 'limit' || object.kind === 'quota')
        this.#objects.set(`${object.kind} ${object.name}`, stateOf(object))
    }
  }

  get sets(): readonly NamedSet[] {
    return this.table.sets
  }

  /** Fills the sets: the times of their elements begin. */
  start(interfaces: Interfaces, now: bigint): void {
    for (const set of this.sets) {
      const data = dataTypes(set, this.sets)
      this.#named.set(set.name, new ReferenceSet(set, elementTypes(set, this.sets), data, interfaces, now))
    }
  }

  chain(name: string): Chain {
    return this.#chains.get(name)!
  }

  object(kind: ObjectKind, name: string): State | undefined {
    return this.#objects.get(`${kind} ${name}`)
  }

  set(name: string): ReferenceSet | undefined {
    return this.#named.get(name)
  }

  setOf(
    set: AnonymousSet | AnonymousMap | SetReference,
    key: Expression,
    { interfaces, now }: Context,
    data?: readonly PartType[],
  ): ReferenceSet {
    if (set.kind === 'reference') return this.#named.get(set.name)!
    const known = this.#anonymous.get(set)
    if (known !== undefined) return known
    const made = new ReferenceSet(set, typeOf(key, this.sets)!, data, interfaces, now)
    this.#anonymous.set(set, made)
    return made
  }

  meter({ name, size, timeout }: Meter, { interfaces, now }: Context): ReferenceSet {
    const known = this.#meters.get(name)
    if (known !== undefined) return known
    const spec = {
      elements: [],
      ...(size === undefined ? {} : { size }),
      ...(timeout === undefined ? {} : { timeout }),
    }
    const made = new ReferenceSet(spec, [], undefined, interfaces, now)
    this.#meters.set(name, made)
    return made
  }
}
