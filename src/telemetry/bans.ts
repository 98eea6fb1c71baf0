import type { Logger } from 'pino'
import type { Problem } from '../bans/problem.js'
import type { Ban } from '../bans/table/ban.js'
import type { BanRequest } from '../bans/table/table.js'
import { formatPrefix } from '../packet/address.js'

/** Bans that are logged one by one of those that come at once; of the rest the number is told. */
const ONE_BY_ONE = 20

/** When a ban ends, in words; Infinity is for good. */
export function untilText(until: number): string {
  return until === Number.POSITIVE_INFINITY ? 'for good' : `until ${new Date(until).toISOString()}`
}

/** Logs bans as they are made; `would` are those of jails that only log. */
export function logBans(log: Logger, bans: readonly Ban[], would: readonly BanRequest[] = []): void {
  for (const { source, jail, until, times, lines } of bans.slice(0, ONE_BY_ONE)) {
    const address = formatPrefix(source)
    const ban = { jail, source: address, until: isoOf(until), times, lines }
    log.warn({ event: 'banned', ...ban }, `banned ${address} ${untilText(until)}: ${jail}`)
  }
  for (const { source, jail, lines } of would.slice(0, ONE_BY_ONE)) {
    const address = formatPrefix(source)
    log.warn(
      { event: 'would-ban', jail, source: address, lines },
      `would have banned ${address}: ${jail} only logs`,
    )
  }
  const count = Math.max(0, bans.length - ONE_BY_ONE) + Math.max(0, would.length - ONE_BY_ONE)
  if (count > 0) log.warn({ event: 'banned', count }, `${count} more were banned, or would have been`)
}

/** Logs what is wrong with jails; the rest of them runs. */
export function logProblems(log: Logger, problems: readonly Problem[]): void {
  for (const { position, message, hint, severity } of problems) {
    const { file, line, column } = position
    const event = { event: 'problem', file, line, column, ...(hint !== undefined && { hint }) }
    const text = `${file}:${line}:${column}: ${severity ?? 'error'}: ${message}`
    if (severity === 'warning') log.warn(event, text)
    else log.error(event, text)
  }
}

/** JSON has no infinity. */
function isoOf(until: number): string | null {
  return until === Number.POSITIVE_INFINITY ? null : new Date(until).toISOString()
}
