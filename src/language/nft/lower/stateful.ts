/** Statements that keep a state of their own, verdicts, and the numbers and times in them. */
import type { ByteUnit, LimitSpec, QuotaSpec, Stateful, Verdict } from '../../../ruleset/model.js'
import { readDuration } from '../../../ruleset/values.js'
import type { LimitNode, NameNode, OptionNode, QuotaNode, Span, StatementNode, VerdictNode } from '../ast.js'
import type { Context } from './context.js'

const PERIODS = ['second', 'minute', 'hour', 'day', 'week'] as const
const UNITS: Readonly<Record<ByteUnit, number>> = { bytes: 1, kbytes: 1024, mbytes: 1024 ** 2 }
/** Packets that a limit lets through at once unless it says otherwise. */
const DEFAULT_BURST = 5
const MAXIMUM_COUNT = Number.MAX_SAFE_INTEGER

export function lowerVerdict(node: VerdictNode, context: Context): Verdict {
  const { verdict } = node
  if (verdict !== 'jump' && verdict !== 'goto') return { kind: verdict }
  const target = context.nameOf(node.target!)
  const { chains } = context.table
  const chain = chains.get(target)
  if (chain === undefined)
    return context.failUnknown(
      node.target!,
      `there is no chain ${target} in table ${context.family} ${context.table.name}`,
      target,
      chains.keys(),
    )
  if (chain.base !== undefined)
    context.fail(node.target!, `${target} is a base chain: it cannot be jumped to`)
  return { kind: verdict, target }
}

/** Statements that elements of sets may carry. */
export function lowerStateful(node: StatementNode, context: Context): Stateful {
  switch (node.kind) {
    case 'counter': {
      const packets = BigInt(node.packets ?? 0)
      const bytes = BigInt(node.bytes ?? 0)
      return packets === 0n && bytes === 0n ? { kind: 'counter' } : { kind: 'counter', packets, bytes }
    }
    case 'limit':
      return { kind: 'limit', ...lowerLimit(node, context) }
    case 'quota':
      return { kind: 'quota', ...lowerQuota(node, context) }
    case 'connlimit':
      return { kind: 'ct count', count: count(node, node.count, 2 ** 32 - 1, context), over: node.over }
    default:
      return context.fail(node, 'expected counter, limit, quota or ct count')
  }
}

export function lowerLimit(node: LimitNode, context: Context): LimitSpec {
  const per = PERIODS.find((period) => period === node.per.text)
  if (per === undefined)
    return context.failUnknown(
      node.per,
      `${node.per.text} is no span: expected second, minute, hour, day or week`,
      node.per.text,
      PERIODS,
    )
  const rate = count(node, node.rate, MAXIMUM_COUNT, context)
  if (rate === 0) context.fail(node, 'a rate is at least 1')
  const unit = node.unit?.text ?? 'packets'
  const { burst, over } = node
  if (unit === 'packets') {
    if (burst !== null && burst.unit !== 'packets')
      context.fail(node, `the rate counts packets, and the burst ${burst.unit}`)
    return {
      rate,
      per,
      burst: burst === null ? DEFAULT_BURST : count(node, burst.number, 2 ** 32 - 1, context),
      over,
    }
  }
  if (!Object.hasOwn(UNITS, unit))
    return context.failUnknown(
      node.unit!,
      `${unit} is no unit: expected bytes, kbytes or mbytes`,
      unit,
      Object.keys(UNITS),
    )
  if (burst?.unit === 'packets') context.fail(node, `the rate counts ${unit}, and the burst packets`)
  const burstSize = burst === null ? 0 : count(node, burst.number, MAXIMUM_COUNT, context)
  const [size, burstUnit] = largestUnit(burstSize * UNITS[(burst?.unit ?? 'bytes') as ByteUnit])
  const [value, rateUnit] = largestUnit(rate * UNITS[unit as ByteUnit])
  return { rate: value, rateUnit, per, burst: size, burstUnit, over }
}

/** A number of bytes as nft lists it: in the largest unit that leaves no rest. */
function largestUnit(bytes: number): [number, ByteUnit] {
  if (bytes === 0) return [0, 'bytes']
  for (const unit of ['mbytes', 'kbytes'] as const)
    if (bytes % UNITS[unit] === 0) return [bytes / UNITS[unit], unit]
  return [bytes, 'bytes']
}

export function lowerQuota(node: QuotaNode, context: Context): QuotaSpec {
  const [amount, unit] = largestUnit(count(node, node.amount, MAXIMUM_COUNT, context) * UNITS[node.unit])
  if (node.used === null) return { amount, unit, over: node.over }
  const [used, usedUnit] = largestUnit(
    count(node, node.used.number, MAXIMUM_COUNT, context) * UNITS[node.used.unit],
  )
  return { amount, unit, over: node.over, ...(used === 0 ? {} : { used, usedUnit }) }
}

/** A number of at most `most`; anything else is an error. */
export function count(span: Span, text: string, most: number, context: Context): number {
  const number = Number(text)
  if (!(number <= most)) context.fail(span, `${text} is too large: ${most} is the most`)
  return number
}

/** Timeouts and comments of an element. */
export function lowerOptions(
  options: readonly OptionNode[],
  context: Context,
): { timeout?: number; expires?: number; comment?: string } {
  const lowered: { timeout?: number; expires?: number; comment?: string } = {}
  for (const { key, value, text } of options) {
    if (key === 'comment') lowered.comment = text!
    else lowered[key] = milliseconds(value!, context)
  }
  return lowered
}

export function milliseconds(node: NameNode, context: Context): number {
  const text = context.nameOf(node)
  const time = readDuration(text)
  if (time === undefined)
    return context.fail(node, `${text} is no time`, 'write one such as 30s, 5m or 1d12h')
  return Number(time)
}
