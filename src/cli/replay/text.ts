/** A replay's report for people. */
import { grouped } from '../../capture/error.js'
import type { Decider } from '../../replay/deciders.js'
import type { DeciderReport, ReplayReport } from '../../replay/report.js'
import type { TopAddress } from '../../replay/top.js'

const WIDEST = 60
const IDLE = 10
const HEAD = ['verdict', 'packets', 'bytes', 'flows', 'first', 'last', 'rule'] as const
const NUMBERS = new Set([1, 2, 3])

/** What packets came to that no rule judged. */
const UNJUDGED = {
  held: 'fragments, judged with the last of their datagram',
  elsewhere: 'not for this host',
  malformed: 'malformed: no hook sees them',
  foreign: 'no IP packets',
  again: 'forwarded, as they leave: judged when they came',
} as const

export function reportText(report: ReplayReport, policy: string): string {
  const { packets, first, last, files, host, outcomes, deciders, idle, flowsBounded } = report
  const { connections, sources, destinations, forgotten } = report
  const span = first === undefined ? '' : `, ${clock(first)} to ${clock(last!)}`
  const guessed = host.guessed === undefined ? '' : ` (guessed: ${host.guessed}; --local says it)`
  const addresses = host.addresses.length === 0 ? 'unknown' : host.addresses.join(', ')
  const { accept, drop, reject } = outcomes
  const lines = [
    `${amount(packets, 'packet')} of ${files.length === 1 ? files[0] : amount(files.length, 'capture')}${span}`,
    `host ${addresses}${guessed}; policy ${policy}`,
    `accepted ${grouped(accept.packets)}, dropped ${grouped(drop.packets)}, rejected ${grouped(reject.packets)}; ` +
      `${amount(connections.entered, 'connection')}`,
    ...Object.entries(UNJUDGED).flatMap(([name, words]) => {
      const { packets: some } = outcomes[name as keyof typeof UNJUDGED]
      return some === 0 ? [] : [`not judged ${grouped(some)}: ${words}`]
    }),
    ...(connections.evicted + connections.refused === 0
      ? []
      : [`the table of connections was full: ${grouped(connections.refused)} packets were dropped for it`]),
    '',
    ...table(deciders),
    ...(flowsBounded ? ['there were more flows than could be counted: at least as many as said'] : []),
    ...(idle.length === 0 ? [] : ['', `decided nothing: ${idleText(idle)}`]),
    ...top('dropped, by source', sources),
    ...top('dropped, by destination', destinations),
    ...(forgotten === 0
      ? []
      : [`${grouped(forgotten)} addresses that were silent for longest are not among them`]),
  ]
  return lines.join('\n')
}

function table(deciders: readonly DeciderReport[]): string[] {
  const rows = deciders.map(({ verdict, packets, bytes, flows, first, last, ...who }) => [
    verdict,
    grouped(packets),
    grouped(bytes),
    grouped(flows),
    clock(first),
    clock(last),
    ruleText(who),
  ])
  return columns([[...HEAD], ...rows], NUMBERS)
}

/** In a line: a rule's place, and its name or what it says. */
function ruleText({ kind, place, name, chain, text }: Decider): string {
  if (kind !== 'rule') return text
  const what = name ?? text
  const shown = what.length > WIDEST ? `${what.slice(0, WIDEST - 1)}…` : what
  return `${place ?? `chain ${chain}:`} ${shown}`
}

/** The rules of both IP versions that one line became are one here. */
function idleText(idle: readonly Decider[]): string {
  const named = idle.map(({ place, name }) => (name === undefined ? place : `${place} ${name}`))
  const places = [...new Set(named)]
  const more = places.length - IDLE
  return `${places.slice(0, IDLE).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

function top(title: string, addresses: readonly TopAddress[]): string[] {
  if (addresses.length === 0) return []
  const rows = addresses.map(({ address, packets, bytes }) => [address, grouped(packets), grouped(bytes)])
  return ['', ...columns([[title, 'packets', 'bytes'], ...rows], new Set([1, 2]))]
}

/** Rows of cells below each other, those of some columns to the right. */
function columns(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) =>
    row
      .map((cell, i) => (right.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  )
}

/** A time to the millisecond, without the letters. */
function clock(time: string): string {
  return time.replace('T', ' ').slice(0, 23)
}

function amount(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}
