import type { Packet } from '../../../packet/packet.js'
import { HZ, nonzero, Outcome, Status, Word } from './layout.js'
import type { FlowTable } from './table.js'
import { before as comesBefore, SideFlag, TcpSegment } from './tcp-segment.js'
import { Kind, TO_IGNORED, TO_INVALID, TRANSITIONS } from './tcp-states.js'
import { Check, checkWindow, initialize, Side, sideOf, Tcp } from './tcp-window.js'
import { TcpState, type Timeouts } from './timeouts.js'
import type { Tuple } from './tuple.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const { status: STATUS } = Word
const STATE = Tcp.state
const { seenReply: SEEN_REPLY, assured: ASSURED, confirmed: CONFIRMED } = Status
const { invalid: INVALID, ignored: IGNORED, accepted: ACCEPTED, again: AGAIN } = Outcome
const { invalid: OUT_OF_WINDOW, ignored: PASSED_BY, updated: UPDATED } = Check
const {
  syn: SYN_KIND,
  synAck: SYN_ACK_KIND,
  fin: FIN_KIND,
  ack: ACK_KIND,
  rst: RST_KIND,
  none: NO_KIND,
} = Kind
const INVALID_NEXT = TO_INVALID
const IGNORED_NEXT = TO_IGNORED
const { synSent: SYN_SENT, synReceived: SYN_RECEIVED, established: ESTABLISHED } = TcpState
const {
  finWait: FIN_WAIT,
  lastAck: LAST_ACK,
  timeWait: TIME_WAIT,
  close: CLOSE,
  synSent2: SYN_SENT2,
} = TcpState
const { end: END, limit: LIMIT, window: WINDOW, acked: ACKED, options: OPTIONS } = Side
const { windowScale: SCALED, sackPermitted: SACK_PERMITTED, closeBegun: CLOSE_BEGUN } = SideFlag
const { liberal: LIBERAL, unacknowledged: UNACKNOWLEDGED, ackedSet: ACKED_SET } = SideFlag
const { lastSequence: LAST_SEQUENCE, lastAck: LAST_ACKED, lastEnd: LAST_END, lastWindow: LAST_WINDOW } = Tcp

const RST = 4

/** Of the byte at the top of the word at LAST_WINDOW, beside SideFlag's first two: an ACK may challenge a SYN … */
const CHALLENGE = 0x40 << 24
/** … and both sides have sent a SYN first. */
const SIMULTANEOUS = 0x80 << 24

/** An ACK sent so often again is a sign of trouble (nf_conntrack_tcp_max_retrans). */
const MOST_AGAIN = 3
/** A flow that has this left is not near its end. */
const LONG = 120 * HZ

/** TCP (nf_conntrack_tcp_packet in net/netfilter/nf_conntrack_proto_tcp.c, 6.18). */
export class TcpTracker {
  readonly #table: FlowTable
  readonly #records: Int32Array
  readonly #timeouts: Timeouts
  readonly #loose: boolean
  readonly #liberal: boolean
  readonly #segment = new TcpSegment()

  /** loose: flows may be picked up in their middle. liberal: no window check. */
  constructor(table: FlowTable, timeouts: Timeouts, loose: boolean, liberal: boolean) {
    this.#table = table
    this.#records = table.records
    this.#timeouts = timeouts
    this.#loose = loose
    this.#liberal = liberal
  }

  /** Ends the connection of an entry, from outside. */
  close(at: number): void {
    const noted = this.#records[at + STATE]!
    if ((noted & 0xff) === CLOSE) return
    this.#records[at + STATE] = (noted & ~0xff) | CLOSE
    this.#table.refresh(at, this.#timeouts.tcp[CLOSE]!)
  }

  /** verify: the checksum is to be looked at. */
  track(
    packet: Packet,
    { transport }: Tuple,
    index: number,
    at: number,
    direction: number,
    verify: boolean,
  ): number {
    if (!this.#segment.read(packet, transport, verify)) return INVALID
    const records = this.#records
    const segment = this.#segment
    const { kind } = segment
    if ((records[at + STATUS]! & CONFIRMED) === 0 && !this.#begin(at)) return INVALID

    const noted = records[at + STATE]!
    const before = noted & 0xff
    const after = TRANSITIONS[direction * 80 + kind * 16 + before]!
    const lastKind = (noted >> 8) & 0xff
    const fromOther = ((noted >> 16) & 0xff) !== direction
    switch (after) {
      case INVALID_NEXT:
        return INVALID
      case SYN_SENT:
        if (before < TIME_WAIT) break
        if (this.#reopens(at, lastKind, fromOther)) {
          this.#table.remove(index)
          return AGAIN
        }
        return this.#note(at, direction, before)
      case IGNORED_NEXT:
        if (kind !== SYN_ACK_KIND || lastKind !== SYN_KIND || !fromOther)
          return this.#note(at, direction, before)
        if (segment.ack !== records[at + LAST_END]) return this.#note(at, direction, before)
        this.#resynchronize(at, direction)
        return this.#check(index, at, direction, SYN_SENT, SYN_RECEIVED)
      case TIME_WAIT: {
        const challenged = before === LAST_ACK && kind === ACK_KIND && lastKind === SYN_KIND && fromOther
        if (!challenged || (records[at + LAST_WINDOW]! & CHALLENGE) === 0) break
        records[at + LAST_WINDOW]! &= ~CHALLENGE
        return IGNORED
      }
      case SYN_SENT2:
        records[at + LAST_WINDOW]! |= SIMULTANEOUS
        break
      case SYN_RECEIVED:
        if (direction === 0 || kind !== ACK_KIND || (records[at + LAST_WINDOW]! & SIMULTANEOUS) === 0) break
        return this.#check(index, at, direction, before, ESTABLISHED)
      case CLOSE:
        if (kind === RST_KIND) return this.#reset(index, at, direction, before, lastKind, fromOther)
    }
    return this.#check(index, at, direction, before, after)
  }

  /** The first segment of a flow; false if no flow begins so. */
  #begin(at: number): boolean {
    const records = this.#records
    const segment = this.#segment
    const first = TRANSITIONS[segment.kind * 16]!
    if (first === INVALID_NEXT || (first !== SYN_SENT && !this.#loose)) return false
    for (let word = at + STATE; word <= at + LAST_WINDOW; word++) records[word] = 0
    records[at + STATE] = NO_KIND << 8
    if (first === SYN_SENT) initialize(records, at, 0, segment)
    else {
      const side = sideOf(at, 0)
      const window = segment.window === 0 ? 1 : segment.window
      records[side + END] = segment.end
      records[side + WINDOW] = window
      records[side + LIMIT] = (segment.end + window) | 0
      // Nobody knows of the window's scale: so windows are not checked.
      records[side + OPTIONS] = records[sideOf(at, 1) + OPTIONS] = SACK_PERMITTED | LIBERAL
    }
    return true
  }

  /** Whether a SYN in a connection that has ended begins another. */
  #reopens(at: number, lastKind: number, fromOther: boolean): boolean {
    const options = this.#records[sideOf(at, 0) + OPTIONS]! | this.#records[sideOf(at, 1) + OPTIONS]!
    return (options & CLOSE_BEGUN) !== 0 || (lastKind === RST_KIND && !fromOther)
  }

  /** A segment that may mean that we are out of step with the hosts: it passes, and is remembered. */
  #note(at: number, direction: number, before: number): number {
    const records = this.#records
    const segment = this.#segment
    const { kind } = segment
    this.#noteKind(at, direction)
    records[at + LAST_SEQUENCE] = segment.sequence
    records[at + LAST_END] = segment.end
    let rest = records[at + LAST_WINDOW]! & ~0xffff
    if (kind === SYN_KIND && direction === 0) {
      const options = Math.max(segment.readOptions(), 0)
      rest = ((options & (SCALED | SACK_PERMITTED)) << 24) | ((options >> 8) << 16)
      if (before === LAST_ACK) rest |= CHALLENGE
    }
    records[at + LAST_WINDOW] = rest | segment.window
    if (before === SYN_SENT && kind === ACK_KIND && direction === 1) records[at + LAST_ACKED] = segment.ack
    return IGNORED
  }

  #noteKind(at: number, direction: number): void {
    const noted = this.#records[at + STATE]! & 0xff0000ff
    this.#records[at + STATE] = noted | (this.#segment.kind << 8) | (direction << 16)
  }

  /** A SYN-ACK to a SYN that had passed: the hosts begin anew, and so do we. */
  #resynchronize(at: number, direction: number): void {
    const records = this.#records
    const noted = records[at + LAST_WINDOW]!
    const syn = sideOf(at, 1 - direction)
    const own = sideOf(at, direction)
    records[syn + END] = records[syn + LIMIT] = records[at + LAST_END]!
    records[syn + WINDOW] = noted & 0xffff || 1
    records[syn + OPTIONS] = ((noted >>> 24) & (SCALED | SACK_PERMITTED)) | (((noted >> 16) & 0xff) << 8)
    records[at + LAST_WINDOW] = noted & ~CHALLENGE
    for (let word = own; word < own + OPTIONS; word++) records[word] = 0
    records[own + OPTIONS]! &= LIBERAL
  }

  /** A RST: whether anybody may have sent it, who has not followed the connection. */
  #reset(
    index: number,
    at: number,
    direction: number,
    before: number,
    lastKind: number,
    fromOther: boolean,
  ): number {
    const records = this.#records
    const { sequence, ack } = this.#segment
    if (isEnding(before)) return this.#move(index, at, direction, before, CLOSE)
    const status = records[at + STATUS]!
    const assured = (status & ASSURED) !== 0
    const settled = before === ESTABLISHED && assured
    const peer = sideOf(at, 1 - direction)
    let after: number = CLOSE
    if ((records[peer + OPTIONS]! & ACKED_SET) !== 0 && lastKind !== SYN_KIND) {
      if (sequence === 0 && !settled) return this.#check(index, at, direction, before, CLOSE)
      const acked = records[peer + ACKED]!
      if (comesBefore(sequence, acked)) return INVALID
      const inTrain = lastKind === ACK_KIND && !fromOther && sequence === records[at + LAST_END]
      if (!settled || sequence === acked || inTrain) return this.#check(index, at, direction, before, CLOSE)
      // Not where the peer expects it: it will ask with an ACK (RFC 5961 §3), and until then all goes on.
      after = before
    }
    const answersSyn = (status & SEEN_REPLY) !== 0 && lastKind === SYN_KIND && fromOther
    const answersAck = !assured && lastKind === ACK_KIND
    if ((answersSyn || answersAck) && ack === records[at + LAST_END])
      return this.#move(index, at, direction, before, after)
    const replied =
      before === SYN_SENT && lastKind === ACK_KIND && ((records[at + STATE]! >> 16) & 0xff) === 1
    if (replied && sequence === records[at + LAST_ACKED])
      return this.#move(index, at, direction, before, after)
    return this.#check(index, at, direction, before, after)
  }

  /** The window check, and what follows. */
  #check(index: number, at: number, direction: number, before: number, after: number): number {
    const segment = this.#segment
    const check = checkWindow(this.#records, at, direction, before, segment, this.#liberal)
    if (check === PASSED_BY) return IGNORED
    if (check === OUT_OF_WINDOW) {
      if (segment.kind === RST_KIND || segment.kind === FIN_KIND) this.#noteInvalidEnd(at, direction)
      return INVALID
    }
    if (check === UPDATED && segment.kind === ACK_KIND) this.#countAgain(at, direction)
    return this.#move(index, at, direction, before, after)
  }

  /** A RST or FIN outside the windows: when both sides send one, we are out of step, and the flow will not live long. */
  #noteInvalidEnd(at: number, direction: number): void {
    const records = this.#records
    if ((records[at + STATUS]! & ASSURED) === 0) return
    const noted = records[at + STATE]!
    const lastKind = (noted >> 8) & 0xff
    const ended = lastKind === FIN_KIND || lastKind === RST_KIND
    if (!ended || ((noted >> 16) & 0xff) === direction) {
      this.#noteKind(at, direction)
      return
    }
    const left = this.#table.left(at)
    const { tcpUnacknowledged } = this.#timeouts
    if (left >= LONG && left > tcpUnacknowledged) this.#table.refresh(at, tcpUnacknowledged)
  }

  /** Counts how often an ACK came again, the same in every field; without a branch, as nobody can guess that. */
  #countAgain(at: number, direction: number): void {
    const records = this.#records
    const { sequence, ack, end, window } = this.#segment
    const noted = records[at + STATE]!
    const lastWindow = records[at + LAST_WINDOW]!
    const difference =
      (((noted >> 16) & 0xff) ^ direction) |
      (records[at + LAST_SEQUENCE]! ^ sequence) |
      (records[at + LAST_ACKED]! ^ ack) |
      (records[at + LAST_END]! ^ end) |
      ((lastWindow & 0xffff) ^ window)
    const again = nonzero(difference) ^ 1
    records[at + LAST_SEQUENCE] = sequence
    records[at + LAST_ACKED] = ack
    records[at + LAST_END] = end
    records[at + LAST_WINDOW] = (lastWindow & ~0xffff) | window
    records[at + STATE] = (noted & 0xffffff) | (Math.imul((noted >>> 24) + 1, again) << 24)
  }

  /** A segment that takes effect: the state it leads to, and how long the entry lives from here. */
  #move(index: number, at: number, direction: number, before: number, after: number): number {
    const records = this.#records
    const { kind, flags } = this.#segment
    records[at + STATE] = (records[at + STATE]! & 0xff000000) | (direction << 16) | (kind << 8) | after
    if (before !== after && after === FIN_WAIT) records[sideOf(at, direction) + OPTIONS]! |= CLOSE_BEGUN
    let timeout = this.#timeout(at, kind, after)
    const status = records[at + STATUS]!
    if ((status & SEEN_REPLY) === 0) {
      if ((flags & RST) !== 0) {
        this.#table.remove(index)
        return ACCEPTED
      }
      if (kind === SYN_KIND && before === SYN_SENT) return IGNORED
      if (after === ESTABLISHED) timeout = Math.min(timeout, this.#timeouts.tcpUnacknowledged)
    } else if (
      (status & ASSURED) === 0 &&
      (before === SYN_RECEIVED || before === ESTABLISHED) &&
      after === ESTABLISHED
    ) {
      records[at + STATUS] = status | ASSURED
    }
    this.#table.refresh(at, timeout)
    return ACCEPTED
  }

  #timeout(at: number, kind: number, state: number): number {
    const records = this.#records
    const { tcp, tcpRetransmitted, tcpUnacknowledged } = this.#timeouts
    const usual = tcp[state]!
    if (records[at + STATE]! >>> 24 >= MOST_AGAIN && usual > tcpRetransmitted) return tcpRetransmitted
    if (kind === RST_KIND) return tcp[CLOSE]!
    const options = records[sideOf(at, 0) + OPTIONS]! | records[sideOf(at, 1) + OPTIONS]!
    if ((options & UNACKNOWLEDGED) !== 0 && usual > tcpUnacknowledged) return tcpUnacknowledged
    if ((records[at + LAST_WINDOW]! & 0xffff) === 0 && usual > tcpRetransmitted) return tcpRetransmitted
    return usual
  }
}

/** Whether a connection in this state is at its end: it gives way when the table is crowded (tcp_can_early_drop). */
export function isEnding(state: number): boolean {
  return state >= FIN_WAIT && state <= CLOSE
}
