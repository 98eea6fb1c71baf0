/** Limits that the kernel refuses, as what they come to does not fit its numbers. */
import type { Element, NamedSet, Position, Statement, Table } from './model.js'
import type { LimitSpec } from './stateful.js'
import type { HashlimitMatch, LimitMatch } from './xtables.js'

const SECONDS = { second: 1, minute: 60, hour: 3600, day: 86_400, week: 604_800 } as const
const UNITS = { bytes: 1n, kbytes: 1n << 10n, mbytes: 1n << 20n } as const
const U64 = 1n << 64n
const U32 = 0xffffffff
const HZ = 250
/** Parts of a second that xt_limit and xt_hashlimit have the time between two packets in. */
const LIMIT_SCALE = 10_000
export const HASHLIMIT_SCALE = 1_000_000
/** What a second is worth to xt_limit: HZ × the power of two under 2^32 / (HZ × a day's seconds). */
const LIMIT_CREDITS = HZ * 128
/** Credits of a part of a second to xt_hashlimit: floor(HZ × 2^39 / scale), as a tick is worth 2^39. */
export const HASHLIMIT_CREDITS = 137_438_953n

/** What is wrong, and where. */
interface Found {
  readonly message: string
  readonly position?: Position
}

/** user2credits of net/netfilter/xt_limit.c, of a time in its parts of a second: 32 bits, of which few are lost. */
export function limitCredits(time: number): number {
  return time > Math.floor(U32 / LIMIT_CREDITS)
    ? (Math.floor(time / LIMIT_SCALE) * LIMIT_CREDITS) >>> 0
    : Math.floor((time * LIMIT_CREDITS) / LIMIT_SCALE)
}

/** The time between two packets, in parts of a second. */
export const limitAverage = ({ rate, per }: LimitMatch) => Math.floor((LIMIT_SCALE * SECONDS[per]) / rate)
export const hashlimitAverage = ({ rate, per }: HashlimitMatch) =>
  BigInt(Math.floor((HASHLIMIT_SCALE * SECONDS[per]) / rate))

/** What is wrong with the limits of a statement, its own and those of elements that it adds or looks up. */
export function* checkLimits(statement: Statement): Generator<string> {
  if (statement.kind === 'limit') yield* checkLimit(statement)
  if (statement.kind === 'set') yield* checkAll(statement.statements)
  if (statement.kind === 'meter') yield* checkAll([statement.statement])
  if (statement.kind === 'match' && statement.right.kind === 'set')
    yield* checkElements(statement.right.elements)
  if (statement.kind === 'vmap' && statement.map.kind !== 'reference')
    yield* checkElements(statement.map.elements)
  if (statement.kind !== 'xtables') return
  if (statement.name === 'limit' && overflows(statement)) yield tooMuchOf(statement)
  if (statement.name === 'hashlimit' && hashOverflows(statement)) yield tooMuchOf(statement)
}

/** What is wrong with the limits that a table holds outside its rules. */
export function* checkHeldLimits({ sets, objects = [] }: Table): Generator<Found> {
  for (const object of objects) if (object.kind === 'limit') yield* problems(checkLimit(object), object)
  for (const set of sets) {
    yield* problems(checkAll(set.statements), set)
    yield* problems(checkElements(set.elements), set)
  }
}

function* problems(messages: Iterable<string>, { position }: { position?: Position }): Generator<Found> {
  for (const message of messages) yield position === undefined ? { message } : { message, position }
}

function* checkElements(elements: readonly Element[]): Generator<string> {
  for (const element of elements) {
    const key = element.kind === 'pair' ? element.key : element
    if (key.kind === 'element') yield* checkAll(key.statements)
  }
}

function* checkAll(statements: NamedSet['statements'] = []): Generator<string> {
  for (const statement of statements) if (statement.kind === 'limit') yield* checkLimit(statement)
}

/** nft_limit_init in net/netfilter/nft_limit.c: nanoseconds × what they hold must fit 64 bits. */
function* checkLimit({ rate, rateUnit, per, burst, burstUnit = 'bytes' }: LimitSpec): Generator<string> {
  const span = BigInt(SECONDS[per]) * 1_000_000_000n
  const bytes = BigInt(rate) * UNITS[rateUnit ?? 'bytes']
  const held =
    rateUnit === undefined
      ? (span / bytes) * BigInt(burst)
      : span * (bytes + BigInt(burst) * UNITS[burstUnit])
  if (held < U64) return
  const text = rateUnit === undefined ? `${rate}/${per}` : `${rate} ${rateUnit}/${per}`
  yield tooMuch('limit', text, rateUnit === undefined ? burst : `${burst} ${burstUnit}`)
}

/** limit_mt_check in net/netfilter/xt_limit.c. */
function overflows(match: LimitMatch): boolean {
  const average = limitAverage(match)
  return limitCredits(Math.imul(average, match.burst) >>> 0) < limitCredits(average)
}

/** hashlimit_mt_check_common in net/netfilter/xt_hashlimit.c; bytes and intervals always fit. */
function hashOverflows(match: HashlimitMatch): boolean {
  if (match.bytes || match.rateMatch) return false
  const average = hashlimitAverage(match)
  const cap = BigInt.asUintN(64, BigInt.asUintN(64, average * BigInt(match.burst ?? 5)) * HASHLIMIT_CREDITS)
  return cap < BigInt.asUintN(64, average * HASHLIMIT_CREDITS)
}

function tooMuchOf({ name, rate, per, burst }: LimitMatch | HashlimitMatch): string {
  return tooMuch(name, `${rate}/${per}`, burst)
}

function tooMuch(name: string, rate: string, burst: number | string | undefined): string {
  return `${name} ${rate} burst ${burst ?? 5} is more than the kernel can count: a shorter time or a smaller burst is needed`
}
