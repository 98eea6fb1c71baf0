import { randomInt } from 'node:crypto'
import { type CaptureMerge, openCaptures } from '../capture/merge.js'
import type { CaptureReader } from '../capture/reader.js'
import { STDIN } from '../capture/source.js'
import { rejectionText } from '../engine/steps/reject.js'
import { CtState, Hook, type Packet } from '../packet/packet.js'
import { checkRuleset, RulesetError } from '../ruleset/check.js'
import type { Ruleset } from '../ruleset/model.js'
import { type Decider, decidersOf } from './deciders.js'
import { ReplayError } from './error.js'
import { type Guess, guessHost } from './guess.js'
import { type Assumptions, OUTCOMES, Outcome, ReplayHost } from './host.js'
import { parseLocal } from './local.js'
import { deciderReports, outcomesOf, type ReplayReport, timeText, topsOf } from './report.js'
import { Tally } from './tally.js'

export type OutcomeName = (typeof OUTCOMES)[number]

export interface ReplayOptions {
  /**
   * The host's addresses, such as 10.0.0.50, 10.0.0.50/16 or fd00::1/64@eth1: with the length of its network and the
   * interface. Missing: guessed, see ReplayReport.host.
   */
  readonly local?: readonly string[]
  /** The interface of captures that name none, and of addresses without one. Default: the capture's, or eth0. */
  readonly interface?: string
  /** The host forwards what is not for it: the rest is not judged otherwise. */
  readonly forward?: boolean
  /**
   * Packets with wrong checksums are invalid. Default: false, as captures hold packets of the host's own before its
   * network card has filled them in.
   */
  readonly checksums?: boolean
  readonly assume?: Assumptions
  /** Where times of day in rules are of, a name of the IANA time zone database. Default: the system's. */
  readonly timeZone?: string
  /** Connections that are tracked at most, at most 2^24. Default: 262,144. */
  readonly connections?: number
  /** Told of each packet, judged; what it says holds until the next one. */
  readonly onPacket?: (judged: JudgedPacket) => void
  /** Told now and then how far we got. */
  readonly onProgress?: (progress: ReplayProgress) => void
}

export interface ReplayProgress {
  readonly packets: number
  /** Bytes of the captures that were read, and that they have, if that is known. */
  readonly position: number
  readonly size: number | undefined
}

/**
 * Judges the packets of captures as a host with this policy would have, by their own time. Files, folders and `-`; packets
 * of several are merged by time. Memory does not grow with the captures. Rejects with CaptureError, with RulesetError
 * (what cannot be decided from a capture is named), and with ReplayError.
 */
export async function replay(
  files: readonly string[],
  policy: Ruleset | { readonly ruleset: Ruleset },
  options: ReplayOptions = {},
): Promise<ReplayReport> {
  const ruleset = 'ruleset' in policy ? policy.ruleset : policy
  const problems = checkRuleset(ruleset)
  if (problems.length > 0) throw new RulesetError(problems)
  const guess = options.local === undefined ? await guessed(files, options) : undefined
  const captures = await openCaptures(files)
  try {
    return await new Replay(captures, ruleset, guess, options).run()
  } finally {
    captures.close()
  }
}

async function guessed(files: readonly string[], { forward }: ReplayOptions): Promise<Guess> {
  const remedy = 'say which addresses are the host’s own (--local ADDRESS/LENGTH,…)'
  if (forward) throw new ReplayError(`whose packets are forwarded cannot be guessed: ${remedy}`)
  if (files.includes(STDIN))
    throw new ReplayError(`standard input cannot be read twice, for a guess: ${remedy}`)
  return (await guessHost(files)) ?? { addresses: [], reason: 'no packet tells' }
}

class Replay {
  readonly #captures: CaptureMerge
  readonly #ruleset: Ruleset
  readonly #guess: Guess | undefined
  readonly #options: ReplayOptions
  readonly #addresses: readonly string[]
  readonly #host: ReplayHost
  readonly #tally: Tally
  readonly #last = new Float64Array(1)

  constructor(captures: CaptureMerge, ruleset: Ruleset, guess: Guess | undefined, options: ReplayOptions) {
    this.#captures = captures
    this.#ruleset = ruleset
    this.#guess = guess
    this.#options = options
    const local = parseLocal(guess?.addresses ?? options.local ?? [], options.interface)
    this.#addresses = local.addresses.map(({ address }) => address)
    const seeds = [randomInt(2 ** 32), randomInt(2 ** 32)] as const
    this.#host = new ReplayHost(ruleset, {
      ...local,
      forward: options.forward ?? false,
      checksums: options.checksums ?? false,
      assume: options.assume ?? {},
      ...(options.connections === undefined ? {} : { connections: options.connections }),
      origin: captures.origin,
      timeZone: options.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
      seeds,
      random: () => randomInt(2 ** 32),
    })
    this.#tally = new Tally(this.#host.evaluator.deciders, this.#host.flows.size, seeds)
  }

  async run(): Promise<ReplayReport> {
    const captures = this.#captures
    const { onPacket, onProgress } = this.#options
    const judged = onPacket && new JudgedPacket(captures, this.#host, decidersOf(this.#ruleset))
    while (await captures.fill()) {
      if (judged === undefined) this.#judgeAll()
      else this.#judgeEach(judged, onPacket!)
      onProgress?.({ packets: captures.number, ...captures.progress })
    }
    return this.#report()
  }

  /** Judges all packets that are here. */
  #judgeAll(): void {
    const captures = this.#captures
    while (captures.next()) this.#judge(captures.capture)
  }

  #judgeEach(judged: JudgedPacket, onPacket: (judged: JudgedPacket) => void): void {
    const captures = this.#captures
    while (captures.next()) {
      judged.outcomeNumber = this.#judge(captures.capture)
      onPacket(judged)
    }
  }

  #judge(capture: CaptureReader): number {
    const host = this.#host
    const outcome = host.judge(capture)
    const { decider, flow, direction, state } = host.evaluator
    this.#tally.add(host.packet, outcome, decider, flow, direction, state)
    this.#last[0] = capture.packet.time[0]!
    return outcome
  }

  #report(): ReplayReport {
    const { files, number, origin, truncated } = this.#captures
    const deciders = decidersOf(this.#ruleset)
    const reports = deciderReports(deciders, this.#tally, this.#host, origin)
    const active = new Set(reports.map(({ place }) => place))
    const { inserted, evicted, invalid, dropped } = this.#host.flows
    return {
      files,
      packets: number,
      ...(number === 0 ? {} : { first: timeText(origin, 0), last: timeText(origin, this.#last[0]!) }),
      host: {
        addresses: this.#addresses,
        ...(this.#guess === undefined ? {} : { guessed: this.#guess.reason }),
      },
      outcomes: outcomesOf(this.#tally),
      deciders: reports,
      idle: deciders.filter(
        ({ kind, place }) => kind === 'rule' && place !== undefined && !active.has(place),
      ),
      flowsBounded: this.#tally.flows.isFull,
      ...topsOf(this.#tally),
      connections: { entered: inserted, evicted, invalid, refused: dropped },
      truncated: truncated.map(({ message }) => message),
    }
  }
}

const HOOKS = Object.keys(Hook) as readonly (keyof typeof Hook)[]
const STATES = new Map<number, string>(Object.entries(CtState).map(([name, bit]) => [bit, name]))
const REJECTED: number = Outcome.reject

/** A packet of a capture with its verdict: one object for all. */
export class JudgedPacket {
  /** See Outcome. */
  outcomeNumber = 0
  readonly #captures: CaptureMerge
  readonly #host: ReplayHost
  readonly #deciders: readonly Decider[]

  constructor(captures: CaptureMerge, host: ReplayHost, deciders: readonly Decider[]) {
    this.#captures = captures
    this.#host = host
    this.#deciders = deciders
  }

  /** Where it was captured: its file, number, frame, comment. */
  get capture(): CaptureReader {
    return this.#captures.capture
  }

  /** Its number over all captures, from 1 on. */
  get number(): number {
    return this.#captures.number
  }

  /** As it was judged: the datagram, if it was the last fragment of one. */
  get packet(): Packet {
    return this.#host.packet
  }

  get outcome(): OutcomeName {
    return OUTCOMES[this.outcomeNumber]!
  }

  /** When it was captured (ISO 8601, UTC, microseconds). */
  get time(): string {
    return timeText(this.#captures.origin, this.capture.packet.time[0]!)
  }

  /** Who decided; undefined if it was not judged. */
  get decider(): Decider | undefined {
    return this.outcomeNumber > REJECTED ? undefined : this.#deciders[this.#host.evaluator.decider]
  }

  /** The hook at which it was decided; if nobody did, the last that it came to. */
  get hook(): keyof typeof Hook {
    return HOOKS[this.#host.evaluator.hook]!
  }

  /** The state of its connection, if it has one. */
  get state(): string {
    return STATES.get(this.#host.evaluator.state) ?? 'untracked'
  }

  /** What a rule that rejected it has the host send back, as `portcullis judge` names it; undefined if nothing. */
  get rejection(): string | undefined {
    const { rejection } = this.#host
    return rejection < 0 ? undefined : rejectionText(rejection, this.packet.family)
  }
}
