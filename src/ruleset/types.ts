/** The datatype of an expression, part by part where it is a concatenation. */
import { type DataType, isDataType, typeInfo } from './datatypes.js'
import type { Expression } from './expressions.js'
import type { NamedSet } from './model.js'
import { isSelector, selectorInfo } from './selectors.js'

export interface PartType {
  readonly type: DataType
  readonly bits: number
}

export function partOf(type: DataType): PartType {
  return { type, bits: typeInfo(type).bits }
}

/** The type of an expression; undefined if it has none of its own, as constants have. */
export function typeOf(
  expression: Expression,
  sets: readonly NamedSet[] = [],
): readonly PartType[] | undefined {
  if (isSelector(expression)) {
    const info = selectorInfo(expression)
    return info && [{ type: info.type, bits: info.bits }]
  }
  switch (expression.kind) {
    case 'binary':
      return typeOf(expression.left, sets) ?? typeOf(expression.right, sets)
    case 'concat': {
      const parts = expression.parts.map((part) => typeOf(part, sets)?.[0])
      return parts.some((part) => part === undefined) ? undefined : (parts as PartType[])
    }
    case 'map': {
      const { map } = expression
      const named = map.kind === 'reference' ? sets.find(({ name }) => name === map.name) : undefined
      return named && dataTypes(named)
    }
    default:
      return undefined
  }
}

/** The types of a set's elements, or of a map's keys. */
export function elementTypes(set: NamedSet, sets: readonly NamedSet[] = []): readonly PartType[] {
  const typed = set.typeof && typeOf(set.typeof, sets)
  return typed ?? [set.type].flat().map((type) => partOf(type as DataType))
}

/** The types of what a map leads to; undefined if that is a verdict or an object. */
export function dataTypes(set: NamedSet, sets: readonly NamedSet[] = []): readonly PartType[] | undefined {
  const typed = set.typeofMap && typeOf(set.typeofMap, sets)
  if (typed !== undefined) return typed
  if (set.map === undefined) return undefined
  const types = [set.map].flat() as string[]
  return types.every(isDataType) ? types.map((type) => partOf(type as DataType)) : undefined
}
