/** Elements of sets as intervals of numbers. */
import { type DataType, typeInfo } from '../../ruleset/datatypes.js'
import { keyOf } from '../../ruleset/elements.js'
import type { Element, Expression, PlainElement, Value, Verdict } from '../../ruleset/model.js'
import type { PartType } from '../../ruleset/types.js'
import { nameBounds } from '../state/names.js'
import type { Bounds } from '../state/sets/boxes.js'

/** A part of a key as it is compared. */
export interface KeyPart {
  readonly bits: number
  /** Interfaces are told by their names, whatever the rule calls them by. */
  readonly names: boolean
}

const NAME_BITS = 128

/**
 * How the parts of a set's keys are compared. Indexes of interfaces that are written as names are compared as names: an
 * index means nothing on another host.
 */
export function keyParts(types: readonly PartType[], elements: readonly Element[]): KeyPart[] {
  return types.map(({ type, bits }, i) => {
    const names =
      type === 'ifname' ||
      (type === 'iface_index' && elements.some((element) => isNamed(partsOf(keyOf(element))[i])))
    return { bits: names ? NAME_BITS : bits, names }
  })
}

function isNamed(part: PlainElement | undefined): boolean {
  return part?.kind === 'value' && typeof part.value === 'string'
}

function partsOf(key: PlainElement): readonly PlainElement[] {
  return key.kind === 'concat' ? (key.parts as PlainElement[]) : [key]
}

/** Of each part the first and the last value; undefined for the element that stands for all others. */
export function boundsOfKey(key: PlainElement, types: readonly PartType[]): Bounds[] | undefined {
  if (key.kind === 'wildcard') return undefined
  return partsOf(key).map((part, i) => boundsOfPart(part, types[i]!))
}

export function boundsOfPart(part: PlainElement, { type, bits }: Pick<PartType, 'type' | 'bits'>): Bounds {
  switch (part.kind) {
    case 'value':
      return boundsOfValue(part, type)
    case 'range':
      return [part.from, part.to]
    case 'prefix':
      return [part.base, part.base | ((1n << BigInt(bits - part.length)) - 1n)]
    default:
      return [0n, (1n << BigInt(bits)) - 1n]
  }
}

function boundsOfValue({ value }: Value, type: DataType): Bounds {
  if (typeof value === 'string') return nameBounds(value)
  const number = numberOf(value, type)
  return [number, number]
}

/** A value as it is compared: of some types a bit by its place. */
export function numberOf(value: bigint, type: DataType): bigint {
  return typeInfo(type).form === 'bit' ? 1n << value : value
}

/** Whether an element of a set is more than one value. */
export function isInterval(bounds: readonly Bounds[] | undefined): boolean {
  return bounds?.some(([low, high]) => low !== high) ?? false
}

/** What elements of a map lead to that is no number: a verdict, or the name of an object. */
export type Target = Verdict | string

export function targetOf(data: Expression | Verdict): Target | undefined {
  if (data.kind === 'value') return typeof data.value === 'string' ? data.value : undefined
  return VERDICTS.has(data.kind) ? (data as Verdict) : undefined
}

const VERDICTS: ReadonlySet<string> = new Set<Verdict['kind']>([
  'accept',
  'drop',
  'continue',
  'return',
  'jump',
  'goto',
])

/** The text by which equal targets are known. */
export function targetKey(target: Target): string {
  if (typeof target === 'string') return `name ${target}`
  return 'target' in target ? `${target.kind} ${target.target}` : target.kind
}

/** The different targets of a map's elements, in their order. */
export function targetsOf(elements: readonly Element[]): Target[] {
  const targets = new Map<string, Target>()
  for (const element of elements) {
    const target = element.kind === 'pair' ? targetOf(element.data) : undefined
    if (target !== undefined && !targets.has(targetKey(target))) targets.set(targetKey(target), target)
  }
  return [...targets.values()]
}
