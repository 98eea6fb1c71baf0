import { crcHolds } from '../../../packet/checksum.js'
import type { Packet } from '../../../packet/packet.js'
import { Outcome, Status, Word } from './layout.js'
import type { FlowTable } from './table.js'
import { SctpState, type Timeouts } from './timeouts.js'
import type { Tuple } from './tuple.js'

/** Types of chunks (RFC 9260 §3.2). */
const Chunk = {
  data: 0,
  init: 1,
  initAck: 2,
  heartbeat: 4,
  heartbeatAck: 5,
  abort: 6,
  shutdown: 7,
  shutdownAck: 8,
  error: 9,
  cookieEcho: 10,
  cookieAck: 11,
  shutdownComplete: 14,
} as const

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const { invalid: INVALID, ignored: IGNORED, accepted: ACCEPTED } = Outcome
const { assured: ASSURED, confirmed: CONFIRMED } = Status
const {
  init: INIT,
  initAck: INIT_ACK,
  heartbeat: HEARTBEAT,
  heartbeatAck: HEARTBEAT_ACK,
  abort: ABORT,
} = Chunk
const { cookieEcho: COOKIE_ECHO, cookieAck: COOKIE_ACK, shutdownComplete: SHUTDOWN_COMPLETE } = Chunk
const SHUTDOWN_ACK = Chunk.shutdownAck
const { none: NONE, closed: CLOSED, established: ESTABLISHED } = SctpState
const STATUS = Word.status
/** The state. */
const STATE = Word.own
/** The verification tags of packets in either direction. */
const TAG = Word.own + 1
/** Bits of Noted. */
const NOTED = Word.own + 3

/** An INIT was seen in direction 0, 1; a heartbeat's tag was wrong, in direction 0 or (with the last bit) 1. */
const BEGUN = 1
const TAG_FAILED = 4
const FAILED_IN_REPLY = 8

const HEADER = 12
/** What of an INIT or INIT-ACK must be there behind its chunk header. */
const INIT_LENGTH = 16
/** What a chunk can say instead of a state: the packet is invalid; nothing; the heartbeat may be of another path. */
const IMPOSSIBLE = 15
const UNCHANGED = 16
const IGNORED_BEAT = 17

/** Types of chunks as bits: of those that nobody may begin with; of those whose tag has rules of its own. */
const NEVER_FIRST = bitsOf(ABORT, SHUTDOWN_COMPLETE, COOKIE_ACK)
const OWN_TAG_RULES = bitsOf(
  INIT,
  SHUTDOWN_COMPLETE,
  COOKIE_ECHO,
  ABORT,
  SHUTDOWN_ACK,
  HEARTBEAT,
  HEARTBEAT_ACK,
)
const HAS_DATA = bitsOf(Chunk.data)

/** State after a chunk, by direction × 256 + type × 16 + state before (nf_conntrack_proto_sctp.c, 6.18). */
const TRANSITIONS = transitions()

/** SCTP (net/netfilter/nf_conntrack_proto_sctp.c, 6.18). */
export class SctpTracker {
  readonly #table: FlowTable
  readonly #records: Int32Array
  readonly #timeouts: Timeouts
  /** Of the packet at hand: whether it leaves the timeout as it is. */
  #ignored = false

  constructor(table: FlowTable, timeouts: Timeouts) {
    this.#table = table
    this.#records = table.records
    this.#timeouts = timeouts
  }

  /** verify: the checksum is to be looked at. */
  track(packet: Packet, { transport }: Tuple, at: number, direction: number, verify: boolean): number {
    const { view, end } = packet
    if (transport + HEADER > end) return INVALID
    if (verify && !crcHolds(packet, transport, packet.network + packet.length)) return INVALID
    const types = chunkTypes(view, transport + HEADER, end)
    if (types < 0) return INVALID
    const records = this.#records
    const tag = view.getInt32(transport + 4)
    if ((records[at + STATUS]! & CONFIRMED) === 0) {
      if ((types & NEVER_FIRST) !== 0 || !this.#begin(packet, transport, at, tag)) return INVALID
    }
    if ((types & OWN_TAG_RULES) === 0 && tag !== records[at + TAG + direction]) return INVALID
    this.#ignored = false
    let state = NONE as number
    for (let chunk = transport + HEADER; chunk + 4 <= end; chunk = nextChunk(view, chunk)) {
      const next = this.#chunk(packet, chunk, at, direction, tag, (types & HAS_DATA) !== 0)
      if (next === IMPOSSIBLE) return INVALID
      if (next !== UNCHANGED) state = next
    }
    if (this.#ignored) return IGNORED
    this.#table.refresh(at, this.#timeouts.sctp[state]!)
    return ACCEPTED
  }

  /** The first packet of a flow; false if no flow begins so. */
  #begin({ view, end }: Packet, transport: number, at: number, tag: number): boolean {
    const records = this.#records
    records[at + STATE] = records[at + TAG] = records[at + TAG + 1] = records[at + NOTED] = 0
    for (let chunk = transport + HEADER; chunk + 4 <= end; chunk = nextChunk(view, chunk)) {
      const type = view.getUint8(chunk)
      const state = type < 16 ? TRANSITIONS[type * 16]! : NONE
      if (state === NONE) return false
      if (type === INIT) {
        if (tag !== 0 || chunk + 4 + INIT_LENGTH > end) return false
        records[at + TAG + 1] = view.getInt32(chunk + 4)
      } else if (type === HEARTBEAT) records[at + TAG] = tag
      else if (type === SHUTDOWN_ACK) records[at + TAG + 1] = tag
    }
    return true
  }

  /** The state that a chunk leads to, IMPOSSIBLE if the packet is invalid for it, or UNCHANGED. */
  #chunk(
    { view, end }: Packet,
    chunk: number,
    at: number,
    direction: number,
    tag: number,
    data: boolean,
  ): number {
    const records = this.#records
    const own = at + TAG + direction
    const peer = at + TAG + 1 - direction
    const type = view.getUint8(chunk)
    if (type === INIT) {
      if (tag !== 0) return IMPOSSIBLE
    } else if (type === ABORT || type === SHUTDOWN_COMPLETE) {
      // Its T bit: the sender knows no tag, and reflects.
      if (tag !== records[(view.getUint8(chunk + 1) & 1) === 0 ? own : peer]) return IMPOSSIBLE
    } else if (type === COOKIE_ECHO) {
      if (tag !== records[own]) return IMPOSSIBLE
    } else if (type === COOKIE_ACK) records[at + NOTED]! &= ~(BEGUN | (BEGUN << 1))
    else if (type === HEARTBEAT || type === HEARTBEAT_ACK) {
      const beat = this.#beat(type, at, direction, tag, data)
      if (beat !== UNCHANGED) return beat === IGNORED_BEAT ? UNCHANGED : IMPOSSIBLE
    }

    const before = records[at + STATE]!
    const after = type < 16 ? TRANSITIONS[direction * 256 + type * 16 + before]! : before
    if (after === IMPOSSIBLE) return IMPOSSIBLE
    if (type === INIT || type === INIT_ACK) {
      if (chunk + 4 + INIT_LENGTH > end) return IMPOSSIBLE
      const wanted = view.getInt32(chunk + 4)
      if (type === INIT) this.#noteInit(at, direction, before, after, wanted !== records[peer])
      else if (!this.#initAckFits(at, direction, wanted)) return IMPOSSIBLE
      records[peer] = wanted
    }
    records[at + STATE] = after
    if (after !== before && after === ESTABLISHED) records[at + STATUS]! |= ASSURED
    return after
  }

  /** A heartbeat or its answer: UNCHANGED if it is like any chunk, IGNORED_BEAT if its tag may be of another path. */
  #beat(type: number, at: number, direction: number, tag: number, data: boolean): number {
    const records = this.#records
    const own = at + TAG + direction
    const noted = records[at + NOTED]!
    if (records[own] === 0) records[own] = tag
    else if (tag === records[own]) records[at + NOTED] = noted & ~TAG_FAILED
    else {
      if (data || this.#ignored) return IMPOSSIBLE
      if (type === HEARTBEAT) {
        records[at + NOTED] = (noted & ~FAILED_IN_REPLY) | TAG_FAILED | (direction * FAILED_IN_REPLY)
        this.#ignored = true
        return IGNORED_BEAT
      }
      const failedIn = (noted & FAILED_IN_REPLY) === 0 ? 0 : 1
      if ((noted & TAG_FAILED) === 0 || failedIn === direction) return IMPOSSIBLE
      records[at + NOTED] = noted & ~TAG_FAILED
      records[own] = tag
      records[at + TAG + 1 - direction] = 0
    }
    return UNCHANGED
  }

  #noteInit(at: number, direction: number, before: number, after: number, otherTag: boolean): void {
    const records = this.#records
    if (before === NONE || otherTag) {
      const noted = records[at + NOTED]!
      const both = BEGUN | (BEGUN << 1)
      const others = (noted & both) === both ? noted & ~(BEGUN << (1 - direction)) : noted
      records[at + NOTED] = others | (BEGUN << direction)
    }
    // An INIT sent again does not keep the entry alive.
    if (before === CLOSED && after === CLOSED && (records[at + STATUS]! & CONFIRMED) !== 0)
      this.#ignored = true
  }

  /** Whether the tag of an INIT-ACK may be that of the flow: both sides may have begun, with tags of their own. */
  #initAckFits(at: number, direction: number, wanted: number): boolean {
    const known = this.#records[at + TAG + 1 - direction]!
    const noted = this.#records[at + NOTED]!
    const begun = (noted & (BEGUN << direction)) !== 0
    const otherBegun = (noted & (BEGUN << (1 - direction))) !== 0
    if (known === wanted) return true
    return otherBegun ? !begun : known === 0
  }
}

/** Whether an association in this state is at its end (sctp_can_early_drop). */
export function isShuttingDown(state: number): boolean {
  return state >= SctpState.shutdownSent && state <= SctpState.shutdownAckSent
}

function nextChunk(view: DataView, chunk: number): number {
  return chunk + ((view.getUint16(chunk + 2) + 3) & ~3)
}

/** The types of a packet's chunks as bits; -1 if some stand where they may not, one has no length, or there is none. */
function chunkTypes(view: DataView, first: number, end: number): number {
  let types = 0
  let alone = false
  let chunk = first
  for (; chunk + 4 <= end; chunk = nextChunk(view, chunk)) {
    const type = view.getUint8(chunk)
    if (type === INIT || type === INIT_ACK || type === SHUTDOWN_COMPLETE) alone = true
    if (chunk > first && (alone || type === COOKIE_ACK || type === COOKIE_ECHO)) return -1
    if (view.getUint16(chunk + 2) === 0) return -1
    if (type < 16) types |= 1 << type
  }
  return chunk === first ? -1 : types
}

function bitsOf(...types: number[]): number {
  return types.reduce((bits, type) => bits | (1 << type), 0)
}

function transitions(): Uint8Array {
  const { cookieWait: CW, cookieEchoed: CE, shutdownSent: SS, shutdownReceived: SR } = SctpState
  const { shutdownAckSent: SA, heartbeatSent: HS } = SctpState
  const NO = NONE
  const CL = CLOSED
  const ES = ESTABLISHED
  const IV = IMPOSSIBLE
  // From: NO, CL, CW, CE, ES, SS, SR, SA, HS. A chunk that is not named changes nothing, but in the reply direction …
  const same = [NO, CL, CW, CE, ES, SS, SR, SA, HS]
  const table = new Uint8Array(512)
  for (let type = 0; type < 32; type++) table.set(same, type * 16)
  // … those that are named are impossible before anything else was said.
  const set = (direction: number, type: number, states: number[]) =>
    table.set(states, direction * 256 + type * 16)
  const original = [CL, CL, CW, CE, ES, SS, SR, SA, CL]
  const reply = [IV, CL, CW, CE, ES, SS, SR, SA, IV]
  set(0, INIT, [CL, CL, CW, CE, ES, CL, CL, SA, CW])
  set(0, INIT_ACK, original)
  set(0, ABORT, [CL, CL, CL, CL, CL, CL, CL, CL, CL])
  set(0, Chunk.shutdown, [CL, CL, CW, CE, SS, SS, SR, SA, CL])
  set(0, SHUTDOWN_ACK, [SA, CL, CW, CE, ES, SA, SA, SA, SA])
  set(0, Chunk.error, original)
  set(0, COOKIE_ECHO, [CL, CL, CE, CE, ES, SS, SR, SA, CL])
  set(0, COOKIE_ACK, [CL, CL, CW, ES, ES, SS, SR, SA, CL])
  set(0, SHUTDOWN_COMPLETE, [CL, CL, CW, CE, ES, SS, SR, CL, CL])
  set(0, HEARTBEAT, [HS, CL, CW, CE, ES, SS, SR, SA, HS])
  set(0, HEARTBEAT_ACK, [CL, CL, CW, CE, ES, SS, SR, SA, HS])
  set(1, INIT, reply)
  set(1, INIT_ACK, [IV, CW, CW, CE, ES, SS, SR, SA, IV])
  set(1, ABORT, [IV, CL, CL, CL, CL, CL, CL, CL, IV])
  set(1, Chunk.shutdown, [IV, CL, CW, CE, SR, SS, SR, SA, IV])
  set(1, SHUTDOWN_ACK, [IV, CL, CW, CE, ES, SA, SA, SA, IV])
  set(1, Chunk.error, [IV, CL, CW, CL, ES, SS, SR, SA, IV])
  set(1, COOKIE_ECHO, [IV, CL, CE, CE, ES, SS, SR, SA, IV])
  set(1, COOKIE_ACK, [IV, CL, CW, ES, ES, SS, SR, SA, IV])
  set(1, SHUTDOWN_COMPLETE, [IV, CL, CW, CE, ES, SS, SR, CL, IV])
  set(1, HEARTBEAT, [IV, CL, CW, CE, ES, SS, SR, SA, HS])
  set(1, HEARTBEAT_ACK, [IV, CL, CW, CE, ES, SS, SR, SA, ES])
  return table
}
