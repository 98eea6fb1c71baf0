import type { Batch } from 'node-netfilter-queue'
import { type Engine, Verdict } from '../engine/judge.js'
import type { EventRing } from '../engine/state/events.js'
import { Column, Packet } from '../packet/packet.js'
import type { BanMemory } from './bans/memory.js'
import { MARK_MASK, stateOf } from './marks.js'

/** Totals in shared memory. */
export const Total = { accepted: 0, dropped: 1, malformed: 2, banned: 3 } as const

// Bound here as V8 folds a module's own constants into the code, but not imported or exported ones.
const { accepted: ACCEPTED, dropped: DROPPED, malformed: MALFORMED, banned: BANNED } = Total
const { accept: ACCEPT } = Verdict
const { saddr4: SADDR4, saddr6: SADDR6 } = Column
const OTHER_BITS = ~MARK_MASK

/**
 * Judges the packets of a queue, batch after batch. Hot path, but for interfaces that are met for the first
 * time. `nameOf`: the name of an interface index, '' if it is gone.
 */
export class Consumer {
  readonly #batch: Batch
  readonly #engine: Engine
  readonly #events: EventRing
  readonly #totals: Float64Array
  readonly #banned: BanMemory
  readonly #nameOf: (index: number) => string
  readonly #packet = new Packet()
  readonly #met = new Set<number>()

  constructor(
    batch: Batch,
    engine: Engine,
    events: EventRing,
    totals: Float64Array,
    banned: BanMemory,
    nameOf: (index: number) => string,
  ) {
    this.#batch = batch
    this.#engine = engine
    this.#events = events
    this.#totals = totals
    this.#banned = banned
    this.#nameOf = nameOf
    this.#packet.attach(batch.buffer)
    engine.learnInterface(0, '')
  }

  /** Judges the first `count` packets of the batch and fills in their verdicts and marks. */
  judge(count: number): void {
    const batch = this.#batch
    const packet = this.#packet
    const engine = this.#engine
    const totals = this.#totals
    packet.time[0] = batch.now[0]!
    for (let i = 0; i < count; i++) {
      const mark = batch.mark[i]!
      const wellFormed = packet.parse(batch.offset[i]!, batch.length[i]!)
      if (this.#isBanned(packet)) {
        totals[DROPPED]!++
        totals[BANNED]!++
        continue
      }
      packet.hook = batch.hook[i]!
      packet.iif = batch.inputInterface[i]!
      packet.oif = batch.outputInterface[i]!
      packet.mark = mark & OTHER_BITS
      packet.ctState = stateOf(mark)
      if (!engine.interfaces.has(packet.iif)) this.#meet(packet.iif)
      if (!engine.interfaces.has(packet.oif)) this.#meet(packet.oif)
      if (engine.judge(packet) === ACCEPT) {
        totals[ACCEPTED]!++
        batch.verdict[i] = ACCEPT
        batch.verdictMark[i] = packet.mark & OTHER_BITS
      } else {
        totals[DROPPED]!++
        if (!wellFormed) totals[MALFORMED]!++
        this.#events.write(packet, engine.decidedBy, engine.refusedBy)
      }
    }
  }

  /** Asks for the names of all interfaces met so far again, as they may have changed. */
  refreshInterfaces(): void {
    for (const index of this.#met) {
      const name = this.#nameOf(index)
      if (name !== '') this.#engine.learnInterface(index, name)
      else {
        this.#met.delete(index)
        this.#engine.interfaces.forget(index)
      }
    }
  }

  /** Whether the source is banned: the kernel's sets let this packet through before they knew. */
  #isBanned({ present, fields }: Packet): boolean {
    if ((present & (1 << SADDR4)) !== 0) return this.#banned.has4(fields[SADDR4]!)
    return (present & (1 << SADDR6)) !== 0 && this.#banned.has6(fields, SADDR6)
  }

  #meet(index: number): void {
    this.#met.add(index)
    this.#engine.learnInterface(index, this.#nameOf(index))
  }
}
