/** Statements that keep a state of their own, and verdicts, as libnftables-json(5) has them. */
import type { LimitSpec, QuotaSpec, Stateful, Verdict } from '../../ruleset/model.js'
import type { Json } from './json.js'

export function writeStateful(statement: Stateful): { readonly [key: string]: Json } {
  switch (statement.kind) {
    case 'counter':
      return { counter: { packets: Number(statement.packets ?? 0), bytes: Number(statement.bytes ?? 0) } }
    case 'limit':
      return { limit: writeLimit(statement) }
    case 'quota':
      return { quota: writeQuota(statement) }
    case 'ct count':
      return { 'ct count': { val: statement.count, ...(statement.over ? { inv: true } : {}) } }
  }
}

/** A statement that only says what elements carry: its counts are theirs. */
export function writeBare(statement: Stateful): Json {
  return statement.kind === 'counter' && statement.packets === undefined
    ? { counter: null }
    : writeStateful(statement)
}

export function writeLimit({ rate, rateUnit, per, burst, burstUnit, over }: LimitSpec): {
  [key: string]: Json
} {
  return {
    rate,
    burst,
    per,
    ...(over ? { inv: true } : {}),
    ...(rateUnit === undefined ? {} : { rate_unit: rateUnit }),
    ...(burstUnit === undefined ? {} : { burst_unit: burstUnit }),
  }
}

function writeQuota({ amount, unit, over, used, usedUnit }: QuotaSpec): Json {
  return {
    val: amount,
    val_unit: unit,
    ...(used === undefined ? {} : { used, used_unit: usedUnit ?? 'bytes' }),
    ...(over ? { inv: true } : {}),
  }
}

export function writeVerdict(verdict: Verdict): Json {
  return verdict.kind === 'jump' || verdict.kind === 'goto'
    ? { [verdict.kind]: { target: verdict.target } }
    : { [verdict.kind]: null }
}
