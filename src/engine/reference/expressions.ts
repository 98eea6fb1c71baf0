import type { AnonymousMap, Binary, Expression, SetReference } from '../../ruleset/model.js'
import { isSelector } from '../../ruleset/selectors.js'
import { type PartType, typeOf } from '../../ruleset/types.js'
import type { Context, Entry, Step, Value } from './context.js'
import { hashOf } from './generators.js'
import { intervalOf } from './intervals.js'
import { read } from './selectors.js'
import { runAll } from './stateful.js'

const NUMBER: PartType = { type: 'integer', bits: 32 }

/** The value of an expression for the packet; undefined where it has none, which ends the rule. Constants are of `part`. */
export function evaluate(
  expression: Expression,
  context: Context,
  part: PartType = NUMBER,
): Value | undefined {
  if (expression.kind === 'hash') {
    const value = evaluate(expression.of!, context)
    return (
      value && [
        hashOf(expression, value, typeOf(expression.of!, context.table.sets)!, context.environment.seeds[0]),
      ]
    )
  }
  if (isSelector(expression)) {
    const value = read(expression, context)
    return value === undefined ? undefined : [value]
  }
  switch (expression.kind) {
    case 'concat': {
      const parts = expression.parts.map((each) => evaluate(each, context))
      return parts.some((each) => each === undefined) ? undefined : (parts as Value[]).flat()
    }
    case 'binary': {
      const value = compute(expression, context, part)
      return value === undefined ? undefined : [value]
    }
    case 'map': {
      const found = lookUp(expression.map, expression.key, context, [part])
      return typeof found === 'string' ? undefined : (found.data as Value)
    }
    default:
      return [intervalOf(expression, part, context.interfaces)[0]]
  }
}

function compute({ operator, left, right }: Binary, context: Context, part: PartType): bigint | undefined {
  const of = typeOf(left, context.table.sets)?.[0] ?? part
  const a = evaluate(left, context, of)?.[0]
  const b = evaluate(right, context, of)?.[0]
  if (a === undefined || b === undefined) return undefined
  switch (operator) {
    case '&':
      return a & b
    case '|':
      return a | b
    case '^':
      return a ^ b
    case '<<':
      return BigInt.asUintN(of.bits, a << b)
    case '>>':
      return a >> b
  }
}

/** The element of a map that a key leads to, or why the rule does not go on. */
export function lookUp(
  map: AnonymousMap | SetReference,
  key: Expression,
  context: Context,
  data?: readonly PartType[],
): Entry | Exclude<Step, 'continue'> {
  const value = evaluate(key, context)
  const entry = value && context.table.setOf(map, key, context, data).find(value, context)
  if (entry === undefined) return 'break'
  const step = runAll(entry.states, context)
  return step === 'continue' ? entry : step
}
