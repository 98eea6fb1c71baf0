/** Statements and rules as nft lists them. */
import { isBitmask, typeInfo } from '../../../ruleset/datatypes.js'
import type { Log, Match, NamedSet, Reject, Rule, Statement, TableFamily } from '../../../ruleset/model.js'
import { typeOf } from '../../../ruleset/types.js'
import { bitsOf, formatDuration, formatValue } from '../../../ruleset/values.js'
import { xtablesModule } from '../../../ruleset/xtables.js'
import { flagNames, mapTypes, printExpression, printLookup } from './expression.js'
import { printStateful, printVerdict } from './stateful.js'

/** The statements of a rule, without its comment. */
export function printStatements(
  rule: Pick<Rule, 'statements'>,
  sets: readonly NamedSet[] = [],
  family: TableFamily = 'inet',
): string {
  return rule.statements.map((statement) => printStatement(statement, sets, family)).join(' ')
}

/** A statement. `sets`: those of its table, for their types. */
export function printStatement(
  statement: Statement,
  sets: readonly NamedSet[] = [],
  family: TableFamily = 'inet',
): string {
  switch (statement.kind) {
    case 'match':
      return printMatch(statement, sets)
    case 'counter':
    case 'limit':
    case 'quota':
    case 'ct count':
      return printStateful(statement)
    case 'log':
      return printLog(statement)
    case 'reject':
      return printReject(statement, family)
    case 'queue': {
      const { target, flags } = statement
      const list = flags.join(',')
      if (target === undefined) return flags.length === 0 ? 'queue' : `queue flags ${list}`
      return `queue${flags.length === 0 ? '' : ` flags ${list}`} to ${printExpression(target)}`
    }
    case 'notrack':
      return 'notrack'
    case 'mangle': {
      const { key, value } = statement
      return `${printExpression(key)} set ${printExpression(value, { parts: typeOf(key), sets })}`
    }
    case 'set': {
      const { operation, set, element, timeout, statements = [], data } = statement
      const inside = [
        printExpression(element),
        ...lifetime(timeout),
        ...statements.map(printStateful),
        ...(data === undefined ? [] : [':', printExpression(data, { parts: mapTypes(set, sets), sets })]),
      ]
      return `${operation} @${set} { ${inside.join(' ')} }`
    }
    case 'meter': {
      const { name, size, key, timeout, statement: inner } = statement
      const inside = [printExpression(key), ...lifetime(timeout), printStateful(inner)]
      return `meter ${name}${size === undefined ? '' : ` size ${size}`} { ${inside.join(' ')} }`
    }
    case 'vmap':
      return `${printExpression(statement.key)} vmap ${printLookup(statement.key, statement.map, { parts: undefined, sets })}`
    case 'object': {
      const { object, name } = statement
      const named = typeof name === 'string' ? `"${name}"` : printExpression(name)
      return object.startsWith('ct ') ? `${object} set ${named}` : `${object} name ${named}`
    }
    case 'window':
      return `window name "${statement.name}"`
    case 'xtables':
      return `xt match "${xtablesModule(statement)}"`
    case 'xtables target':
      return `xt target "${statement.target}"`
    default:
      return printVerdict(statement)
  }
}

function lifetime(timeout: number | undefined): string[] {
  return timeout === undefined ? [] : [`timeout ${formatDuration(BigInt(timeout))}`]
}

function printMatch({ left, operator, right }: Match, sets: readonly NamedSet[]): string {
  const parts = typeOf(left, sets)
  const [part] = parts ?? []
  const sign = operator === 'in' ? '' : `${operator} `
  if (left.kind === 'binary' && part !== undefined && isBitmask(part.type)) {
    const mask = left.right.kind === 'flags' ? left.right.bits : undefined
    // Several bits of a mask have a form of their own.
    if (mask !== undefined && left.operator === '&' && (right.kind === 'flags' || right.kind === 'value')) {
      const bits = right.kind === 'flags' ? right.bits : BigInt(right.value)
      const names = flagNames(mask, part).join(',')
      // None of them, or any.
      if (bits === 0n) return `${printExpression(left.left)} ${operator === '!=' ? '' : '! '}${names}`
      if (mask === bits && flagNames(mask, part).length === 1)
        return `${printExpression(left.left)} & ${names} ${operator === '!=' ? '!=' : '=='} ${names}`
      const not = operator === '!=' ? '!= ' : ''
      return `${printExpression(left.left)} ${not}${flagNames(bits, part).join(',')} / ${names}`
    }
  }
  if (right.kind === 'flags' && (operator === '==' || operator === '!=') && part !== undefined)
    return `${printExpression(left)} ${sign}${exactFlags(right.bits, part.type)}`
  // A shift or a mask leaves the operator to be said.
  const needed = left.kind === 'binary' && operator === 'in' ? '== ' : sign
  return `${printExpression(left)} ${needed}${printExpression(right, { parts, sets })}`
}

function exactFlags(bits: bigint, type: Parameters<typeof formatValue>[1]): string {
  const names = bitsOf(bits).map((bit) => formatValue(bit, type))
  return typeInfo(type).hostOrder || names.every((name) => !name.startsWith('0x'))
    ? names.join(' | ')
    : `0x${bits.toString(16)}`
}

function printLog({ prefix, level, group, snaplen, queueThreshold, flags }: Log): string {
  const listed = [...(flags ?? [])]
  const tcp = listed.filter((flag) => flag.startsWith('tcp ')).map((flag) => flag.slice(4))
  return [
    'log',
    ...(prefix === undefined ? [] : [`prefix "${prefix}"`]),
    ...(group === undefined ? [] : [`group ${group}`]),
    ...(snaplen === undefined ? [] : [`snaplen ${snaplen}`]),
    ...(queueThreshold === undefined ? [] : [`queue-threshold ${queueThreshold}`]),
    ...(level === undefined ? [] : [`level ${level}`]),
    ...(tcp.length === 0 ? [] : [`flags tcp ${tcp.join(',')}`]),
    ...listed.filter((flag) => !flag.startsWith('tcp ')).map((flag) => `flags ${flag}`),
  ].join(' ')
}

const CODES = { icmp: 'icmp_code', icmpv6: 'icmpv6_code', icmpx: 'icmpx_code' } as const
/** What a reject without words means, by the table's family. */
const USUAL = {
  ip: { type: 'icmp', code: 3 },
  ip6: { type: 'icmpv6', code: 4 },
  inet: { type: 'icmpx', code: 1 },
} as const

function printReject({ type, code }: Reject, family: TableFamily): string {
  if (type === 'tcp reset') return 'reject with tcp reset'
  const usual = USUAL[family]
  if (type === usual.type && code === usual.code) return 'reject'
  return `reject with ${type} ${formatValue(BigInt(code ?? 0), CODES[type])}`
}
