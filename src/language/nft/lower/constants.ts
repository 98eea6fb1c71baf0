/** Constants of the syntax tree to values of a datatype: what a selector is compared with, and what stands in sets. */
import { isBitmask, typeInfo } from '../../../ruleset/datatypes.js'
import type { Expression, PlainElement } from '../../../ruleset/model.js'
import type { PartType } from '../../../ruleset/types.js'
import { bitsOf, readValue } from '../../../ruleset/values.js'
import { suggest } from '../../diagnostic.js'
import type { ExpressionNode, Span } from '../ast.js'
import type { Context } from './context.js'

/** A constant that stands alone: a value, flags, a range or a prefix. */
export function lowerConstant(node: ExpressionNode, part: PartType, context: Context): Expression {
  const { node: resolved, context: inside } = context.resolve(node)
  if (inside !== context) return lowerConstant(resolved, part, inside)
  switch (node.kind) {
    case 'word':
      return word(node, part, context)
    case 'binary':
      return valueOrFlags(computed(node, part, context), part)
    case 'list': {
      if (!isBitmask(part.type))
        return context.fail(
          node,
          `${typeInfo(part.type).noun} is no set of bits`,
          'write several values in braces',
        )
      const bits = node.items.reduce((bits, item) => bits | number(item, part, context), 0n)
      return valueOrFlags(bits, part)
    }
    case 'range':
    case 'prefix':
      return interval(node, part, context)
    case 'concat':
      return context.fail(node, `${typeInfo(part.type).noun} is expected here, and no concatenation`)
    default:
      return context.fail(node, `${typeInfo(part.type).noun} is expected here`)
  }
}

function word(node: Extract<ExpressionNode, { kind: 'word' }>, part: PartType, context: Context): Expression {
  const read = readValue(node.text, part.type, part.bits)
  if ('value' in read) {
    const { value } = read
    return typeof value === 'bigint' ? valueOrFlags(value, part) : { kind: 'value', value }
  }
  const near = suggest(node.text, read.near ?? [])
  return context.fail(node, read.error, near === undefined ? undefined : `did you mean ${near}?`)
}

/** Several bits of a bit-mask type are flags, one is a value. */
export function valueOrFlags(value: bigint, { type }: PartType): Expression {
  return isBitmask(type) && bitsOf(value).length > 1
    ? { kind: 'flags', bits: value }
    : { kind: 'value', value }
}

/** A constant that must be a number. */
export function number(node: ExpressionNode, part: PartType, context: Context): bigint {
  const lowered = lowerConstant(node, part, context)
  if (lowered.kind === 'flags') return lowered.bits
  if (lowered.kind === 'value' && typeof lowered.value === 'bigint') return lowered.value
  return context.fail(
    node,
    `a number is expected here: nothing can be computed with ${typeInfo(part.type).noun}`,
  )
}

function computed(
  node: Extract<ExpressionNode, { kind: 'binary' }>,
  part: PartType,
  context: Context,
): bigint {
  const left = number(node.left, part, context)
  const shift = node.operator === '<<' || node.operator === '>>'
  const right = number(node.right, shift ? { type: 'integer', bits: 8 } : part, context)
  return fold(node.operator, left, right, part.bits)
}

/** What an operator makes of two numbers of `bits` bits. */
export function fold(
  operator: '&' | '|' | '^' | '<<' | '>>',
  left: bigint,
  right: bigint,
  bits: number,
): bigint {
  switch (operator) {
    case '|':
      return left | right
    case '^':
      return left ^ right
    case '&':
      return left & right
    case '<<':
      return BigInt.asUintN(bits, left << right)
    default:
      return left >> right
  }
}

function interval(
  node: Extract<ExpressionNode, { kind: 'range' | 'prefix' }>,
  part: PartType,
  context: Context,
): Expression {
  if (node.kind === 'prefix') return prefix(node, number(node.base, part, context), part, context)
  if (typeInfo(part.type).form === 'text') return context.fail(node, 'names have no ranges')
  const from = number(node.from, part, context)
  const to = number(node.to, part, context)
  if (from > to) {
    // Hours may go on over midnight.
    if (part.type === 'hour') return { kind: 'range', from, to }
    return context.fail(node, 'the range is empty: its end is below its start')
  }
  return { kind: 'range', from, to }
}

function prefix(span: Span & { length: number }, base: bigint, part: PartType, context: Context): Expression {
  const { bits, noun, prefix } = typeInfo(part.type)
  if (!prefix && part.type !== 'integer') return context.fail(span, `${noun} has no prefixes`)
  if (span.length > bits)
    return context.fail(span, `a prefix of ${noun} has at most ${bits} bits, not ${span.length}`)
  if (span.length === bits) return { kind: 'value', value: base }
  const host = BigInt(bits - span.length)
  return { kind: 'prefix', base: (base >> host) << host, length: span.length }
}

/** A key of a set: a constant, or a concatenation of as many as there are parts. */
export function lowerKey(node: ExpressionNode, parts: readonly PartType[], context: Context): PlainElement {
  const { node: resolved, context: inside } = context.resolve(node)
  if (inside !== context) return lowerKey(resolved, parts, inside)
  if (node.kind === 'wildcard') return { kind: 'wildcard' }
  if (node.kind === 'concat') {
    if (node.parts.length !== parts.length) return wrongParts(node, node.parts.length, parts, context)
    return { kind: 'concat', parts: node.parts.map((part, i) => plain(part, parts[i]!, context)) }
  }
  if (parts.length !== 1) return wrongParts(node, 1, parts, context)
  return plain(node, parts[0]!, context)
}

function wrongParts(span: Span, count: number, parts: readonly PartType[], context: Context): never {
  const wanted = parts.map(({ type }) => typeInfo(type).noun).join(' . ')
  return context.fail(
    span,
    `this has ${count} part${count === 1 ? '' : 's'}, but ${parts.length} are expected: ${wanted}`,
  )
}

function plain(
  node: ExpressionNode,
  part: PartType,
  context: Context,
): Exclude<PlainElement, { kind: 'wildcard' | 'concat' }> {
  const lowered = lowerConstant(node, part, context)
  if (lowered.kind === 'flags') return { kind: 'value', value: lowered.bits }
  return lowered as Exclude<PlainElement, { kind: 'wildcard' | 'concat' }>
}
