/** Statements of libnftables-json(5) as the syntax tree of nft's language has them. */
import type { LogOptionNode, MatchNode, SelectorNode, StatementNode } from '../nft/ast.js'
import type { Entry, Json, JsonObject } from './entry.js'
import { readExpression, readVerdict } from './read-expression.js'
import { readStateful } from './read-stateful.js'

const OPERATORS = ['in', '==', '!=', '<', '<=', '>', '>=', '!'] as const
const REFUSED: ReadonlySet<string> = new Set([
  'snat',
  'dnat',
  'masquerade',
  'redirect',
  'tproxy',
  'synproxy',
  'dup',
  'fwd',
  'flow',
  'xt',
  'secmark',
])

export function readStatement(json: Json, entry: Entry): StatementNode {
  const [kind, value] = entry.only(json)
  if (REFUSED.has(kind)) return entry.node({ kind: 'refused', word: kind })
  switch (kind) {
    case 'match': {
      const match = entry.object(value)
      const operator: MatchNode['operator'] = entry.oneOf(match, 'op', OPERATORS)
      const right = readExpression(match.right ?? null, entry)
      return entry.node({ kind, left: readExpression(match.left ?? null, entry), operator, right })
    }
    case 'vmap': {
      const map = entry.object(value)
      return entry.node({
        kind: 'match',
        left: readExpression(map.key ?? null, entry),
        vmap: readExpression(map.data ?? null, entry),
      })
    }
    case 'counter':
    case 'quota':
    case 'limit':
    case 'ct helper':
    case 'ct timeout':
    case 'ct expectation':
      return stateful(kind, value, entry)
    case 'ct count':
      return readStateful(kind, value, entry)
    case 'log':
      return entry.node({ kind, options: value === null ? [] : logOptions(entry.object(value), entry) })
    case 'reject': {
      if (value === null) return entry.node({ kind })
      const spec = entry.object(value)
      if (spec.type === undefined) return entry.node({ kind })
      const type = entry.oneOf(spec, 'type', ['icmp', 'icmpv6', 'icmpx', 'tcp reset'] as const)
      return entry.node({
        kind,
        type,
        ...(spec.expr === undefined ? {} : { code: entry.word(String(spec.expr)) }),
      })
    }
    case 'queue': {
      const spec = value === null ? {} : entry.object(value)
      const flags =
        spec.flags === undefined
          ? []
          : [spec.flags]
              .flat()
              .map((flag) => entry.oneOf({ flag: flag as Json }, 'flag', ['bypass', 'fanout'] as const))
      const target = spec.num === undefined ? [] : [{ target: readExpression(spec.num, entry) }]
      return entry.node({ kind, options: [...target, { flags }] })
    }
    case 'notrack':
      return entry.node({ kind })
    case 'mangle': {
      const spec = entry.object(value)
      const key = readExpression(spec.key ?? null, entry)
      if (key.kind !== 'meta' && key.kind !== 'ct')
        return entry.node({ kind: 'refused', word: 'payload mangling' })
      return entry.node({ kind, key: key as SelectorNode, value: readExpression(spec.value ?? null, entry) })
    }
    case 'set':
    case 'map':
      return update(kind, entry.object(value), entry)
    case 'meter': {
      const spec = entry.object(value)
      const { key, options } = keyOf(spec.key ?? null, entry)
      const size = spec.size === undefined ? null : entry.digits(spec, 'size')
      return entry.node({
        kind,
        name: entry.word(entry.text(spec, 'name')),
        size,
        key,
        options,
        statement: readStatement(spec.stmt ?? null, entry),
      })
    }
    case 'window':
      return entry.node({ kind, name: entry.word(String(value)) })
    case 'accept':
    case 'drop':
    case 'continue':
    case 'return':
    case 'jump':
    case 'goto':
      return readVerdict(entry.object(json), entry)
    default:
      return entry.fail(`there is no statement ${kind}`)
  }
}

function stateful(kind: string, value: Json, entry: Entry): StatementNode {
  if (typeof value === 'string') return entry.node({ kind: 'use', object: kind, name: entry.word(value) })
  if (value === null) return readStateful(kind, value, entry)
  const spec = entry.object(value)
  if (spec.map !== undefined)
    return entry.node({ kind: 'use', object: kind, name: readExpression(value, entry) })
  return readStateful(kind, spec, entry)
}

function logOptions(spec: JsonObject, entry: Entry): LogOptionNode[] {
  return Object.entries(spec).map(([key, value]): LogOptionNode => {
    switch (key) {
      case 'prefix':
      case 'level':
        return { key, value: entry.word(entry.text(spec, key)) }
      case 'group':
      case 'snaplen':
      case 'queue-threshold':
        return { key, number: entry.digits(spec, key) }
      case 'flags':
        return { key, flags: [value].flat().map(String) }
      default:
        return entry.fail(`log has no option ${key}`)
    }
  })
}

function keyOf(json: Json, entry: Entry) {
  const read = readExpression(json, entry)
  return read.kind === 'element' ? { key: read.key, options: read.options } : { key: read, options: [] }
}

function update(kind: 'set' | 'map', spec: JsonObject, entry: Entry): StatementNode {
  const operation = entry.oneOf(spec, 'op', ['add', 'update', 'delete'] as const)
  const name = entry.text(spec, kind)
  const statements =
    spec.stmt === undefined
      ? []
      : [spec.stmt].flat().map((statement) => readStatement(statement as Json, entry))
  return entry.node({
    kind: 'update',
    operation,
    set: entry.word(name.replace(/^@/, '')),
    ...keyOf(spec.elem ?? null, entry),
    statements,
    data: kind === 'set' ? null : readExpression(spec.data ?? null, entry),
  })
}
