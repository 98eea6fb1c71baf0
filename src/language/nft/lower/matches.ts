/** Matches and verdict maps, in the form in which nft lists them. */
import { isBitmask, typeInfo } from '../../../ruleset/datatypes.js'
import type {
  Expression,
  Match,
  Operator,
  RawPayload,
  Right,
  Selector,
  Value,
  VerdictMap,
} from '../../../ruleset/model.js'
import { elementTypes, type PartType } from '../../../ruleset/types.js'
import { bitsOf } from '../../../ruleset/values.js'
import type { ExpressionNode, MatchNode } from '../ast.js'
import { lowerConstant, lowerKey, number, valueOrFlags } from './constants.js'
import type { Context } from './context.js'
import { checkParts, lowerOperand, mapOf, partsOf, unknownSet } from './expressions.js'
import { lowerElements } from './sets.js'

export function lowerMatch(node: MatchNode, context: Context): Match | VerdictMap {
  const left = lowerOperand(node.left, context)
  if (node.vmap !== undefined)
    return { kind: 'vmap', key: left, map: mapOf(node.vmap, left, 'verdict', context) }
  const operator = node.operator!
  const { node: right, context: inside } = context.resolve(node.right!)
  const lookup = lookUpWhetherThereIsARoute(left, right)
  if (lookup !== undefined) return simplify(operator, lookup.left, lookup.right, { type: 'boolean', bits: 1 })
  const parts = partsOf(node.left, left, context)
  const only = onlyElement(right)
  if (only !== undefined && parts.length === 1) {
    const value = lowerConstant(only, parts[0]!, inside)
    const exact = isBitmask(parts[0]!.type) && operator === 'in' ? '==' : operator
    check(node, exact, value, parts[0]!, inside)
    return simplify(exact, left, value, parts[0]!)
  }
  if (right.kind === 'reference' || right.kind === 'set' || parts.length > 1) {
    if (operator !== 'in' && operator !== '==' && operator !== '!=')
      context.fail(node, `${operator} compares with one value, not with a set`)
    return inSet(operator === '!=' ? '!=' : 'in', left, right, parts, inside)
  }
  const [part] = parts as [PartType]
  const masked = maskOf(right, part, inside)
  if (masked !== undefined) {
    if (operator !== 'in' && operator !== '==' && operator !== '!=')
      context.fail(node, `${operator} does not go with a mask`)
    const mask = valueOrFlags(masked.mask, part)
    const compared: Expression = { kind: 'binary', operator: '&', left, right: mask }
    return simplify(operator === '!=' ? '!=' : '==', compared, valueOrFlags(masked.value, part), part)
  }
  const value = lowerConstant(right, part, inside)
  // Hours that go on over midnight are those that are not in between.
  if (value.kind === 'range' && value.from > value.to)
    return simplify(
      operator === '!=' ? 'in' : '!=',
      left,
      { kind: 'range', from: value.to, to: value.from },
      part,
    )
  check(node, operator, value, part, context)
  return simplify(operator, left, value, part)
}

/** `fib … oif exists` asks whether there is a route, and not where it leads. */
function lookUpWhetherThereIsARoute(
  left: Expression,
  right: ExpressionNode,
): { left: Selector; right: Value } | undefined {
  if (left.kind !== 'fib' || left.result === 'type' || right.kind !== 'word') return undefined
  if (right.text !== 'exists' && right.text !== 'missing') return undefined
  const value = right.text === 'exists' ? 1n : 0n
  return { left: { ...left, exists: true }, right: { kind: 'value', value } }
}

/** The element of a set that holds no other: to compare with it is the same. */
function onlyElement(node: ExpressionNode): ExpressionNode | undefined {
  if (node.kind !== 'set' || node.elements.length !== 1) return undefined
  const [only] = node.elements
  return ['word', 'range', 'prefix', 'binary'].includes(only!.kind) ? only : undefined
}

function check(
  node: MatchNode,
  operator: Operator,
  value: Expression,
  part: PartType,
  context: Context,
): void {
  const { noun } = typeInfo(part.type)
  if (operator === '!' && !isBitmask(part.type))
    context.fail(node, `! asks for bits: ${noun} has none`, 'write !=')
  const ordered = operator === '<' || operator === '<=' || operator === '>' || operator === '>='
  if (ordered && (value.kind !== 'value' || typeof value.value === 'string'))
    context.fail(node, `${operator} compares with one number`)
  if (value.kind === 'prefix' && isBitmask(part.type)) context.fail(node, `${noun} has no prefixes`)
}

function maskOf(
  node: ExpressionNode,
  part: PartType,
  context: Context,
): { value: bigint; mask: bigint } | undefined {
  if (node.kind === 'prefix' && isBitmask(part.type))
    return { value: number(node.base, part, context), mask: BigInt(node.length) }
  if (node.kind !== 'masked') return undefined
  if (!isBitmask(part.type)) context.fail(node, `${typeInfo(part.type).noun} is no set of bits`)
  return { value: number(node.value, part, context), mask: number(node.mask, part, context) }
}

function inSet(
  operator: 'in' | '!=',
  left: Expression,
  right: ExpressionNode,
  parts: readonly PartType[],
  context: Context,
): Match {
  if (right.kind === 'reference') {
    const name = context.nameOf(right.name)
    const set = context.table.sets.get(name)?.spec
    if (set === undefined) return unknownSet(right, name, 'set', context)
    if (set.map !== undefined)
      context.fail(right, `${name} is a map: it can be looked up, but not compared with`)
    checkParts(right, name, elementTypes({ ...set, elements: [] }), parts, context)
    return { kind: 'match', operator, left, right: { kind: 'reference', name } }
  }
  if (right.kind !== 'set') {
    const key = lowerKey(right, parts, context)
    if (key.kind === 'wildcard') return context.fail(right, 'a value is expected here')
    return { kind: 'match', operator, left, right: { kind: 'set', elements: [key] } }
  }
  const elements = lowerElements(right, { parts, anonymous: true, interval: true }, context)
  const [first] = elements
  // Merged to one, or the same twice: nft would list it as a set first, and as this when it is loaded again.
  if (
    elements.length === 1 &&
    (first!.kind === 'value' || first!.kind === 'range' || first!.kind === 'prefix')
  ) {
    const exact = isBitmask(parts[0]!.type) && operator === 'in' ? '==' : operator
    return simplify(exact, left, first as Right, parts[0]!)
  }
  return { kind: 'match', operator, left, right: { kind: 'set', elements } }
}

/** Bits that begin or end within a byte, as nft compares them: whole bytes with a mask. */
function wholeBytes(left: RawPayload, value: bigint): { left: Expression; right: Right } {
  const { base, offset, length } = left
  const before = offset % 8
  const bytes = Math.ceil((before + length) / 8) * 8
  const shift = BigInt(bytes - before - length)
  const mask = ((1n << BigInt(length)) - 1n) << shift
  const whole: RawPayload = { kind: 'raw', base, offset: offset - before, length: bytes }
  return {
    left: { kind: 'binary', operator: '&', left: whole, right: { kind: 'value', value: mask } },
    right: { kind: 'value', value: value << shift },
  }
}

/** A match in the shortest of its forms. */
function simplify(written: Operator, left: Expression, right: Right, part: PartType): Match {
  // A value of one bit has no common bits to ask for: == says no more than nothing.
  const operator = written === '==' && !isBitmask(part.type) ? 'in' : written
  const value = numberOf(right)
  const within = left.kind === 'raw' && (left.offset % 8 !== 0 || left.length % 8 !== 0)
  if (within && value !== undefined && (operator === 'in' || operator === '!='))
    return { kind: 'match', operator, ...wholeBytes(left, value) }
  if (left.kind !== 'binary' || value === undefined) return { kind: 'match', operator, left, right }
  const constant = numberOf(left.right)
  const equality = operator === 'in' || operator === '==' || operator === '!='
  if (constant === undefined || !equality) return { kind: 'match', operator, left, right }
  if (left.operator === '^') return simplify(operator, left.left, valueOrFlags(value ^ constant, part), part)
  if (left.operator !== '&') return { kind: 'match', operator, left, right }
  // A mask of all bits is none.
  if (constant === (1n << BigInt(part.bits)) - 1n)
    return simplify(operator === '!=' ? '!=' : '==', left.left, right, part)
  if (isBitmask(part.type)) {
    const bits = valueOrFlags(constant, part)
    if (value === 0n && operator === '!=')
      return { kind: 'match', operator: 'in', left: left.left, right: bits }
    if (value === 0n) return { kind: 'match', operator: '!', left: left.left, right: bits }
    return { kind: 'match', operator: operator === '!=' ? '!=' : '==', left, right }
  }
  const length = prefixLength(constant, part)
  if (typeInfo(part.type).prefix && length !== undefined && length > 0 && (value & ~constant) === 0n) {
    const prefix: Right =
      length === part.bits ? { kind: 'value', value } : { kind: 'prefix', base: value, length }
    return { kind: 'match', operator, left: left.left, right: prefix }
  }
  return { kind: 'match', operator, left, right }
}

function numberOf(expression: Expression): bigint | undefined {
  if (expression.kind === 'flags') return expression.bits
  return expression.kind === 'value' && typeof expression.value === 'bigint' ? expression.value : undefined
}

/** How many of the first bits of a mask are set, if those are all. */
function prefixLength(mask: bigint, { bits }: PartType): number | undefined {
  const inverse = mask ^ ((1n << BigInt(bits)) - 1n)
  return (inverse & (inverse + 1n)) === 0n ? bits - bitsOf(inverse).length : undefined
}
