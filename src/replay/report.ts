/** What a replay found, as data: see ReplayReport. */
import type { Decider } from './deciders.js'
import { OUTCOMES, type ReplayHost } from './host.js'
import type { Tally } from './tally.js'
import type { TopAddress } from './top.js'

const BILLION = 1_000_000_000n
/** The last second that a Date holds (ECMA-262 §21.4.1.1). */
const LAST_SECOND = 8_640_000_000_000n
/** Addresses that are listed. */
const LISTED = 10

export interface Amount {
  readonly packets: number
  /** Bytes from the IP headers on. */
  readonly bytes: number
}

/** What one decider has decided. */
export interface DeciderReport extends Decider, Amount {
  readonly verdict: 'accept' | 'drop' | 'reject'
  /** Pairs of addresses and ports that differ, either way round. */
  readonly flows: number
  /** When its first and its last packet came (ISO 8601, UTC, microseconds). */
  readonly first: string
  readonly last: string
}

export interface ReplayReport {
  readonly files: readonly string[]
  /** Packets of all kinds. */
  readonly packets: number
  readonly first?: string
  readonly last?: string
  /** The host's addresses; if they were guessed, by what. */
  readonly host: { readonly addresses: readonly string[]; readonly guessed?: string }
  /** See Outcome. */
  readonly outcomes: Readonly<Record<(typeof OUTCOMES)[number], Amount>>
  /** Who decided anything: rules in their order, policies of chains, nobody. */
  readonly deciders: readonly DeciderReport[]
  /** Rules with a place that decided nothing. */
  readonly idle: readonly Decider[]
  /** There were more flows than could be counted: where they are counted, there were at least so many. */
  readonly flowsBounded: boolean
  /** Where most packets that were dropped came from, and went to. */
  readonly sources: readonly TopAddress[]
  readonly destinations: readonly TopAddress[]
  /** Addresses that had to be forgotten for newer ones. */
  readonly forgotten: number
  readonly connections: {
    /** Those that were entered into the table, and that had to leave it for others. */
    readonly entered: number
    readonly evicted: number
    /** Packets of no connection, and those for which the table had no room. */
    readonly invalid: number
    readonly refused: number
  }
  /** What captures were cut, and how many of their packets are good. */
  readonly truncated: readonly string[]
}

/**
 * A time of the packets' clock as ISO 8601 has it, in UTC and microseconds; as seconds since 1970 where no calendar
 * reaches: captures may say anything.
 */
export function timeText(origin: bigint, nanoseconds: number): string {
  const time = origin + BigInt(Math.round(nanoseconds))
  const rest = ((time % BILLION) + BILLION) % BILLION
  const seconds = (time - rest) / BILLION
  const micros = String(rest / 1000n).padStart(6, '0')
  if (seconds > LAST_SECOND || seconds < -LAST_SECOND) return `${seconds}.${micros}`
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, -5)}.${micros}Z`
}

/** What each decider decided; whether it rejects is told by its number. */
export function deciderReports(
  deciders: readonly Decider[],
  tally: Tally,
  { evaluator }: ReplayHost,
  origin: bigint,
): DeciderReport[] {
  return deciders.flatMap((decider, number) =>
    [true, false].flatMap((accepted) => {
      const { packets, bytes, flows, first, last } = tally.of(number, accepted)
      if (packets === 0) return []
      const dropped = evaluator.isRejecting(number) ? ('reject' as const) : ('drop' as const)
      return {
        ...decider,
        verdict: accepted ? ('accept' as const) : dropped,
        packets,
        bytes,
        flows,
        first: timeText(origin, first),
        last: timeText(origin, last),
      }
    }),
  )
}

export function outcomesOf({ outcomes, bytes }: Tally): ReplayReport['outcomes'] {
  const amounts = OUTCOMES.map((name, i) => [name, { packets: outcomes[i]!, bytes: bytes[i]! }] as const)
  return Object.fromEntries(amounts) as ReplayReport['outcomes']
}

export function topsOf({ sources, destinations }: Tally) {
  return {
    sources: sources.top(LISTED),
    destinations: destinations.top(LISTED),
    forgotten: sources.forgotten + destinations.forgotten,
  }
}
