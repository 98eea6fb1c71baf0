/** Expressions as libnftables-json(5) has them. */
import { isBitmask } from '../../ruleset/datatypes.js'
import type { Element, Expression, Pair, Selector, Verdict } from '../../ruleset/model.js'
import { isSelector } from '../../ruleset/selectors.js'
import { type PartType, typeOf } from '../../ruleset/types.js'
import { bitsOf, valueName } from '../../ruleset/values.js'
import type { Json } from './json.js'
import { writeStateful, writeVerdict } from './write-stateful.js'

/** An expression. `parts`: the types that constants are of. */
export function writeExpression(expression: Expression, parts: readonly PartType[] | undefined): Json {
  if (isSelector(expression)) return writeSelector(expression)
  const part = parts?.[0]
  switch (expression.kind) {
    case 'value':
      return writeValue(expression.value, part)
    case 'flags':
      return bitsOf(expression.bits).map((bit) => writeValue(bit, part))
    case 'range':
      return { range: [writeBound(expression.from, part), writeBound(expression.to, part)] }
    case 'prefix':
      return { prefix: { addr: writeValue(expression.base, part), len: expression.length } }
    case 'reference':
      return `@${expression.name}`
    case 'set':
      return { set: expression.elements.map((element) => writeElement(element, parts)) }
    case 'concat':
      return { concat: expression.parts.map((item, i) => writeExpression(item, parts?.[i] && [parts[i]])) }
    case 'binary': {
      const type = typeOf(expression) ?? parts
      const shift = expression.operator === '<<' || expression.operator === '>>'
      const right = writeExpression(expression.right, shift ? undefined : type)
      return { [expression.operator]: [writeExpression(expression.left, type), right] }
    }
    case 'map':
      return { map: writeLookup(expression.key, expression.map, parts) }
  }
}

/** What `map` and `vmap` hold: the key, and what it is looked up in. */
export function writeLookup(
  key: Expression,
  map: Extract<Expression, { kind: 'map' }>['map'],
  data: readonly PartType[] | undefined,
): Json {
  const written = writeExpression(key, undefined)
  if (map.kind === 'reference') return { key: written, data: `@${map.name}` }
  return { key: written, data: { set: map.elements.map((pair) => writePair(pair, typeOf(key), data)) } }
}

export function writeElement(
  element: Element,
  parts: readonly PartType[] | undefined,
  data?: readonly PartType[],
): Json {
  switch (element.kind) {
    case 'pair':
      return writePair(element, parts, data)
    case 'wildcard':
      return '*'
    case 'element': {
      const { value, timeout, expires, comment, statements = [] } = element
      return {
        elem: {
          val: writeElement(value, parts),
          ...(timeout === undefined ? {} : { timeout: Math.floor(timeout / 1000) }),
          ...(expires === undefined ? {} : { expires: Math.floor(expires / 1000) }),
          ...(comment === undefined ? {} : { comment }),
          ...Object.assign({}, ...statements.map(writeStateful)),
        },
      }
    }
    default:
      return writeExpression(element, parts)
  }
}

const VERDICTS: ReadonlySet<string> = new Set(['accept', 'drop', 'continue', 'return', 'jump', 'goto'])

function writePair(
  { key, data }: Pair,
  parts: readonly PartType[] | undefined,
  types: readonly PartType[] | undefined,
): Json {
  const written = VERDICTS.has(data.kind)
    ? writeVerdict(data as Verdict)
    : writeExpression(data as Expression, types)
  return [writeElement(key, parts), written]
}

/** A value: as a name where it has one, else as a number. */
export function writeValue(value: bigint | string, part: PartType | undefined): Json {
  if (part === undefined) return typeof value === 'string' ? value : writeNumber(value)
  if (part.type === 'boolean') return value === 1n
  if (part.type === 'time') return writeNumber(BigInt(value) / 1000n)
  if (isBitmask(part.type) && typeof value === 'bigint' && bitsOf(value).length > 1) {
    const names = bitsOf(value).map((bit) => valueName(bit, part.type))
    if (names.every((name) => name !== undefined)) return { '|': names as string[] }
  }
  if (part.type === 'realm') return valueName(value, part.type) ?? String(value)
  return valueName(value, part.type) ?? writeNumber(value as bigint)
}

/** An end of a range: nft writes those of protocols as numbers. */
function writeBound(value: bigint, part: PartType | undefined): Json {
  return part !== undefined && part.type === 'inet_proto' ? writeNumber(value) : writeValue(value, part)
}

/** Numbers that JSON's readers would round are kept as they are by none of them: they are written in hexadecimal. */
function writeNumber(value: bigint): Json {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : `0x${value.toString(16)}`
}

function writeSelector(selector: Selector): Json {
  switch (selector.kind) {
    case 'payload':
      return { payload: { protocol: selector.protocol, field: selector.field } }
    case 'raw':
      return { payload: { base: selector.base, offset: selector.offset, len: selector.length } }
    case 'exthdr': {
      const { name, field, index } = selector
      const place = index === undefined ? '' : `[${index}]`
      return { exthdr: { name, ...(field === undefined ? {} : { field: `${field}${place}` }) } }
    }
    case 'tcp option': {
      const { name, field, raw } = selector
      if (raw !== undefined)
        return { 'tcp option': { base: Number(name), offset: raw.offset, len: raw.length } }
      if (/^\d+$/.test(name)) return { 'tcp option': { base: Number(name), offset: 0, len: 8 } }
      return { 'tcp option': { name, ...(field === undefined ? {} : { field }) } }
    }
    case 'ip option':
    case 'sctp chunk': {
      const { name, field } = selector
      return { [selector.kind]: { name, ...(field === undefined ? {} : { field }) } }
    }
    case 'dccp option':
      return { 'dccp option': { type: selector.type } }
    case 'meta':
      return { meta: { key: selector.key } }
    case 'ct': {
      const { key, direction } = selector
      // nft's JSON has no place for the direction of these two.
      const dir = direction === undefined || key === 'protocol' || key === 'l3proto' ? {} : { dir: direction }
      return { ct: { key, ...dir } }
    }
    case 'rt':
      return {
        rt: { key: selector.key, ...(selector.family === undefined ? {} : { family: selector.family }) },
      }
    case 'socket':
      return {
        socket: { key: selector.key, ...(selector.level === undefined ? {} : { level: selector.level }) },
      }
    case 'fib': {
      const { result, flags } = selector
      return { fib: { result, flags: flags.length === 1 ? flags[0]! : flags } }
    }
    case 'osf':
      return { osf: { key: selector.key, ...(selector.ttl === undefined ? {} : { ttl: selector.ttl }) } }
    case 'ipsec': {
      const { key, direction, spnum, family } = selector
      return { ipsec: { key, ...(family === undefined ? {} : { family }), dir: direction, spnum } }
    }
    case 'numgen':
      return { numgen: { mode: selector.mode, mod: selector.modulus, offset: selector.offset } }
    case 'hash': {
      const { of, modulus: mod, seed, offset } = selector
      const shifted = offset === 0 ? {} : { offset }
      if (of === undefined) return { symhash: { mod, ...shifted } }
      return {
        jhash: {
          mod,
          ...shifted,
          expr: writeExpression(of, undefined),
          ...(seed === undefined ? {} : { seed }),
        },
      }
    }
  }
}
