/** Statements that keep a state of their own, as the syntax tree of nft's language has them. */
import type { LimitNode, QuotaNode, StatementNode } from '../nft/ast.js'
import type { Entry, Json, JsonObject } from './entry.js'

export function readStateful(kind: string, value: Json, entry: Entry): StatementNode {
  if (value === null && kind === 'counter') return entry.node({ kind })
  const spec = entry.object(value)
  switch (kind) {
    case 'counter':
      return entry.node({ kind, packets: entry.digits(spec, 'packets'), bytes: entry.digits(spec, 'bytes') })
    case 'limit':
      return readLimit(spec, entry)
    case 'quota':
      return readQuota(spec, entry)
    case 'ct count':
      return entry.node({ kind: 'connlimit', over: spec.inv === true, count: entry.digits(spec, 'val') })
    default:
      return entry.fail(`${kind} cannot stand here`)
  }
}

export function readLimit(spec: JsonObject, entry: Entry): LimitNode {
  const unit = spec.rate_unit === undefined ? null : entry.word(entry.text(spec, 'rate_unit'))
  const burstUnit = spec.burst_unit === undefined ? 'packets' : entry.text(spec, 'burst_unit')
  const none = spec.burst === undefined || (unit !== null && unit.text !== 'packets' && spec.burst === 0)
  return entry.node({
    kind: 'limit',
    over: spec.inv === true,
    rate: entry.digits(spec, 'rate'),
    unit,
    per: entry.word(entry.text(spec, 'per')),
    burst: none ? null : { number: entry.digits(spec, 'burst'), unit: burstUnit },
  })
}

const UNITS = ['bytes', 'kbytes', 'mbytes'] as const

/** A quota as a statement has it, or a named object. */
export function readQuota(spec: JsonObject, entry: Entry): QuotaNode {
  const [amount, unit] =
    spec.val === undefined
      ? (['bytes', 'bytes'] as const)
      : (['val', entry.oneOf(spec, 'val_unit', UNITS)] as const)
  const usedUnit = spec.used_unit === undefined ? 'bytes' : entry.oneOf(spec, 'used_unit', UNITS)
  const used =
    spec.used === undefined || spec.used === 0 ? null : { number: entry.digits(spec, 'used'), unit: usedUnit }
  return entry.node({
    kind: 'quota',
    over: spec.inv === true,
    amount: entry.digits(spec, amount),
    unit,
    used,
  })
}
