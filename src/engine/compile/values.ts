/** Which values of a column pass a match. */
import { isBitmask } from '../../ruleset/datatypes.js'
import { keyOf } from '../../ruleset/elements.js'
import type { Element, Expression, Match, NamedSet, PlainElement } from '../../ruleset/model.js'
import { isSelector, type SelectorInfo, selectorInfo } from '../../ruleset/selectors.js'
import type { InterfaceClasses } from '../state/interfaces.js'
import { boundsOfPart } from '../steps/elements.js'
import { complement, domain, type Interval, type Intervals, union } from './intervals.js'

/** Columns of so few bits are tried value by value, so that any expression of them can be decided. */
const FEW_BITS = 8

/** Elements of a named set that may be cut in the tree; a larger one is looked up as a whole. */
const MOST_ELEMENTS = 10_000

/** Undefined if only a step can say: the match compares with what the packet has, or with a set that changes. */
export function valuesOf(
  { left, operator, right }: Match,
  info: SelectorInfo,
  bits: number,
  sets: readonly NamedSet[],
  interfaces: InterfaceClasses,
): Intervals | undefined {
  const elements = elementsOf(right, sets)
  if (elements === undefined) return undefined
  if (info.type === 'ifname') return namesOf(left, operator, elements, interfaces, bits)
  const isPlain = isSelector(left) && !isBitmask(info.type) && operator !== '!'
  if (bits <= FEW_BITS && !isPlain) {
    const values = Array.from({ length: 2 ** bits }, (_, value) => value)
    const passing = values.filter((value) => passes(left, operator, right, elements, info, BigInt(value)))
    return union(passing.map((value): Interval => [value, value]))
  }
  if (!isSelector(left)) return undefined
  const point = (value: bigint) => (bits > 32 ? value : Number(value))
  const intervals = elements.map((element): Interval => {
    const [low, high] = boundsOfPart(element, info)
    return [point(low), point(high)]
  })
  const [first, last] = domain(bits)
  const [low, high] = intervals[0] ?? [first, first]
  switch (operator) {
    case 'in':
    case '==':
      return isBitmask(info.type) ? undefined : union(intervals)
    case '!=':
      return complement(union(intervals), bits)
    case '<':
      return complement([[low, last]], bits)
    case '<=':
      return [[first, high]]
    case '>':
      return complement([[first, high]], bits)
    case '>=':
      return [[low, last]]
    case '!':
      return undefined
  }
}

/** The constants that a match compares with; undefined if it is with anything else. */
function elementsOf(right: Expression, sets: readonly NamedSet[]): readonly PlainElement[] | undefined {
  switch (right.kind) {
    case 'value':
    case 'range':
    case 'prefix':
      return [right]
    case 'flags':
      return [{ kind: 'value', value: right.bits }]
    case 'set':
      return plain(right.elements)
    case 'reference': {
      const set = sets.find(({ name }) => name === right.name)!
      return set.flags?.includes('constant') && set.elements.length <= MOST_ELEMENTS
        ? plain(set.elements)
        : undefined
    }
    default:
      return undefined
  }
}

/** Undefined if an element carries more than a comment. */
function plain(elements: readonly Element[]): readonly PlainElement[] | undefined {
  for (const element of elements) {
    if (element.kind === 'pair') return undefined
    if (
      element.kind === 'element' &&
      (element.timeout ?? element.expires ?? element.statements) !== undefined
    )
      return undefined
  }
  return elements.map(keyOf)
}

/** Names are compared by their classes; only whole names and patterns can be. */
function namesOf(
  left: Expression,
  operator: Match['operator'],
  elements: readonly PlainElement[],
  interfaces: InterfaceClasses,
  bits: number,
): Intervals | undefined {
  if (!isSelector(left) || !['in', '==', '!='].includes(operator)) return undefined
  const classes = elements.flatMap((element) =>
    element.kind === 'wildcard'
      ? Array.from({ length: interfaces.count }, (_, id) => id)
      : interfaces.matching(element.kind === 'value' ? String(element.value) : ''),
  )
  const set = union(classes.map((id): Interval => [id, id]))
  return operator === '!=' ? complement(set, bits) : set
}

/** Whether a value of a small column passes. */
function passes(
  left: Expression,
  operator: Match['operator'],
  right: Expression,
  elements: readonly PlainElement[],
  info: SelectorInfo,
  value: bigint,
): boolean {
  const got = evaluate(left, value)
  const bounds = elements.map((element) => boundsOfPart(element, info))
  const [low, high] = bounds[0] ?? [0n, 0n]
  const isMask =
    isSelector(left) && isBitmask(info.type) && right.kind !== 'set' && right.kind !== 'reference'
  switch (operator) {
    case 'in':
      if (isMask) return (got & low) !== 0n
      return bounds.some(([from, to]) => from <= got && got <= to)
    case '==':
      return bounds.some(([from, to]) => from <= got && got <= to)
    case '!=':
      return !bounds.some(([from, to]) => from <= got && got <= to)
    case '!':
      return (got & low) === 0n
    case '<':
      return got < low
    case '<=':
      return got <= high
    case '>':
      return got > high
    case '>=':
      return got >= low
  }
}

/** An expression of one column, for a value of it. */
function evaluate(expression: Expression, value: bigint): bigint {
  if (isSelector(expression)) return value
  if (expression.kind === 'value') return BigInt(expression.value)
  if (expression.kind === 'flags') return expression.bits
  if (expression.kind !== 'binary') throw new TypeError(`${expression.kind} is no constant`)
  const left = evaluate(expression.left, value)
  const right = evaluate(expression.right, value)
  switch (expression.operator) {
    case '&':
      return left & right
    case '|':
      return left | right
    case '^':
      return left ^ right
    case '<<':
      return left << right
    case '>>':
      return left >> right
  }
}

/** The one selector with a column that an expression is of, with constants beside it; undefined if there is more to it. */
export function columnOf(expression: Expression): SelectorInfo | undefined {
  if (isSelector(expression)) {
    const info = selectorInfo(expression)
    return info?.column === undefined ? undefined : info
  }
  if (expression.kind !== 'binary') return undefined
  const { left, right } = expression
  if (right.kind === 'value' || right.kind === 'flags') return columnOf(left)
  return left.kind === 'value' || left.kind === 'flags' ? columnOf(right) : undefined
}
