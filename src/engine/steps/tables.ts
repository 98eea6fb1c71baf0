import { keyOf } from '../../ruleset/elements.js'
import type {
  AnonymousMap,
  AnonymousSet,
  Element,
  Expression,
  NamedSet,
  SetReference,
  Stateful,
  Table,
  Verdict,
} from '../../ruleset/model.js'
import { dataTypes, elementTypes, type PartType } from '../../ruleset/types.js'
import { type Item, type MakeSlots, SetTable, type TableSpec } from '../state/sets/table.js'
import type { Seeds } from '../state/sources.js'
import {
  boundsOfKey,
  isInterval,
  type KeyPart,
  keyParts,
  numberOf,
  type Target,
  targetKey,
  targetOf,
  targetsOf,
} from './elements.js'

export interface Lookup {
  readonly table: SetTable
  readonly parts: readonly KeyPart[]
  /** The verdicts or names of objects that a map leads to: its table holds their places here. */
  readonly targets: readonly Target[]
  /** Bits of what it leads to. */
  readonly dataBits: number
}

/** Room for elements that are put into a set while it is in use. */
const ROOM = 65_536

/** The tables of a Ruleset's table: those of its named sets and maps, shared by the rules that use them. */
export class Tables {
  readonly #table: Table
  readonly #make: MakeSlots
  readonly #seeds: Seeds
  readonly #start: number
  readonly #named = new Map<string, Lookup>()

  constructor(table: Table, make: MakeSlots, seeds: Seeds, start: number) {
    this.#table = table
    this.#make = make
    this.#seeds = seeds
    this.#start = start
  }

  /** The table of a set or map. Types: those of the key, where it has no name of its own. */
  of(set: AnonymousSet | AnonymousMap | SetReference, types: readonly PartType[]): Lookup {
    if (set.kind === 'reference') return this.named(set.name)
    return this.#build(set.elements, types, undefined, { size: set.elements.length })
  }

  named(name: string): Lookup {
    let lookup = this.#named.get(name)
    if (lookup === undefined) {
      const set = this.#table.sets.find((each) => each.name === name)!
      const types = elementTypes(set, this.#table.sets)
      lookup = this.#build(set.elements, types, set, {
        size: set.size ?? Math.max(set.elements.length, ROOM),
        ...(set.timeout === undefined ? {} : { timeout: set.timeout }),
        ...(set.gcInterval === undefined ? {} : { gcInterval: set.gcInterval }),
      })
      this.#named.set(name, lookup)
    }
    return lookup
  }

  /** The table of a meter: a set without elements. */
  meter(parts: readonly KeyPart[], size: number | undefined): SetTable {
    const spec = { parts: parts.map(({ bits }) => bits), intervals: false, data: 0, ...sized(size) }
    return new SetTable(spec, [], this.#make, this.#seeds, this.#start)
  }

  #build(
    elements: readonly Element[],
    types: readonly PartType[],
    set: NamedSet | undefined,
    spec: Pick<TableSpec, 'size' | 'timeout' | 'gcInterval'>,
  ): Lookup {
    const parts = keyParts(types, elements)
    const data = set && dataTypes(set, this.#table.sets)
    const targets = targetsOf(elements)
    const places = new Map(targets.map((target, place) => [targetKey(target), place]))
    const items = elements.map((element) => itemOf(element, types, data, places, set?.statements))
    const dataBits = targets.length > 0 ? WORD_BITS : dataBitsOf(elements, set, data)
    const intervals = set?.flags?.includes('interval') || items.some(({ bounds }) => isInterval(bounds))
    const table = new SetTable(
      { ...spec, parts: parts.map(({ bits }) => bits), intervals, data: dataBits },
      items,
      this.#make,
      this.#seeds,
      this.#start,
    )
    return { table, parts, targets, dataBits }
  }
}

function itemOf(
  element: Element,
  types: readonly PartType[],
  data: readonly PartType[] | undefined,
  places: ReadonlyMap<string, number>,
  ofSet: readonly Stateful[] | undefined,
): Item {
  const bounds = boundsOfKey(keyOf(element), types)
  const key = element.kind === 'pair' ? element.key : element
  const options = key.kind === 'element' ? key : undefined
  const statements = options?.statements ?? ofSet
  return {
    ...(bounds === undefined ? {} : { bounds }),
    ...(options?.expires === undefined ? {} : { expires: options.expires }),
    ...(options?.timeout === undefined ? {} : { timeout: options.timeout }),
    ...(element.kind === 'pair' ? { data: dataOf(element.data, data, places) } : {}),
    ...(statements === undefined ? {} : { statements }),
  }
}

function sized(size: number | undefined): { size?: number } {
  return size === undefined ? {} : { size }
}

const WORD_BITS = 32

/** Bits of what the elements of a map lead to: the parts of a concatenation take whole words. */
function dataBitsOf(
  elements: readonly Element[],
  set: NamedSet | undefined,
  data: readonly PartType[] | undefined,
): number {
  if (data !== undefined && data.length > 1)
    return data.reduce((sum, { bits }) => sum + Math.ceil(bits / WORD_BITS) * WORD_BITS, 0)
  if (data !== undefined) return data[0]!.bits
  if (set?.map !== undefined) return WORD_BITS
  return elements.some(({ kind }) => kind === 'pair') ? 128 : 0
}

/** What a pair leads to, as a number: a value, or the place of a verdict or name in the list of targets. */
function dataOf(
  data: Expression | Verdict,
  types: readonly PartType[] | undefined,
  places: ReadonlyMap<string, number>,
): bigint {
  const target = targetOf(data)
  if (target !== undefined) return BigInt(places.get(targetKey(target))!)
  if (data.kind === 'concat') {
    return data.parts.reduce((whole, part, i) => {
      const bits = Math.ceil((types?.[i]?.bits ?? WORD_BITS) / WORD_BITS) * WORD_BITS
      return (whole << BigInt(bits)) | constantOf(part, types?.[i])
    }, 0n)
  }
  return constantOf(data as Expression, types?.[0])
}

function constantOf(data: Expression, type: PartType | undefined): bigint {
  if (data.kind === 'flags') return data.bits
  if (data.kind !== 'value') return 0n
  return type === undefined ? BigInt(data.value) : numberOf(BigInt(data.value), type.type)
}
