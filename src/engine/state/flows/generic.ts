import { Outcome, Protocol, Status, Word } from './layout.js'
import type { FlowTable } from './table.js'
import type { Timeouts } from './timeouts.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const GRE = Protocol.gre
const ACCEPTED = Outcome.accepted
const { seenReply: SEEN_REPLY, assured: ASSURED } = Status
const STATUS = Word.status

/** GRE and all protocols that have no tracker of their own (nf_conntrack_proto_gre.c, nf_conntrack_proto_generic.c). */
export class GenericTracker {
  readonly #table: FlowTable
  readonly #timeouts: Timeouts

  constructor(table: FlowTable, timeouts: Timeouts) {
    this.#table = table
    this.#timeouts = timeouts
  }

  track(protocol: number, at: number): number {
    const { generic, gre, greStream } = this.#timeouts
    if (protocol !== GRE) this.#table.refresh(at, generic)
    else if ((this.#table.records[at + STATUS]! & SEEN_REPLY) === 0) this.#table.refresh(at, gre)
    else {
      this.#table.refresh(at, greStream)
      this.#table.records[at + STATUS]! |= ASSURED
    }
    return ACCEPTED
  }
}
