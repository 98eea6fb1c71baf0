import { TcpState } from './timeouts.js'

/** What kind of segment it is, by the flag that counts: RST before SYN before FIN before ACK. */
export const Kind = { syn: 0, synAck: 1, fin: 2, ack: 3, rst: 4, none: 5 } as const

/** A transition that is no state: the segment is invalid, or passes without any effect on it. */
export const TO_INVALID = 15
export const TO_IGNORED = 14

const { none: NO, synSent: SS, synReceived: SR, established: ES, finWait: FW, closeWait: CW } = TcpState
const { lastAck: LA, timeWait: TW, close: CL, synSent2: S2 } = TcpState
const IV = TO_INVALID
const IG = TO_IGNORED

/** State after a segment, by direction × 80 + kind × 16 + state before (net/netfilter/nf_conntrack_proto_tcp.c, 6.18). */
export const TRANSITIONS = Uint8Array.from(
  [
    // Original direction, in the order of Kind. From: NO, SS, SR, ES, FW, CW, LA, TW, CL, S2.
    [SS, SS, IG, IG, IG, IG, IG, SS, SS, S2],
    [IV, IV, SR, IV, IV, IV, IV, IV, IV, SR],
    [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
    [ES, IV, ES, ES, CW, CW, TW, TW, CL, IV],
    [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
    // Reply direction.
    [IV, S2, IV, IV, IV, IV, IV, SS, IV, S2],
    [IV, SR, IG, IG, IG, IG, IG, IG, IG, SR],
    [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
    [IV, IG, SR, ES, CW, CW, TW, TW, CL, IG],
    [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
  ].flatMap((row) => [...row, NO, NO, NO, NO, NO, NO]),
)

const FIN = 1
const SYN = 2
const RST = 4
const ACK = 16

/** By the flags without PSH, ECE and CWR: the kind; Kind.none if no segment has these flags. */
export const KINDS = Uint8Array.from({ length: 256 }, (_, flags) => {
  const { syn, synAck, fin, ack, rst, none } = Kind
  switch (flags & 0x37) {
    case SYN:
    case SYN | 32:
      return syn
    case SYN | ACK:
      return synAck
    case RST:
    case RST | ACK:
      return rst
    case FIN | ACK:
    case FIN | ACK | 32:
      return fin
    case ACK:
    case ACK | 32:
      return ack
    default:
      return none
  }
})
