import { type Stats, statSync } from 'node:fs'
import { checkJails, checkWrittenJails } from '../bans/check.js'
import type { Closed } from '../bans/config/actions.js'
import type { Jail } from '../bans/config/jail.js'
import type { LoadedJails } from '../bans/config/jails.js'
import type { Problem } from '../bans/problem.js'
import { CONTROL_SOCKET } from '../control/client.js'
import { formatDiagnostics } from '../language/diagnostic.js'
import type { Bans } from '../language/policy/bans.js'
import { readText } from '../load/files.js'
import { parseOptions } from './arguments.js'
import { asking } from './asking.js'
import type { JailRow } from './control-handlers.js'
import { BadInput, Misuse } from './errors.js'
import { tableText } from './table-text.js'

export const usage = `portcullis jails [--jails DIR] [--json] [--socket PATH]

Lists the jails of the running gate: what they read, how many lines a second, failures and bans.

  --jails DIR    lists those of a folder of fail2ban instead that are enabled: what they read, and when they ban
  --json         prints them as JSON
  --socket PATH  where the gate listens; ${CONTROL_SOCKET} otherwise

What is wrong with a folder is told, and keeps none of the others from running: portcullis check --jails DIR.`

export const JAILS_FOLDER = '/etc/fail2ban'

export async function jails(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseOptions(args, {
    jails: { type: 'string' },
    json: { type: 'boolean', default: false },
    socket: { type: 'string', default: CONTROL_SOCKET },
  })
  if (positionals.length > 0) throw new Misuse(`jails takes no ${positionals[0]}: its folder is --jails DIR`)
  if (values.jails === undefined) {
    const rows = (await asking(values.socket, 'GET', '/jails')) as readonly JailRow[]
    process.stdout.write(values.json ? `${JSON.stringify(rows)}\n` : running(rows))
    return
  }
  const loaded = openJails(values.jails)
  process.stderr.write(problemsText(loaded.problems, loaded.texts))
  if (values.json) process.stdout.write(`${JSON.stringify(loaded.jails.map(summaryOf))}\n`)
  else process.stdout.write(listing(loaded))
}

/** Checks the jails of a folder, for `check --jails`. Throws BadInput if anything is wrong. */
export function checkJailsFolder(folder: string, json: boolean): void {
  const loaded = openJails(folder)
  const errors = loaded.problems.filter(({ severity }) => severity === undefined)
  const text = problemsText(loaded.problems, loaded.texts)
  if (json)
    process.stdout.write(
      `${JSON.stringify({ jails: loaded.jails.map(summaryOf), problems: loaded.problems })}\n`,
    )
  if (errors.length > 0) throw new BadInput(text.trimEnd())
  process.stderr.write(text)
  if (!json) process.stdout.write(listing(loaded))
}

/** Checks what a policy says about bans: its jails, and the folders that it names. Throws BadInput if anything is wrong. */
export function checkPolicyBans({ jails, folders }: Bans, file: string): void {
  const loaded = folders.map(openJails)
  const problems = [...checkWrittenJails(jails), ...loaded.flatMap(({ problems }) => problems)]
  const texts = new Map([[file, readText(file)], ...loaded.flatMap(({ texts }) => [...texts])])
  const text = problemsText(problems, texts)
  if (problems.some(({ severity }) => severity === undefined)) throw new BadInput(text.trimEnd())
  process.stderr.write(text)
}

/** Throws BadInput if there is no such folder. */
function openJails(folder: string): LoadedJails {
  const status: Stats | undefined = statSync(folder, { throwIfNoEntry: false })
  if (!status?.isDirectory()) throw new BadInput(`${folder}: there is no such folder`)
  return checkJails(folder)
}

/** All of them: a list that is cut short would hide what to mend. */
export function problemsText(problems: readonly Problem[], texts: ReadonlyMap<string, string>): string {
  return problems.map((problem) => `${formatDiagnostics([problem], texts)}\n`).join('')
}

/** What jails of a running gate are doing. */
function running(rows: readonly JailRow[]): string {
  if (rows.length === 0) return 'no jail runs\n'
  const lines = rows.map((row) => [
    row.name,
    row.linesPerSecond.toFixed(0),
    String(row.lines),
    String(row.failures),
    String(row.ignored),
    String(row.passedOver),
    String(row.bans),
    row.logs.join(', ') || 'nothing yet',
  ])
  return tableText(['jail', 'lines/s', 'lines', 'failures', 'ignored', 'passed over', 'bans', 'reads'], lines)
}

function listing({ jails, disabled }: LoadedJails): string {
  const lines = jails.map((jail) => {
    const { name, logs, bansAfter, bans, closes } = summaryOf(jail)
    return `${name}: ${bansAfter}, ${bans}, ${closes}; reads ${logs.join(', ')}${jail.dryRun ? ' (only logs)' : ''}`
  })
  return `${[...lines, `${jails.length} enabled, ${disabled.length} not`].join('\n')}\n`
}

function summaryOf(jail: Jail) {
  const { name, filter, logs, journal, maxRetry, findTime, banTime, closed } = jail
  return {
    name,
    filter: filter.name,
    logs: journal === undefined ? logs.map(({ pattern }) => pattern) : ['the journal'],
    bansAfter: `${maxRetry} failure${maxRetry === 1 ? '' : 's'} in ${spanText(findTime)}`,
    bans: banTime === Number.POSITIVE_INFINITY ? 'for good' : `for ${spanText(banTime)}`,
    closes: closedText(closed),
  }
}

/** What a ban closes, in words. */
export function closedText({ ports, protocols }: Closed): string {
  if (ports.length === 0) return 'all ports'
  const ranges = ports.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
  return `${protocols.join(' and ') || 'any protocol'} ${ranges.join(', ')}`
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** Milliseconds as people say them: 1d 12h, 90s as 1m 30s. */
export function spanText(milliseconds: number): string {
  let rest = Math.round(milliseconds / 1000) * 1000
  const parts: string[] = []
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count}${unit}`)
  }
  return parts.join(' ') || '0s'
}
