import type { BanRequest } from '../bans/table/table.js'
import type { Program } from '../engine/program.js'
import type { DropEvent } from '../engine/state/events.js'
import type { LimitBan } from '../language/policy/bans.js'
import { formatPrefix, type Prefix, prefixOf } from '../packet/address.js'

/** Bans sources that go over a limit which says so: `limit: 20 per minute per source then ban 10m`. */
export class LimitBans {
  readonly #program: Program
  readonly #limits: ReadonlyMap<string, LimitBan>
  readonly #ban: (requests: readonly BanRequest[]) => void

  constructor(limits: readonly LimitBan[], program: Program, ban: (requests: readonly BanRequest[]) => void) {
    this.#program = program
    this.#limits = new Map(limits.map((limit) => [limit.window, limit]))
    this.#ban = ban
  }

  /** Passes refused packets on; has the sources of those that a limit refused banned, each once. */
  *notice(events: Iterable<DropEvent>): Generator<DropEvent> {
    const requests = new Map<string, BanRequest>()
    for (const event of events) {
      const limit = this.#limits.get(this.#program.windows[event.refusedBy]?.name ?? '')
      if (limit !== undefined && event.family !== 0) {
        const request = requestOf(limit, event)
        requests.set(`${formatPrefix(request.source)} ${request.jail}`, request)
      }
      yield event
    }
    if (requests.size > 0) this.#ban([...requests.values()])
  }
}

function requestOf({ window, span, ipv4, ipv6 }: LimitBan, { source }: DropEvent): BanRequest {
  return {
    source: prefix(source, source.length === 1 ? ipv4 : ipv6),
    jail: `limit ${window}`,
    since: Date.now(),
    span,
    lines: [`over the limit of ${window}`],
    closed: { ports: [], protocols: [] },
  }
}

function prefix(words: Int32Array, length: number): Prefix {
  const value = words.reduce((value, word) => (value << 32n) | BigInt(word >>> 0), 0n)
  return prefixOf({ bits: words.length === 1 ? 32 : 128, value }, length)
}
