import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { forgeries } from '../bans/check.js'
import { FileCache } from '../bans/config/configuration.js'
import { localFiles } from '../bans/config/files.js'
import { FilterReader } from '../bans/config/filter.js'
import { Traced } from '../bans/config/traced.js'
import { OptionsError, parseNamed, parseSpan } from '../bans/config/values.js'
import { Counter } from '../bans/count/counter.js'
import { parseZone } from '../bans/dates/zones.js'
import { Filter } from '../bans/filter/filter.js'
import { encodingOf } from '../bans/follow/encoding.js'
import { LogStream } from '../bans/follow/stream.js'
import type { Problem } from '../bans/problem.js'
import { LogScanner } from '../bans/scan/scanner.js'
import { formatPrefix } from '../packet/address.js'
import { parseOptions } from './arguments.js'
import { BadInput, Misuse } from './errors.js'
import { JAILS_FOLDER, problemsText } from './jails.js'

export const usage = `portcullis jail-test FILTER LOG [--jails DIR] [--maxretry N] [--findtime SPAN] [--timezone ZONE] [--json]

Tells what a filter finds in a log, and whom a jail with it would have banned, and when.

  FILTER       a filter of the folder, sshd or sshd[mode=aggressive], or the path of a .conf
  --jails DIR  the folder of fail2ban; /etc/fail2ban otherwise
  --maxretry   failures that ban; 5 otherwise
  --findtime   in this time; 10m otherwise
  --timezone   of dates that say none, as UTC+0200 or CET; the machine's otherwise
  --json       prints it as JSON

Exit code 2 if anything is wrong with the filter.`

interface WouldBan {
  readonly address: string
  readonly at: string
  readonly failures: number
  readonly lines: readonly string[]
}

/** Bans that are listed, at most. */
const MOST_BANS = 10_000

export function jailTest(args: readonly string[]): void {
  const { filter: name, log, folder, maxRetry, findTime, zone, json } = parse(args)
  const filter = openFilter(name, folder, zone)
  const scanner = new LogScanner([{ filter, findTime }])
  const counter = new Counter({ maxRetry, findTime, counting: 'exact' })
  const hits = filter.rules.map(() => 0)
  const names = new Set<string>()
  const bans: WouldBan[] = []
  const now = Date.now()
  readLog(log, (lines) =>
    scanner.scan(lines, 'replay', now, (_, { source, name, rule, time, line }) => {
      hits[rule]!++
      if (source === undefined) {
        if (names.size < MOST_BANS) names.add(name!)
        return
      }
      const address = formatPrefix(source)
      const reached = counter.add(address, time, line)
      if (reached !== undefined && bans.length < MOST_BANS)
        bans.push({ address, at: new Date(time).toISOString(), ...reached })
    }),
  )
  const rules = filter.rules.map(({ source }, index) => ({ failregex: source.text, hits: hits[index]! }))
  const result = { lines: scanner.lines, passedOver: scanner.passedOver, rules, names: [...names], bans }
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : textOf(result))
}

function parse(args: readonly string[]) {
  const { values, positionals } = parseOptions(args, {
    jails: { type: 'string', default: JAILS_FOLDER },
    maxretry: { type: 'string', default: '5' },
    findtime: { type: 'string', default: '10m' },
    timezone: { type: 'string' },
    json: { type: 'boolean', default: false },
  })
  const [filter, log, more] = positionals
  if (filter === undefined || log === undefined || more !== undefined)
    throw new Misuse('jail-test needs a filter and a log: portcullis jail-test FILTER LOG')
  const findTime = parseSpan(values.findtime)
  if (findTime === undefined || findTime === Number.POSITIVE_INFINITY)
    throw new Misuse('--findtime is a time such as 600, 10m or 1d')
  if (!/^[1-9]\d{0,8}$/.test(values.maxretry)) throw new Misuse('--maxretry is a number, 1 or more')
  const zone = values.timezone === undefined ? undefined : parseZone(values.timezone)
  if (values.timezone !== undefined && zone === undefined)
    throw new Misuse('--timezone is a zone such as UTC+0200 or CET')
  return {
    filter,
    log,
    folder: values.jails,
    maxRetry: Number(values.maxretry),
    findTime,
    zone,
    json: values.json,
  }
}

/** Throws BadInput if anything is wrong with it; warnings are printed. */
function openFilter(text: string, folder: string, zone: number | undefined): Filter {
  const cache = new FileCache(localFiles)
  const problems: Problem[] = []
  const reader = openReader(text, folder, cache)
  const filter = Filter.compile(reader.read(problems), { names: true, zone }, problems)
  const all = [...cache.problems, ...problems]
  const told = problemsText([...all, ...(filter === undefined ? [] : forgeries(filter))], cache.texts)
  if (filter === undefined && all.length === 0) throw new BadInput(`${text} has no failregex`)
  if (filter === undefined || all.length > 0) throw new BadInput(told.trimEnd())
  process.stderr.write(told)
  return filter
}

function openReader(text: string, folder: string, cache: FileCache): FilterReader {
  const place = { file: 'FILTER', line: 1, column: 1 }
  try {
    const { name, options } = parseNamed(Traced.at(text, place))
    const isPath = name.text.endsWith('.conf') && existsSync(name.text)
    const base = isPath ? name.text.replace(/\.conf$/, '') : join(folder, 'filter.d', name.text)
    const reader = new FilterReader(base, options, cache)
    if (!reader.found) throw new BadInput(`there is no filter ${name.text}: it would be ${base}.conf`)
    if (!reader.saysLogType) reader.give('logtype', Traced.at('file', place))
    return reader
  } catch (error) {
    if (error instanceof OptionsError) throw new BadInput(`${text}: ${error.message}`)
    throw error
  }
}

function readLog(path: string, take: (lines: Buffer) => void): void {
  try {
    closeSync(openSync(path, 'r'))
  } catch (error) {
    throw new BadInput(`${path} cannot be read: ${(error as Error).message}`)
  }
  const stream = new LogStream(path, encodingOf('utf-8'))
  while (stream.read(take)) {
    // Chunk by chunk, so that a log of any size fits.
  }
  stream.close()
}

function textOf(result: {
  readonly lines: number
  readonly passedOver: { readonly long: number; readonly slow: number }
  readonly rules: readonly { readonly failregex: string; readonly hits: number }[]
  readonly names: readonly string[]
  readonly bans: readonly WouldBan[]
}): string {
  const { lines, passedOver, rules, names, bans } = result
  const failures = rules.reduce((sum, { hits }) => sum + hits, 0)
  const out = [`${lines} lines, ${failures} failures`]
  if (passedOver.long > 0) out.push(`${passedOver.long} lines were too long and passed over`)
  if (passedOver.slow > 0) out.push(`${passedOver.slow} took too long to look at and were passed over`)
  for (const { failregex, hits } of rules)
    if (hits > 0) out.push(`  ${String(hits).padStart(8)}  ${failregex}`)
  if (names.length > 0)
    out.push(`names, which count with usedns = yes only: ${names.slice(0, 10).join(', ')}`)
  out.push(bans.length === 0 ? 'nobody would have been banned' : `would have banned ${bans.length}:`)
  for (const { address, at, failures } of bans) out.push(`  ${at}  ${address}  after ${failures} failures`)
  return `${out.join('\n')}\n`
}
