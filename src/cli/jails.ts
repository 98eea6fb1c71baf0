import { type Stats, statSync } from 'node:fs'
import { checkJails } from '../bans/check.js'
import type { Closed } from '../bans/config/actions.js'
import type { Jail } from '../bans/config/jail.js'
import type { LoadedJails } from '../bans/config/jails.js'
import type { Problem } from '../bans/problem.js'
import { formatDiagnostics } from '../language/diagnostic.js'
import { parseOptions } from './arguments.js'
import { BadInput, Misuse } from './errors.js'

export const usage = `portcullis jails [--jails DIR] [--json]

Lists the jails of a folder of fail2ban that are enabled: what they read, and when they ban.

  --jails DIR  the folder; /etc/fail2ban otherwise
  --json       prints them as JSON

What is wrong with them is told, and keeps none of the others from running: portcullis check --jails DIR.`

export const JAILS_FOLDER = '/etc/fail2ban'

export function jails(args: readonly string[]): void {
  const { values, positionals } = parseOptions(args, {
    jails: { type: 'string', default: JAILS_FOLDER },
    json: { type: 'boolean', default: false },
  })
  if (positionals.length > 0) throw new Misuse(`jails takes no ${positionals[0]}: its folder is --jails DIR`)
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

function closedText({ ports, protocols }: Closed): string {
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
