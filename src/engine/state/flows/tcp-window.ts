/**
 * TCP's window check (tcp_in_window in net/netfilter/nf_conntrack_proto_tcp.c, 6.18; after Guido van Rooij's "Real
 * stateful TCP packet filtering"). Sequence numbers are compared modulo 2^32, by the sign of their difference.
 */
import { Word } from './layout.js'
import { before, SideFlag, type TcpSegment } from './tcp-segment.js'
import { TcpState } from './timeouts.js'

/** Words of a side, from `sideOf(at, direction)` on. */
export const Side = {
  /** The highest sequence number it has sent, plus the length that goes with it. */
  end: 0,
  /** The highest that its peer allows. */
  limit: 1,
  /** The largest window it has told: unsigned; 0 as long as nothing was seen of it. */
  window: 2,
  /** The highest acknowledgement it has sent. */
  acked: 3,
  /** Bits of SideFlag, and << 8 the shift of its window. */
  options: 4,
} as const
const SIDE_WORDS = 5

/** Words that TCP keeps of an entry. */
const SIDES = Word.own + 1
const LAST = SIDES + 2 * SIDE_WORDS
export const Tcp = {
  /** The state; << 8 the kind of the last segment, << 16 its direction, << 24 how often it came again. */
  state: Word.own,
  lastSequence: LAST,
  lastAck: LAST + 1,
  lastEnd: LAST + 2,
  /** The last window as in the header; << 16 the noted window scale; << 24 bits of NotedFlag. */
  lastWindow: LAST + 3,
} as const

/** What a window check says; `updated`: accepted, and the windows are now as the segment tells. */
export const Check = { invalid: 0, ignored: 1, accepted: 2, updated: 3 } as const

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const { end: END, limit: LIMIT, window: WINDOW, acked: ACKED, options: OPTIONS } = Side
const { windowScale: SCALED, sackPermitted: SACK_PERMITTED, liberal: LIBERAL } = SideFlag
const { unacknowledged: UNACKNOWLEDGED, ackedSet: ACKED_SET } = SideFlag
const { invalid: INVALID, ignored: IGNORED, accepted: ACCEPTED, updated: UPDATED } = Check
const { synSent: SYN_SENT, synReceived: SYN_RECEIVED } = TcpState

const SYN = 2
const RST = 4
const ACK = 16
/** An acknowledgement may be this much older than the largest window. */
const OLDEST_ACK = 66000

export function sideOf(at: number, direction: number): number {
  return at + SIDES + direction * SIDE_WORDS
}

/** Sets a side's options as its SYN has them. */
export function setOptions(records: Int32Array, side: number, segment: TcpSegment): void {
  const options = segment.readOptions()
  if (options >= 0) records[side + OPTIONS] = (records[side + OPTIONS]! & LIBERAL) | options
}

/** A side as its first SYN tells it. */
export function initialize(records: Int32Array, at: number, direction: number, segment: TcpSegment): void {
  const sender = sideOf(at, direction)
  records[sender + END] = records[sender + LIMIT] = segment.end
  records[sender + WINDOW] = segment.window === 0 ? 1 : segment.window
  setOptions(records, sender, segment)
  if (direction === 0) return
  // Windows are scaled only if both sides do it (RFC 7323 §1.3).
  const receiver = sideOf(at, 0)
  if ((records[sender + OPTIONS]! & records[receiver + OPTIONS]! & SCALED) !== 0) return
  records[sender + OPTIONS]! &= 0xff
  records[receiver + OPTIONS]! &= 0xff
}

/** Whether a segment lies in the windows, a number of Check; notes what it tells of them if so. `state`: the one before. */
export function checkWindow(
  records: Int32Array,
  at: number,
  direction: number,
  state: number,
  segment: TcpSegment,
  liberal: boolean,
): number {
  const { flags } = segment
  const S = sideOf(at, direction)
  const R = sideOf(at, 1 - direction)
  let { sequence, ack, end } = segment
  let sack = (records[R + OPTIONS]! & SACK_PERMITTED) !== 0 ? segment.highestAck() : ack
  const reply = direction === 1

  if (records[S + WINDOW] === 0) {
    if ((flags & SYN) !== 0) {
      initialize(records, at, direction, segment)
      if ((flags & ACK) === 0) return ACCEPTED
    } else {
      const window = segment.window << (records[S + OPTIONS]! >> 8) || 1
      records[S + END] = end
      records[S + WINDOW] = window
      records[S + LIMIT] = (end + window) | 0
      if (sack === ((records[R + END]! + 1) | 0)) records[R + END] = sack
    }
  } else if (
    (flags & SYN) !== 0 &&
    before(records[S + END]!, end) &&
    (state === SYN_SENT || state === SYN_RECEIVED)
  ) {
    initialize(records, at, direction, segment)
    if (reply && (flags & ACK) === 0) return ACCEPTED
  }

  if ((flags & ACK) === 0 || ((flags & RST) !== 0 && ack === 0)) ack = sack = records[R + END]!
  if ((flags & RST) !== 0 && sequence === 0 && state === SYN_SENT) sequence = end = records[S + END]!

  const peerWindow = records[R + WINDOW]!
  const oldest = (records[R + END]! - Math.max(records[S + WINDOW]! >>> 0, OLDEST_ACK) - 1) | 0
  const fresh = peerWindow === 0 || before(records[S + END]! - peerWindow - 1, end)
  const ackOfSent = before(sack, records[R + END]! + 1)
  const ackNotTooOld = before(oldest, sack)
  const lenient = liberal || (records[S + OPTIONS]! & LIBERAL) !== 0
  if (!before(sequence, records[S + LIMIT]! + 1)) {
    const overshot = (end - records[S + LIMIT]! + 1) >>> 0
    if (peerWindow === 0 || !fresh || !ackNotTooOld || overshot > peerWindow >>> 0 || !ackOfSent) {
      return lenient ? ACCEPTED : INVALID
    }
    // Some send more than the window allows: so that the peer's ACK of it is not one of data never sent.
    records[S + END] = end
    records[S + OPTIONS]! |= UNACKNOWLEDGED
    return lenient ? ACCEPTED : IGNORED
  }
  if (!ackOfSent) return lenient ? ACCEPTED : INVALID
  if (!fresh || !ackNotTooOld) return lenient ? ACCEPTED : IGNORED
  update(records, S, R, segment, ack, sack, end)
  return UPDATED
}

/** What a segment within the windows tells of them. */
function update(
  records: Int32Array,
  S: number,
  R: number,
  { flags, window: told }: TcpSegment,
  ack: number,
  sack: number,
  end: number,
): void {
  const window = (flags & SYN) !== 0 ? told : told << (records[S + OPTIONS]! >> 8)
  const reach = (window + sack - ack) >>> 0
  if (records[S + WINDOW]! >>> 0 < reach) records[S + WINDOW] = reach | 0
  if (before(records[S + END]!, end)) {
    records[S + END] = end
    records[S + OPTIONS]! |= UNACKNOWLEDGED
  }
  if ((flags & ACK) !== 0) {
    if ((records[S + OPTIONS]! & ACKED_SET) === 0 || before(records[S + ACKED]!, ack))
      records[S + ACKED] = ack
    records[S + OPTIONS]! |= ACKED_SET
  }
  const limit = records[S + LIMIT]!
  if (records[R + WINDOW] !== 0 && before(limit, end)) {
    records[R + WINDOW] = (records[R + WINDOW]! + end - limit) | 0
  }
  if (before(records[R + LIMIT]! - 1, sack + window)) {
    records[R + LIMIT] = (sack + window + (window === 0 ? 1 : 0)) | 0
  }
  if (ack === records[R + END]) records[R + OPTIONS]! &= ~UNACKNOWLEDGED
}
