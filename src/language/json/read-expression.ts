/** libnftables-json(5) to the syntax tree of nft's language: what it means is decided where that of text is. */
import type {
  ElementNode,
  ExpressionNode,
  OptionNode,
  SelectorNode,
  SetNode,
  VerdictNode,
  WordNode,
} from '../nft/ast.js'
import type { Entry, Json, JsonObject } from './entry.js'
import { readStateful } from './read-stateful.js'

export function readExpression(json: Json, entry: Entry): ExpressionNode {
  if (typeof json === 'string')
    return json.startsWith('@') ? reference(json.slice(1), entry) : readString(json, entry)
  if (typeof json === 'number') return entry.word(String(json))
  if (typeof json === 'boolean') return entry.word(json ? 'exists' : 'missing')
  if (Array.isArray(json))
    return entry.node({ kind: 'list', items: json.map((item) => readExpression(item, entry)) })
  const [key, value] = entry.only(json)
  switch (key) {
    case 'prefix': {
      const prefix = entry.object(value)
      return entry.node({
        kind: 'prefix',
        base: readExpression(prefix.addr ?? null, entry),
        length: entry.number(prefix, 'len'),
      })
    }
    case 'range': {
      const [from, to] = entry.list(value, 2)
      return entry.node({ kind: 'range', from: readExpression(from!, entry), to: readExpression(to!, entry) })
    }
    case 'set':
      return readSet(value, entry)
    case 'concat':
      return entry.node({
        kind: 'concat',
        parts: entry.list(value).map((part) => readExpression(part, entry)),
      })
    case 'elem':
      return readElement(entry.object(value), entry)
    case 'map': {
      const map = entry.object(value)
      return entry.node({
        kind: 'map',
        key: readExpression(map.key ?? null, entry),
        map: readExpression(map.data ?? null, entry),
      })
    }
    case '|':
    case '&':
    case '^':
    case '<<':
    case '>>': {
      const [first, ...rest] = entry.list(value).map((part) => readExpression(part, entry))
      if (first === undefined || rest.length === 0) return entry.fail(`${key} needs two operands`)
      return rest.reduce((left, right) => entry.node({ kind: 'binary', operator: key, left, right }), first)
    }
    default:
      return readSelector(key, value, entry)
  }
}

function readString(text: string, entry: Entry): ExpressionNode {
  return text === '*' ? entry.node({ kind: 'wildcard' }) : entry.word(text)
}

function reference(name: string, entry: Entry): ExpressionNode {
  return entry.node({ kind: 'reference', name: entry.word(name) })
}

/** A set, or a map if its elements are pairs. */
export function readSet(json: Json, entry: Entry): SetNode {
  const items = Array.isArray(json) ? json : [json]
  return entry.node({ kind: 'set', elements: items.map((item) => readItem(item, entry)) })
}

const VERDICTS: ReadonlySet<string> = new Set(['accept', 'drop', 'continue', 'return', 'jump', 'goto'])

function readItem(json: Json, entry: Entry): ExpressionNode {
  // An array in a set is a pair of a map, or bits of a mask.
  if (!Array.isArray(json)) return readExpression(json, entry)
  const [key, data] = json
  const pair = json.length === 2 && key !== undefined && data !== undefined
  if (!pair) return readExpression(json, entry)
  const written = readExpression(key, entry)
  const leads = readData(data, entry)
  if (written.kind === 'element') return entry.node({ ...written, data: leads })
  return entry.node({ kind: 'element', key: written, options: [], statements: [], data: leads })
}

function readData(json: Json, entry: Entry): ExpressionNode | VerdictNode {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return readExpression(json, entry)
  const [key] = entry.only(json)
  return VERDICTS.has(key) ? readVerdict(entry.object(json), entry) : readExpression(json, entry)
}

export function readVerdict(json: JsonObject, entry: Entry): VerdictNode {
  const [key, value] = entry.only(json)
  const verdict = key as VerdictNode['verdict']
  if (verdict !== 'jump' && verdict !== 'goto') return entry.node({ kind: 'verdict', verdict })
  return entry.node({
    kind: 'verdict',
    verdict,
    target: entry.word(entry.text(entry.object(value), 'target')),
  })
}

function readElement(json: JsonObject, entry: Entry): ElementNode {
  const { val, timeout, expires, comment, ...rest } = json
  const options: OptionNode[] = [
    ...(timeout === undefined ? [] : [{ key: 'timeout' as const, value: entry.word(String(timeout)) }]),
    ...(expires === undefined ? [] : [{ key: 'expires' as const, value: entry.word(String(expires)) }]),
    ...(comment === undefined ? [] : [{ key: 'comment' as const, text: String(comment) }]),
  ]
  const statements = Object.entries(rest).map(([key, value]) => readStateful(key, value, entry))
  return entry.node({
    kind: 'element',
    key: readExpression(val ?? null, entry),
    options,
    statements,
    data: null,
  })
}

export function readSelector(kind: string, value: Json, entry: Entry): SelectorNode {
  const json = kind === 'symhash' || kind === 'jhash' || typeof value === 'object' ? entry.object(value) : {}
  const word = (key: string): WordNode => entry.word(entry.text(json, key))
  const optional = (key: string): string | null => (json[key] === undefined ? null : String(json[key]))
  const optionalWord = (key: string): WordNode | null => (json[key] === undefined ? null : word(key))
  switch (kind) {
    case 'payload':
      if (json.base !== undefined) {
        const base = entry.oneOf(json, 'base', ['ll', 'nh', 'th', 'ih'] as const)
        return entry.node({
          kind: 'raw',
          base,
          offset: entry.digits(json, 'offset'),
          length: entry.digits(json, 'len'),
        })
      }
      return entry.node({ kind: 'payload', protocol: entry.protocol(json), field: word('field') })
    case 'exthdr': {
      const [, field = null, index = null] = /^([^[]*)(?:\[(\d+)\])?$/.exec(optional('field') ?? '') ?? []
      return entry.node({ kind, name: word('name'), field: field ? entry.word(field) : null, index })
    }
    case 'tcp option': {
      if (json.base === undefined)
        return entry.node({ kind, name: word('name'), field: optionalWord('field') })
      const name = entry.word(entry.digits(json, 'base'))
      const [offset, length] = [entry.digits(json, 'offset'), entry.digits(json, 'len')]
      // The first byte of an option is its kind: whether it is there is all that can be asked of it.
      return offset === '0' && length === '8'
        ? entry.node({ kind, name, field: null })
        : entry.node({ kind, name, raw: { offset, length } })
    }
    case 'ip option':
    case 'sctp chunk':
      return entry.node({ kind, name: word('name'), field: optionalWord('field') })
    case 'dccp option':
      return entry.node({ kind, number: entry.digits(json, 'type') })
    case 'meta':
      return entry.node({ kind, key: word('key') })
    case 'ct': {
      const [, family = null, key = ''] = /^(?:(ip6?) )?(.*)$/.exec(entry.text(json, 'key')) ?? []
      const direction =
        json.dir === undefined ? null : entry.oneOf(json, 'dir', ['original', 'reply'] as const)
      return entry.node({ kind, direction, family: family as 'ip' | 'ip6' | null, key: entry.word(key) })
    }
    case 'rt': {
      const family = json.family === undefined ? null : entry.oneOf(json, 'family', ['ip', 'ip6'] as const)
      return entry.node({ kind, family, key: word('key') })
    }
    case 'socket':
      return entry.node({ kind, key: word('key'), level: optional('level') })
    case 'fib': {
      const flags = json.flags === undefined ? [] : Array.isArray(json.flags) ? json.flags : [json.flags]
      const result = entry.oneOf(json, 'result', ['oif', 'oifname', 'type', 'check'] as const)
      return entry.node({ kind, flags: flags.map(String), result })
    }
    case 'osf': {
      const ttl = json.ttl === undefined ? null : entry.oneOf(json, 'ttl', ['loose', 'skip'] as const)
      return entry.node({ kind, ttl, key: entry.oneOf(json, 'key', ['name', 'version'] as const) })
    }
    case 'ipsec': {
      const family = json.family === undefined ? null : entry.oneOf(json, 'family', ['ip', 'ip6'] as const)
      const direction = entry.oneOf(json, 'dir', ['in', 'out'] as const)
      const key = entry.oneOf(json, 'key', ['reqid', 'spi', 'saddr', 'daddr'] as const)
      return entry.node({ kind, direction, spnum: optional('spnum'), family, key })
    }
    case 'numgen': {
      const mode = entry.oneOf(json, 'mode', ['inc', 'random'] as const)
      return entry.node({ kind, mode, modulus: entry.digits(json, 'mod'), offset: optional('offset') })
    }
    case 'jhash':
    case 'symhash': {
      const of = kind === 'symhash' ? null : readExpression(json.expr ?? null, entry)
      return entry.node({
        kind: 'hash',
        of,
        modulus: entry.digits(json, 'mod'),
        seed: optional('seed'),
        offset: optional('offset'),
      })
    }
    default:
      return entry.fail(`there is no expression ${kind}`)
  }
}
