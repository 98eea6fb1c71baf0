/** Tables, chains, sets and objects of libnftables-json(5) as commands of nft's language. */
import type { LineNode, NameNode, PathNode, PlaceNode, Verb, WordNode } from '../nft/ast.js'
import type { Entry, Json, JsonObject } from './entry.js'
import { readExpression, readSet } from './read-expression.js'
import { readLimit, readQuota } from './read-stateful.js'
import { readStatement } from './read-statement.js'

const VERBS: ReadonlySet<string> = new Set<Verb>([
  'add',
  'create',
  'insert',
  'replace',
  'delete',
  'destroy',
  'flush',
])
const OBJECTS: ReadonlySet<string> = new Set([
  'counter',
  'quota',
  'limit',
  'ct helper',
  'ct timeout',
  'ct expectation',
])

/** An entry of the array: an object to add, or a command. Undefined for what says nothing of the rules. */
export function readEntry(json: Json, entry: Entry): LineNode | undefined {
  const [key, value] = entry.only(json)
  if (key === 'metainfo') return undefined
  const verb = VERBS.has(key) ? (key as Verb) : 'add'
  const [kind, spec] = VERBS.has(key) ? entry.only(value) : [key, value]
  const object = readObject(kind, spec, entry, verb)
  const command = 'command' as const
  return entry.node({ kind: command, verb, object })
}

function readObject(kind: string, value: Json, entry: Entry, verb: Verb): LineNode {
  if (kind === 'ruleset') {
    const family = value === null ? null : ((entry.object(value).family as string | undefined) ?? null)
    return entry.node({ kind, family })
  }
  const spec = entry.object(value)
  const family = spec.family === undefined ? 'ip' : entry.text(spec, 'family')
  const table = (): NameNode => entry.word(entry.text(spec, 'table'))
  const path = (): PathNode => ({ family, table: table(), name: entry.word(entry.text(spec, 'name')) })
  switch (kind) {
    case 'table':
      return entry.node({
        kind,
        path: { family, table: entry.word(entry.text(spec, 'name')) },
        handle: null,
        body: tableLines(spec, entry),
      })
    case 'chain':
      return entry.node({ kind, path: path(), handle: null, body: chainLines(spec, entry) })
    case 'rule':
      return readRule(spec, family, entry, verb)
    case 'set':
    case 'map':
      return entry.node({
        kind: 'named set',
        map: kind === 'map',
        path: path(),
        handle: null,
        body: setLines(spec, entry),
      })
    case 'element':
      return entry.node({ kind: 'add elements', path: path(), elements: readSet(spec.elem ?? null, entry) })
    case 'window':
      return entry.node({ kind: 'window object', path: path(), body: windowLines(spec, entry) })
    default:
      if (OBJECTS.has(kind))
        return entry.node({
          kind: 'object',
          object: kind,
          path: path(),
          handle: null,
          body: objectLines(kind, spec, entry),
        })
      return entry.node({ kind: 'refused', word: kind })
  }
}

function comment(spec: JsonObject, entry: Entry): LineNode[] {
  return spec.comment === undefined
    ? []
    : [entry.node({ kind: 'comment', text: entry.text(spec, 'comment') })]
}

function words(json: Json, entry: Entry): WordNode[] {
  return [json].flat().map((item) => entry.word(String(item)))
}

function tableLines(spec: JsonObject, entry: Entry): LineNode[] {
  const flags: LineNode[] =
    spec.flags === undefined ? [] : [entry.node({ kind: 'flags', flags: words(spec.flags, entry) })]
  return [...comment(spec, entry), ...flags]
}

function chainLines(spec: JsonObject, entry: Entry): LineNode[] {
  if (spec.hook === undefined) return comment(spec, entry)
  const prio = spec.prio
  if (typeof prio !== 'number' || !Number.isInteger(prio)) return entry.fail('prio should be a number')
  const hook: LineNode = entry.node({
    kind: 'hook',
    type: entry.word(entry.text(spec, 'type')),
    hook: entry.word(entry.text(spec, 'hook')),
    device: spec.dev === undefined ? null : readExpression(spec.dev, entry),
    priority: entry.node({ offset: prio }),
    policy: spec.policy === undefined ? null : entry.word(entry.text(spec, 'policy')),
  })
  return [...comment(spec, entry), hook]
}

function readRule(spec: JsonObject, family: string, entry: Entry, verb: Verb): LineNode {
  const path = {
    family,
    table: entry.word(entry.text(spec, 'table')),
    name: entry.word(entry.text(spec, 'chain')),
  }
  const handle = spec.handle === undefined ? null : entry.digits(spec, 'handle')
  const byHandle = verb === 'replace' || verb === 'delete' || verb === 'destroy'
  const place: PlaceNode | null =
    spec.index !== undefined
      ? { kind: 'index', number: entry.digits(spec, 'index') }
      : byHandle && handle !== null
        ? { kind: 'handle', number: handle }
        : null
  if (spec.expr === undefined) return entry.node({ kind: 'rule command', path, place, rule: null })
  const rule = entry.node({
    kind: 'rule' as const,
    statements: entry.list(spec.expr).map((statement) => readStatement(statement, entry)),
    comment: spec.comment === undefined ? null : entry.text(spec, 'comment'),
    handle: byHandle ? null : handle,
  })
  return entry.node({ kind: 'rule command', path, place, rule })
}

/** Names of datatypes, or an expression that has them. */
function typeLine(spec: JsonObject, entry: Entry): LineNode {
  const objects = typeof spec.map === 'string' && OBJECTS.has(spec.map)
  const data =
    spec.map === undefined ? null : objects ? { object: String(spec.map) } : { types: words(spec.map, entry) }
  const typed =
    spec.typeof ??
    (typeof spec.type === 'object' && !Array.isArray(spec.type)
      ? (spec.type as JsonObject | null)?.typeof
      : undefined)
  if (typed === undefined) return entry.node({ kind: 'type', types: words(spec.type ?? null, entry), data })
  return entry.node({ kind: 'typeof', key: readExpression(typed, entry), data })
}

function setLines(spec: JsonObject, entry: Entry): LineNode[] {
  const lines: LineNode[] = [typeLine(spec, entry), ...comment(spec, entry)]
  if (spec.flags !== undefined) lines.push(entry.node({ kind: 'flags', flags: words(spec.flags, entry) }))
  if (spec.policy !== undefined)
    lines.push(entry.node({ kind: 'policy', policy: entry.word(entry.text(spec, 'policy')) }))
  if (spec.size !== undefined) lines.push(entry.node({ kind: 'size', size: entry.digits(spec, 'size') }))
  for (const key of ['timeout', 'gc-interval'] as const)
    if (spec[key] !== undefined)
      lines.push(entry.node({ kind: 'duration', key, value: entry.word(entry.digits(spec, key)) }))
  if (spec['auto-merge'] === true) lines.push(entry.node({ kind: 'auto-merge' }))
  for (const statement of spec.stmt === undefined ? [] : entry.list(spec.stmt))
    lines.push(entry.node({ kind: 'statement', statement: readStatement(statement, entry) }))
  if (spec.elem !== undefined)
    lines.push(entry.node({ kind: 'elements', elements: readSet(spec.elem, entry) }))
  return lines
}

function windowLines(spec: JsonObject, entry: Entry): LineNode[] {
  if (spec.rate === undefined) return []
  const per = entry.word(`${entry.digits(spec, 'per')}ms`)
  return [
    entry.node({ kind: 'rate', rate: entry.digits(spec, 'rate'), per, strict: spec.strict === true }),
    entry.node({
      kind: 'source',
      prefix4: entry.digits(spec, 'prefix4'),
      prefix6: entry.digits(spec, 'prefix6'),
    }),
    entry.node({ kind: 'size', size: entry.digits(spec, 'size') }),
  ]
}

function objectLines(kind: string, spec: JsonObject, entry: Entry): LineNode[] {
  const option = (key: string): LineNode[] =>
    spec[key] === undefined
      ? []
      : [entry.node({ kind: 'option', key, value: entry.word(String(spec[key])), number: String(spec[key]) })]
  const shared = [...comment(spec, entry), ...(spec.l3proto === 'inet' ? [] : option('l3proto'))]
  switch (kind) {
    case 'counter':
      return [
        ...shared,
        entry.node({ kind: 'counts', packets: String(spec.packets ?? 0), bytes: String(spec.bytes ?? 0) }),
      ]
    case 'quota':
      return [...shared, readQuota(spec, entry)]
    case 'limit':
      return [...shared, readLimit(spec, entry)]
    case 'ct helper': {
      if (spec.type === undefined) return shared
      const [type, protocol] = [entry.text(spec, 'type'), entry.text(spec, 'protocol')].map((text) =>
        entry.word(text),
      )
      return [...shared, entry.node({ kind: 'helper', type: type!, protocol: protocol! })]
    }
    case 'ct timeout': {
      const pairs = Object.entries(spec.policy === undefined ? {} : entry.object(spec.policy)).map(
        ([state, seconds]) => ({
          state: entry.word(state),
          value: entry.word(String(seconds)),
        }),
      )
      return [...shared, ...option('protocol'), entry.node({ kind: 'timeouts', pairs })]
    }
    default: {
      const timeout: LineNode[] =
        spec.timeout === undefined
          ? []
          : [
              entry.node({
                kind: 'option',
                key: 'timeout',
                value: entry.word(`${entry.digits(spec, 'timeout')}ms`),
              }),
            ]
      return [...shared, ...option('protocol'), ...option('dport'), ...option('size'), ...timeout]
    }
  }
}
