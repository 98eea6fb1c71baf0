/** Expressions that are computed from the packet: selectors, operators, concatenations, maps. */
import { typeInfo } from '../../../ruleset/datatypes.js'
import type { AnonymousMap, Expression, Selector, SetReference } from '../../../ruleset/model.js'
import { dataTypes, elementTypes, type PartType, typeOf } from '../../../ruleset/types.js'
import type { ExpressionNode, SelectorNode } from '../ast.js'
import { fold, lowerConstant, number, valueOrFlags } from './constants.js'
import type { Context } from './context.js'
import { lowerSelector, modulus } from './selectors.js'
import { type DataKind, lowerElements } from './sets.js'
import { count } from './stateful.js'

/** An expression that is asked of the packet. */
export function lowerOperand(node: ExpressionNode, context: Context): Expression {
  const { node: resolved, context: inside } = context.resolve(node)
  if (inside !== context) return lowerOperand(resolved, inside)
  switch (node.kind) {
    case 'binary':
      return binary(node, context)
    case 'concat':
      return { kind: 'concat', parts: node.parts.map((part) => partOf(part, context)) }
    case 'map':
      return context.fail(node, 'a map cannot stand here')
    case 'word':
      return context.fail(
        node,
        `${node.text} is no expression: expected one such as tcp dport, ip saddr or ct state`,
      )
    case 'reference':
    case 'set':
    case 'list':
    case 'range':
    case 'prefix':
    case 'element':
    case 'wildcard':
    case 'masked':
    case 'variable':
      return context.fail(node, 'expected an expression such as tcp dport, ip saddr or ct state')
    default:
      return lowerAny(node as SelectorNode, context)
  }
}

/** A selector; a hash is one of others. */
export function lowerAny(node: SelectorNode, context: Context): Selector {
  if (node.kind !== 'hash') return lowerSelector(node, context)
  const of = node.of === null ? {} : { of: lowerOperand(node.of, context) }
  const seed = node.seed === null ? {} : { seed: count(node, node.seed, 2 ** 32 - 1, context) }
  return { kind: 'hash', ...of, ...modulus(node, context), ...seed }
}

function partOf(node: ExpressionNode, context: Context): Expression {
  if (node.kind === 'ct' && node.family === null && /^[sd]addr$/.test(node.key.text))
    return context.fail(
      node,
      `ct ${node.key.text} does not say which family`,
      `write ct original ip ${node.key.text}`,
    )
  const lowered = lowerOperand(node, context)
  if (lowered.kind === 'concat') return context.fail(node, 'a concatenation cannot be in another')
  return lowered
}

function binary(node: Extract<ExpressionNode, { kind: 'binary' }>, context: Context): Expression {
  const { operator } = node
  const left = lowerOperand(node.left, context)
  const [part] = typeOf(left) ?? []
  if (part === undefined) return context.fail(node.left, 'nothing can be computed with this')
  if (typeInfo(part.type).form === 'text')
    return context.fail(node.left, 'nothing can be computed with a name')
  const shift = operator === '<<' || operator === '>>'
  const right = number(node.right, shift ? { type: 'integer', bits: 8 } : part, context)
  if (shift && right >= BigInt(part.bits))
    return context.fail(node.right, `there are only ${part.bits} bits to shift`)
  return {
    kind: 'binary',
    operator,
    left,
    right: shift ? { kind: 'value', value: right } : valueOrFlags(right, part),
  }
}

/** An expression that yields a value of a datatype: a constant, an operand, a map. */
export function lowerValue(node: ExpressionNode, part: PartType, context: Context): Expression {
  const { node: resolved, context: inside } = context.resolve(node)
  if (inside !== context) return lowerValue(resolved, part, inside)
  if (node.kind === 'map') return lowerMap(node, [part], context)
  if (node.kind === 'binary') {
    const left = lowerValue(node.left, part, context)
    const { operator } = node
    const shift = operator === '<<' || operator === '>>'
    const right = lowerValue(node.right, shift ? { type: 'integer', bits: 8 } : part, context)
    const [a, b] = [left, right].map(constantOf)
    if (a !== undefined && b !== undefined) return valueOrFlags(fold(operator, a, b, part.bits), part)
    // Bits that are set in the end need not be cleared before: nft lists the mask so.
    if (operator === '|' && b !== undefined && left.kind === 'binary' && left.operator === '&') {
      const mask = constantOf(left.right)
      if (mask !== undefined)
        return { kind: 'binary', operator, left: { ...left, right: valueOrFlags(mask | b, part) }, right }
    }
    return { kind: 'binary', operator, left, right }
  }
  if (!isConstantNode(node)) {
    const lowered = lowerOperand(node, context)
    if (lowered.kind === 'concat') return context.fail(node, 'a single value is expected here')
    const bits = typeOf(lowered)?.[0]?.bits ?? 0
    if (bits > part.bits && part.bits < 32)
      return context.fail(node, `this has ${bits} bits, but only ${part.bits} fit`)
    return lowered
  }
  return lowerConstant(node, part, context)
}

function constantOf(expression: Expression): bigint | undefined {
  if (expression.kind === 'flags') return expression.bits
  return expression.kind === 'value' && typeof expression.value === 'bigint' ? expression.value : undefined
}

export function isConstantNode(node: ExpressionNode): boolean {
  return ['word', 'list', 'range', 'prefix', 'variable'].includes(node.kind)
}

/** A look-up in a map. */
export function lowerMap(
  node: Extract<ExpressionNode, { kind: 'map' }>,
  data: DataKind,
  context: Context,
): Extract<Expression, { kind: 'map' }> {
  const key = lowerOperand(node.key, context)
  return { kind: 'map', key, map: mapOf(node.map, key, data, context) }
}

/** The map that a key is looked up in. */
export function mapOf(
  node: ExpressionNode,
  key: Expression,
  data: DataKind,
  context: Context,
): AnonymousMap | SetReference {
  const { node: resolved, context: inside } = context.resolve(node)
  const parts = partsOf(node, key, context)
  if (resolved.kind === 'set') {
    const elements = lowerElements(resolved, { parts, data, anonymous: true, interval: true }, inside)
    return { kind: 'anonymous map', elements } as AnonymousMap
  }
  if (resolved.kind !== 'reference') return inside.fail(resolved, 'a map is expected here')
  const name = inside.nameOf(resolved.name)
  const set = context.table.sets.get(name)?.spec
  if (set === undefined) return unknownSet(resolved, name, 'map', inside)
  if (set.map === undefined) return inside.fail(resolved, `${name} is a set, and no map`)
  checkParts(node, name, elementTypes({ ...set, elements: [] }), parts, context)
  if (data === 'verdict' && set.map !== 'verdict')
    return inside.fail(resolved, `map ${name} does not lead to verdicts`)
  if (typeof data !== 'string') {
    const types = dataTypes({ ...set, elements: [] })
    if (types === undefined) return inside.fail(resolved, `map ${name} leads to ${set.map}, not to values`)
    checkParts(node, name, types, data, context)
  }
  return { kind: 'reference', name }
}

/** The types of an expression's parts. */
export function partsOf(node: ExpressionNode, expression: Expression, context: Context): readonly PartType[] {
  return typeOf(expression) ?? context.fail(node, 'this has no type')
}

export function unknownSet(node: ExpressionNode, name: string, what: string, context: Context): never {
  return context.failUnknown(
    node,
    `there is no ${what} ${name} in table ${context.family} ${context.table.name}`,
    name,
    context.table.sets.keys(),
  )
}

/** Types that are no more than numbers of a size go with any other of that size. */
const NEUTRAL: ReadonlySet<string> = new Set(['integer', 'host_integer', 'raw_integer'])

/** Checks that a set's types are those of what is looked up in it. */
export function checkParts(
  node: ExpressionNode,
  name: string,
  has: readonly PartType[],
  wanted: readonly PartType[],
  context: Context,
): void {
  const fits =
    has.length === wanted.length &&
    has.every(({ type }, i) => type === wanted[i]!.type || NEUTRAL.has(type) || NEUTRAL.has(wanted[i]!.type))
  if (fits) return
  const say = (parts: readonly PartType[]) => parts.map(({ type }) => type).join(' . ')
  context.fail(node, `@${name} holds ${say(has)}, but ${say(wanted)} is looked up in it`)
}
