/** Statements as libnftables-json(5) has them. */
import { isBitmask, typeInfo } from '../../ruleset/datatypes.js'
import type { Expression, Log, Match, NamedSet, Reject, Statement } from '../../ruleset/model.js'
import { dataTypes, type PartType, typeOf } from '../../ruleset/types.js'
import { valueName } from '../../ruleset/values.js'
import { xtablesModule } from '../../ruleset/xtables.js'
import type { Json } from './json.js'
import { writeElement, writeExpression, writeLookup, writeValue } from './write-expression.js'
import { writeBare, writeStateful, writeVerdict } from './write-stateful.js'

/** A statement. `sets`: those of its table, for the types of maps. */
export function writeStatement(statement: Statement, sets: readonly NamedSet[] = []): Json {
  switch (statement.kind) {
    case 'match':
      return { match: writeMatch(statement) }
    case 'counter':
    case 'limit':
    case 'quota':
    case 'ct count':
      return writeStateful(statement)
    case 'log':
      return { log: writeLog(statement) }
    case 'reject':
      return { reject: writeReject(statement) }
    case 'queue': {
      const { target, flags } = statement
      const num = target === undefined ? {} : { num: writeExpression(target, undefined) }
      return {
        queue: { ...num, ...(flags.length === 0 ? {} : { flags: flags.length === 1 ? flags[0]! : flags }) },
      }
    }
    case 'notrack':
      return { notrack: null }
    case 'mangle':
      return {
        mangle: {
          key: writeExpression(statement.key, undefined),
          value: writeExpression(statement.value, typeOf(statement.key)),
        },
      }
    case 'set': {
      const { operation, set, element, timeout, statements = [], data } = statement
      const plain = writeExpression(element, undefined)
      const elem =
        timeout === undefined ? plain : { elem: { val: plain, timeout: Math.floor(timeout / 1000) } }
      const stmt = statements.length === 0 ? {} : { stmt: statements.map(writeStateful) }
      if (data === undefined) return { set: { op: operation, elem, set: `@${set}`, ...stmt } }
      const types = dataTypes(sets.find(({ name }) => name === set) ?? UNKNOWN)
      return { map: { op: operation, elem, data: writeExpression(data, types), map: `@${set}`, ...stmt } }
    }
    case 'meter': {
      const { key, timeout, statement: inner, size, name } = statement
      const val = writeExpression(key, undefined)
      const elem = timeout === undefined ? val : { elem: { val, timeout: Math.floor(timeout / 1000) } }
      return {
        meter: { key: elem, stmt: writeBare(inner), ...(size === undefined ? {} : { size }), name },
      }
    }
    case 'vmap':
      return { vmap: writeLookup(statement.key, statement.map, undefined) }
    case 'object': {
      const { object, name } = statement
      return { [object]: typeof name === 'string' ? name : writeExpression(name, undefined) }
    }
    case 'window':
      return { window: statement.name }
    case 'xtables':
      return { xt: { type: 'match', name: xtablesModule(statement) } }
    case 'xtables target':
      return { xt: { type: 'target', name: statement.target } }
    default:
      return writeVerdict(statement)
  }
}

const UNKNOWN: NamedSet = { name: '', type: 'integer', elements: [] }

function writeMatch({ operator, left, right }: Match): Json {
  const parts = typeOf(left)
  const exact = operator === '==' || operator === '!='
  // Bits that are compared as a whole are no list: nft has them as a number, or as what they are or'ed of.
  if (right.kind === 'flags' && exact && left.kind !== 'binary') {
    const part = parts?.[0]
    const whole = part?.type === 'tcp_flag' ? Number(right.bits) : writeValue(right.bits, part)
    return { op: operator, left: writeExpression(left, undefined), right: whole }
  }
  return {
    op: writeOperator(operator, left, right, parts?.[0]),
    left: writeExpression(left, undefined),
    right: writeExpression(right, parts),
  }
}

/** nft's JSON has `in` for common bits only; where it is not said, equality is meant. */
function writeOperator(
  operator: Match['operator'],
  left: Expression,
  right: Expression,
  part: PartType | undefined,
): string {
  if (operator !== 'in') return operator
  const bits = part !== undefined && (isBitmask(part.type) || typeInfo(part.type).form === 'bit')
  const asks =
    left.kind !== 'binary' && left.kind !== 'concat' && (right.kind === 'value' || right.kind === 'flags')
  return bits && asks ? 'in' : '=='
}

function writeLog({ prefix, level, group, snaplen, queueThreshold, flags }: Log): Json {
  const written: { [key: string]: Json } = {
    ...(prefix === undefined ? {} : { prefix }),
    ...(group === undefined ? {} : { group }),
    ...(snaplen === undefined ? {} : { snaplen }),
    ...(queueThreshold === undefined ? {} : { 'queue-threshold': queueThreshold }),
    ...(level === undefined ? {} : { level }),
    ...(flags === undefined ? {} : { flags: flags.length === 1 ? flags[0]! : flags }),
  }
  return Object.keys(written).length === 0 ? null : written
}

const CODES = { icmp: 'icmp_code', icmpv6: 'icmpv6_code', icmpx: 'icmpx_code' } as const

function writeReject({ type, code }: Reject): Json {
  if (type === 'tcp reset') return { type }
  return { type, expr: valueName(BigInt(code ?? 0), CODES[type]) ?? code ?? 0 }
}

/** The elements of a named set, by its types. */
export function writeElements(set: NamedSet, parts: readonly PartType[], sets: readonly NamedSet[]): Json {
  const data = dataTypes(set, sets)
  return set.elements.map((element) => writeElement(element, parts, data))
}
