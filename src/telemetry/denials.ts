import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import { Decider, policyNumber } from '../engine/judge.js'
import type { Program } from '../engine/program.js'
import type { DropEvent } from '../engine/state/events.js'
import { formatAddress } from '../packet/address.js'
import { Hook } from '../packet/packet.js'

/** Lines a second on average, and at once after a silence. */
const LINES_PER_SECOND = 10
const BURST = 100
/** For this many milliseconds a source that is refused for the same reason again is not logged again. */
const REPEAT = 10_000
const REMEMBERED = 10_000

/** What is logged of a refused packet. */
export interface Denial {
  /** The rule that refused it, the limit that did, or the chain by its policy. */
  readonly rule: string
  readonly reason: string
  readonly hook: string
  readonly protocol: string
  readonly source?: string
  readonly sourcePort?: number
  readonly destination?: string
  readonly destinationPort?: number
  readonly length: number
}

const HOOKS = new Map<number, string>(Object.entries(Hook).map(([name, number]) => [number, name]))
const PROTOCOLS = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [58, 'icmpv6'],
])

/** A refused packet in words. */
export function describeDenial(event: DropEvent, program: Program): Denial {
  const { family, l4proto, sourcePort, destinationPort, length } = event
  const denial = {
    ...whoRefused(event, program),
    hook: HOOKS.get(event.hook) ?? String(event.hook),
    protocol: PROTOCOLS.get(l4proto) ?? (l4proto < 0 ? 'unknown' : String(l4proto)),
    length,
  }
  if (family === 0) return denial
  const addresses = { source: addressText(event.source), destination: addressText(event.destination) }
  // Only these two have ports where others have something else.
  if (sourcePort < 0 || (l4proto !== 6 && l4proto !== 17)) return { ...denial, ...addresses }
  return { ...denial, ...addresses, sourcePort, destinationPort }
}

function whoRefused({ decidedBy, refusedBy }: DropEvent, program: Program): { rule: string; reason: string } {
  if (decidedBy === Decider.malformed) return { rule: 'malformed', reason: 'no well-formed IP packet' }
  const rule = program.rules[decidedBy]
  if (rule !== undefined) return { rule: rule.comment ?? rule.chain, reason: 'the rule denies it' }
  const window = program.windows[refusedBy]
  if (window !== undefined) {
    const { name, rate, per } = window
    return { rule: name, reason: `over the limit of ${rate} in ${per / 1000} s` }
  }
  const base = program.bases[policyNumber(decidedBy)]
  return { rule: base === undefined ? 'none' : `${base.table} ${base.chain}`, reason: 'no rule allows it' }
}

function sentence({
  rule,
  reason,
  protocol,
  source,
  sourcePort,
  destination,
  destinationPort,
}: Denial): string {
  const end = (address?: string, port?: number) => {
    const host = address?.includes(':') && port !== undefined ? `[${address}]` : address
    return port === undefined ? host : `${host}:${port}`
  }
  const way =
    source === undefined
      ? 'a packet'
      : `${protocol} ${end(source, sourcePort)} > ${end(destination, destinationPort)}`
  return `refused ${way}: ${rule}, ${reason}`
}

function addressText(words: Int32Array): string {
  const value = words.reduce((value, word) => (value << 32n) | BigInt(word >>> 0), 0n)
  return formatAddress({ bits: words.length === 1 ? 32 : 128, value })
}

/**
 * Logs refused packets, but not so many that a flood could fill a disk: the first of each source and reason
 * in ten seconds, and ten lines a second over all. What was not logged is counted and told.
 */
export class DenialLog {
  readonly #log: Logger
  readonly #program: Program
  readonly #clock: () => number
  readonly #recent: LRUCache<string, true>
  #tokens = BURST
  #filled: number
  #suppressed = 0

  /** Clock: milliseconds, monotonic. */
  constructor(log: Logger, program: Program, clock: () => number = () => performance.now()) {
    this.#log = log
    this.#program = program
    this.#clock = clock
    this.#filled = clock()
    this.#recent = new LRUCache({ max: REMEMBERED, ttl: REPEAT, perf: { now: clock }, ttlResolution: 0 })
  }

  write(events: Iterable<DropEvent>): void {
    const now = this.#clock()
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#filled) / 1000) * LINES_PER_SECOND)
    this.#filled = now
    for (const event of events) this.#one(event)
  }

  /** Tells how many refused packets were not logged since the last call. */
  tellSuppressed(): void {
    const count = this.#suppressed
    this.#suppressed = 0
    if (count > 0) this.#log.warn({ event: 'suppressed', count }, `${count} more packets were refused`)
  }

  #one(event: DropEvent): void {
    const denial = describeDenial(event, this.#program)
    const key = `${denial.rule} ${denial.source} ${denial.destination} ${denial.destinationPort}`
    const repeated = this.#recent.has(key)
    if (repeated || this.#tokens < 1) {
      this.#suppressed++
      return
    }
    this.#recent.set(key, true)
    this.#tokens--
    this.#log.warn({ event: 'denied', ...denial }, sentence(denial))
  }
}
