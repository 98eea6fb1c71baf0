import type { Logger } from 'pino'
import type { Ban } from '../bans/table/ban.js'
import type { BanRequest } from '../bans/table/table.js'
import { ControlError, type Handlers } from '../control/server.js'
import { formatPrefix, type Prefix, parsePrefix } from '../packet/address.js'
import type { Bans } from '../queue/bans/bans.js'
import type { JailReport } from '../queue/bans/messages.js'
import { logBans } from '../telemetry/bans.js'

export const MANUAL = 'manual'
/** Characters of a reason. */
const LONGEST_REASON = 256

/** A ban as the control socket tells it. Times are milliseconds since 1970; null: for good. */
export interface BanRow {
  readonly address: string
  readonly jail: string
  readonly since: number
  readonly until: number | null
  readonly times: number
  readonly why: readonly string[]
  readonly closed: Ban['closed']
}

/** What the control socket is asked for. */
export interface BanBody {
  readonly address: string
  /** Milliseconds; null: for good. */
  readonly for: number | null
  readonly reason: string
}

export type JailRow = JailReport

/** What a running gate answers about bans. */
export function banHandlers(bans: Bans, log: Logger): Handlers {
  return {
    'GET /bans': async () => (await bans.ask('list', {})).map(rowOf),
    'GET /jails': async () => bans.ask('jails', {}),
    'POST /bans': async (body) => {
      const request = requestOf(body)
      const made = await bans.ask('ban', { requests: [request] })
      logBans(log, made)
      if (made.length === 0) throw new ControlError(await whyNot(bans, request))
      return made.map(rowOf)
    },
    'DELETE /bans': async (body) => {
      const { address } = (body ?? {}) as { address?: unknown }
      const lifted = await bans.ask('unban', address === undefined ? {} : { source: prefixOf(address) })
      log.info({ event: 'unbanned', count: lifted.length }, `lifted ${lifted.length} bans by hand`)
      return lifted.map(rowOf)
    },
  }
}

function rowOf({ source, jail, since, until, times, lines, closed }: Ban): BanRow {
  const ends = until === Number.POSITIVE_INFINITY ? null : until
  return { address: formatPrefix(source), jail, since, until: ends, times, why: lines, closed }
}

function requestOf(body: unknown): BanRequest {
  const { address, for: span, reason } = (body ?? {}) as Partial<Record<keyof BanBody, unknown>>
  if (span !== null && !(typeof span === 'number' && span > 0))
    throw new ControlError('for is how many milliseconds a ban lasts, or null')
  return {
    source: prefixOf(address),
    jail: MANUAL,
    since: Date.now(),
    span: span ?? Number.POSITIVE_INFINITY,
    lines: typeof reason === 'string' && reason !== '' ? [reason.slice(0, LONGEST_REASON)] : [],
    closed: { ports: [], protocols: [] },
  }
}

function prefixOf(address: unknown): Prefix {
  const prefix = typeof address === 'string' ? parsePrefix(address) : undefined
  if (prefix === undefined) throw new ControlError(`${String(address)} is no address or prefix`)
  return prefix
}

async function whyNot(bans: Bans, { source, jail }: BanRequest): Promise<string> {
  const address = formatPrefix(source)
  const rows = (await bans.ask('list', {})).map(rowOf)
  return rows.some((row) => row.address === address && row.jail === jail)
    ? `${address} is banned already, and for longer: portcullis unban ${address} lifts that first`
    : `${address} is never banned: it is, or holds, an address of this machine, of its administrators (define: admins, ignoreip) or of the SSH session that portcullis was started from`
}
