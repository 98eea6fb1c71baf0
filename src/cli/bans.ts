import { parseSpan } from '../bans/config/values.js'
import { CONTROL_SOCKET } from '../control/client.js'
import { parsePrefix } from '../packet/address.js'
import { parseOptions } from './arguments.js'
import { asking } from './asking.js'
import type { BanBody, BanRow } from './control-handlers.js'
import { Failure, Misuse } from './errors.js'
import { closedText, spanText } from './jails.js'
import { tableText } from './table-text.js'

export const bansUsage = `portcullis bans [--json] [--socket PATH]

Lists the bans in force at the running gate: whom, which jail, since when, how much longer, how often, and why.

  --json         prints them as JSON
  --socket PATH  where the gate listens; ${CONTROL_SOCKET} otherwise`

export const banUsage = `portcullis ban ADDRESS|PREFIX [--for SPAN] [--reason TEXT] [--socket PATH]

Bans an address at the running gate, at once: open connections end too.

  --for SPAN     how long: 600 (seconds), 10m, 1h 30m, 2d; for good otherwise
  --reason TEXT  why; portcullis bans shows it`

export const unbanUsage = `portcullis unban ADDRESS|PREFIX|--all [--socket PATH]

Lifts the bans of an address at the running gate, whoever made them, or all bans.`

const SOCKET = { socket: { type: 'string', default: CONTROL_SOCKET } } as const

export async function bans(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseOptions(args, { json: { type: 'boolean', default: false }, ...SOCKET })
  if (positionals.length > 0) throw new Misuse(`bans takes no ${positionals[0]}`)
  const rows = (await asking(values.socket, 'GET', '/bans')) as readonly BanRow[]
  process.stdout.write(values.json ? `${JSON.stringify(rows)}\n` : bansText(rows, Date.now()))
}

export async function ban(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseOptions(args, {
    for: { type: 'string', default: '-1' },
    reason: { type: 'string', default: '' },
    ...SOCKET,
  })
  const address = addressOf(positionals, 'ban')
  const span = parseSpan(values.for)
  if (span === undefined || span <= 0) throw new Misuse('--for is a time such as 600, 10m, 1h 30m or 2d')
  const body: BanBody = {
    address,
    for: span === Number.POSITIVE_INFINITY ? null : span,
    reason: values.reason,
  }
  const [made] = (await asking(values.socket, 'POST', '/bans', body)) as readonly BanRow[]
  process.stdout.write(
    `${made!.address} is banned ${body.for === null ? 'for good' : `for ${spanText(body.for)}`}\n`,
  )
}

export async function unban(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseOptions(args, { all: { type: 'boolean', default: false }, ...SOCKET })
  if (values.all && positionals.length > 0) throw new Misuse('unban takes an address or --all, not both')
  const body = values.all ? {} : { address: addressOf(positionals, 'unban') }
  const lifted = (await asking(values.socket, 'DELETE', '/bans', body)) as readonly BanRow[]
  if (lifted.length === 0 && !values.all) throw new Failure(`${positionals[0]} is not banned`)
  process.stdout.write(`${lifted.length} ban${lifted.length === 1 ? ' is' : 's are'} lifted\n`)
}

function addressOf([address, more]: readonly string[], command: string): string {
  if (address === undefined || more !== undefined)
    throw new Misuse(`${command} needs one address or prefix: portcullis ${command} 10.0.0.9`)
  if (parsePrefix(address) === undefined)
    throw new Misuse(`${address} is no address or prefix such as 10.0.0.9 or 2001:db8::/64`)
  return address
}

function bansText(rows: readonly BanRow[], now: number): string {
  if (rows.length === 0) return 'nobody is banned\n'
  const lines = rows
    .toSorted((a, b) => b.since - a.since)
    .map(({ address, jail, since, until, times, closed, why }) => [
      address,
      jail,
      new Date(since).toISOString().replace(/\.\d+Z$/, 'Z'),
      until === null ? 'for good' : spanText(Math.max(0, until - now)),
      String(times),
      closedText(closed),
      printable(why.at(-1) ?? ''),
    ])
  return tableText(['address', 'jail', 'since', 'left', 'times', 'closed', 'why'], lines)
}

/** Lines of logs are anybody's: nothing in them may steer a terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '·')
}
