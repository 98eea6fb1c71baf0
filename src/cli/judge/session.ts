/** What `portcullis judge` does with a line: the packets of a host, one after the other. */
import type { Clock } from '../../engine/environment.js'
import { Addresses, LOOPBACK } from '../../engine/host/addresses.js'
import {
  type Count,
  createEvaluator,
  type EvaluatorName,
  type ExplainingEvaluator,
} from '../../engine/host/evaluators.js'
import { Fate, KernelHost, type Tracking } from '../../engine/host/host.js'
import { completeRaw, NOT_SENT } from '../../engine/host/raw.js'
import type { HostSettings } from '../../engine/host/settings.js'
import { trackedFamilies } from '../../engine/host/users.js'
import { Flows } from '../../engine/state/flows/flows.js'
import { Reassembly } from '../../engine/state/fragments/reassembly.js'
import { Rejection, rejectionText } from '../../engine/steps/reject.js'
import { Column, Hook, Packet } from '../../packet/packet.js'
import type { Ruleset } from '../../ruleset/model.js'

/** Bytes of the longest packet, and of the longest line: it, its command and a name. */
export const LONGEST_PACKET = 65535
export const LONGEST_LINE = 2 * LONGEST_PACKET + 4096

const SPACE = 32
const RECEIVE = 'I'.charCodeAt(0)
const SEND = 'O'.charCodeAt(0)
const DIGITS = Int8Array.from({ length: 256 }, (_, code) =>
  Number.parseInt(String.fromCharCode(code), 16),
).map((value, code) => (/[\da-f]/i.test(String.fromCharCode(code)) ? value : -1))

export interface SessionOptions {
  readonly settings: HostSettings
  readonly evaluator: EvaluatorName
  /** Answers say who decided. */
  readonly explain: boolean
  readonly seeds: readonly [number, number]
  readonly random: () => number
  readonly clock: Clock
  /** Connections that are tracked at most; default: as Flows has it. */
  readonly connections?: number
  /** Bytes of fragments that wait, for each IP version; default: as Reassembly has it. */
  readonly fragmentBytes?: number
}

/** A host that answers lines. Its connections are kept when its rules change. */
export class Session {
  /** Nanoseconds of the packets' clock. */
  time = 0
  readonly #options: SessionOptions
  readonly #addresses: Addresses
  readonly #tracking: Tracking & { readonly tracker: Flows }
  readonly #host: KernelHost
  #evaluator: ExplainingEvaluator
  readonly #interfaces: ReadonlyMap<string, number>
  readonly #packet = new Packet()
  readonly #bytes = Buffer.alloc(LONGEST_PACKET)
  #number = 0

  /** Start: when the rules are loaded, by the packets' clock. Throws RulesetError if they cannot be evaluated. */
  constructor(ruleset: Ruleset, options: SessionOptions, start = 0) {
    const { settings, seeds, connections, fragmentBytes } = options
    this.#options = options
    this.time = start
    this.#addresses = new Addresses(settings)
    this.#tracking = {
      tracker: new Flows({
        seeds,
        accounting: true,
        ...(connections !== undefined && { size: connections }),
      }),
      fragments: new Reassembly({
        seeds,
        ...(fragmentBytes !== undefined && { highThreshold: fragmentBytes }),
      }),
    }
    this.#interfaces = new Map(settings.interfaces.map((name, index) => [name, index + 1]))
    this.#evaluator = this.#evaluatorOf(ruleset)
    const tracked = trackedFamilies(ruleset)
    this.#host = new KernelHost(this.#evaluator, tracked, this.#addresses, settings, this.#tracking)
    this.#packet.attach(this.#bytes)
  }

  /** Judges by other rules from now on. Throws RulesetError, and changes nothing, if they cannot be evaluated. */
  swap(ruleset: Ruleset): void {
    this.#evaluator = this.#evaluatorOf(ruleset)
    this.#host.swap(this.#evaluator, trackedFamilies(ruleset))
  }

  /** What the counters of a rule have counted, in their order in the rule; rules count in the order of the ruleset. */
  counters(rule: number): readonly Count[] {
    return this.#evaluator.counters(rule)
  }

  #evaluatorOf(ruleset: Ruleset): ExplainingEvaluator {
    const { evaluator, settings, seeds, random, clock } = this.#options
    const environment = {
      seeds,
      random,
      clock,
      start: this.time,
      connections: this.#tracking.tracker,
      host: this.#addresses,
    }
    return createEvaluator(evaluator, ruleset, environment, settings.interfaces)
  }

  /** The answer to a line with a packet, `I INTERFACE HEX` or `O INTERFACE HEX`; undefined if it is none. */
  judge(line: Buffer, start: number, end: number): string | undefined {
    const command = line[start]
    if ((command !== RECEIVE && command !== SEND) || line[start + 1] !== SPACE) return undefined
    const number = this.#number++
    const space = line.indexOf(SPACE, start + 2)
    if (space < 0 || space >= end) return `${number} error no-packet\n`
    const index = this.#interfaceOf(line, start + 2, space, command === SEND)
    if (index < 0) return `${number} error no-such-interface\n`
    const length = this.#read(line, space + 1, end)
    if (length < 0) return `${number} error no-packet\n`
    return `${number} ${command === RECEIVE ? this.#receive(index, length) : this.#send(index, length)}\n`
  }

  #interfaceOf(line: Buffer, start: number, end: number, sends: boolean): number {
    const name = line.toString('latin1', start, end)
    if (sends && name === '-') return 0
    const index = this.#interfaces.get(name)
    return index === undefined || index === LOOPBACK ? -1 : index
  }

  /** Reads hex digits into the buffer; how many bytes, or -1 if they are no packet. */
  #read(line: Buffer, start: number, end: number): number {
    const length = (end - start) >> 1
    if (length === 0 || length * 2 !== end - start || length > LONGEST_PACKET) return -1
    const bytes = this.#bytes
    for (let i = 0, at = start; i < length; i++, at += 2) {
      const high = DIGITS[line[at]!]!
      const low = DIGITS[line[at + 1]!]!
      if ((high | low) < 0) return -1
      bytes[i] = (high << 4) | low
    }
    return length
  }

  #begin(length: number): Packet {
    const packet = this.#packet
    packet.parse(0, length)
    packet.mark = 0
    packet.pkttype = 0
    packet.priority = 0
    packet.time[0] = this.time
    this.#evaluator.begin()
    return packet
  }

  #receive(index: number, length: number): string {
    const packet = this.#begin(length)
    packet.iif = index
    packet.uid = packet.gid = -1
    return this.#answer(this.#host.receive(packet, length), true)
  }

  #send(index: number, length: number): string {
    const mtu = this.#options.settings.mtu ?? LONGEST_PACKET
    const through = completeRaw(this.#bytes, length, index, this.#addresses, mtu)
    if (through === NOT_SENT) return 'never-seen 0'
    const packet = this.#begin(length)
    packet.oif = through
    packet.uid = packet.gid = 0
    return this.#answer(this.#host.send(packet), false)
  }

  #answer(fate: number, arrived: boolean): string {
    const mark = fate === Fate.accept ? (this.#host.packet.fields[Column.mark]! >>> 0).toString(16) : '0'
    const answer = `${this.#verdict(fate, arrived)} ${mark}`
    return this.#options.explain ? `${answer} ${this.#evaluator.decider()}` : answer
  }

  /** The verdict in the judge's words: what an arriving packet's first hook keeps is lost before the next. */
  #verdict(fate: number, arrived: boolean): string {
    const { rejection, hook } = this.#host
    if (fate === Fate.accept) return 'accept'
    if (fate === Fate.neverSeen) return 'never-seen'
    if (rejection !== Rejection.none) return rejectionText(rejection, this.#packet.family)
    return arrived && hook === Hook.prerouting ? 'lost-before-hook' : 'drop'
  }
}
