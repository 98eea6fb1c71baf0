/** Statements that keep a state of their own, and verdicts, as nft lists them. */
import type { LimitSpec, QuotaSpec, Stateful, Verdict } from '../../../ruleset/model.js'

export function printStateful(statement: Stateful): string {
  switch (statement.kind) {
    case 'counter': {
      const { packets, bytes } = statement
      return packets === undefined ? 'counter' : `counter packets ${packets} bytes ${bytes ?? 0}`
    }
    case 'limit':
      return `limit ${printLimit(statement)}`
    case 'quota':
      return `quota ${printQuota(statement)}`
    case 'ct count':
      return `ct count ${statement.over ? 'over ' : ''}${statement.count}`
  }
}

export function printLimit({ rate, rateUnit, per, burst, burstUnit, over }: LimitSpec): string {
  const amount = rateUnit === undefined ? `${rate}` : `${rate} ${rateUnit}`
  const usual = rateUnit === undefined ? burst === 5 : burst === 0
  const more = usual ? '' : ` burst ${burst} ${burstUnit ?? 'packets'}`
  return `rate ${over ? 'over ' : ''}${amount}/${per}${more}`
}

export function printQuota({ amount, unit, over, used, usedUnit }: QuotaSpec): string {
  const consumed = used === undefined ? '' : ` used ${used} ${usedUnit ?? 'bytes'}`
  return `${over ? 'over ' : ''}${amount} ${unit}${consumed}`
}

export function printVerdict(verdict: Verdict): string {
  return verdict.kind === 'jump' || verdict.kind === 'goto'
    ? `${verdict.kind} ${verdict.target}`
    : verdict.kind
}
