/** What an engine learns from outside beside the packets: all of it is an argument, so that everything can be replayed. */
import type { Packet } from '../packet/packet.js'

/**
 * What a source of packets can tell of them. What a ruleset asks for and nobody supplies is refused when it is compiled:
 *
 * - `ct state`: the state of the connection, in `Packet.ctState`;
 * - `ct`: all of a connection, by `Environment.connections`;
 * - `clock`: the time of day, by `Environment.clock`;
 * - `socket`: the owner of the local socket, in `Packet.uid` and `gid`;
 * - `interfaces`: interface indexes and names;
 * - `addresses`: which addresses are the host's own, by `Environment.host`;
 * - `packet type`, `priority`: as in `Packet`.
 */
export type Supply =
  | 'ct state'
  | 'ct'
  | 'clock'
  | 'socket'
  | 'interfaces'
  | 'addresses'
  | 'packet type'
  | 'priority'

/** What tells a connection from others, as one of its directions has it. */
export interface ConnectionTuple {
  /** NFPROTO number << 8 | protocol. */
  readonly kind: number
  /** Source port << 16 | destination port; of ICMP id << 16 | type << 8 | code. */
  readonly ports: number
  /** Words of source and destination, four each, most significant first; IPv4 has word 0 and word 4 alone. */
  readonly addresses: Int32Array
}

/** Connections by the index and direction in `Packet.flow` and `flowDirection`. Direction: 0 original, 1 reply. */
export interface Connections {
  /** Bits of the kernel's enum ip_conntrack_status. */
  status(flow: number): number
  mark(flow: number): number
  setMark(flow: number, mark: number): void
  /** Word 0 to 3 of the 128-bit label, the least significant first. */
  label(flow: number, word: number): number
  setLabel(flow: number, word: number, value: number): void
  /** NFPROTO number. */
  l3proto(flow: number): number
  protocol(flow: number): number
  /** A word of an address of the tuple of a direction, most significant first; IPv4 has word 0 alone. */
  source(flow: number, direction: number, word: number): number
  destination(flow: number, direction: number, word: number): number
  /** Ports, or what the kernel has in their place: of ICMP its id at the source, type × 256 + code at the destination. */
  sourcePort(flow: number, direction: number): number
  destinationPort(flow: number, direction: number): number
  packets(flow: number, direction: number): number
  bytes(flow: number, direction: number): number
  /** Milliseconds until the entry expires; 0 if it is not in the table yet. */
  expiration(flow: number, now: number): number
  id(flow: number): number
  /** TCP in TIME_WAIT or CLOSE: such connections do not count for `ct count`. */
  isClosing(flow: number): boolean
  /**
   * The connection in the table that has a tuple, in either direction; -1 if there is none. A connection is put there when its
   * first packet was accepted. Now: nanoseconds.
   */
  find(tuple: ConnectionTuple, now: number): number
}

/** The time of day. */
export interface Clock {
  /** Nanoseconds since 1970 in UTC at the time 0 of `Packet.time`. */
  readonly origin: bigint
  /** A name of the IANA time zone database. Times of day, days and dates in rules are of this zone. */
  readonly timeZone: string
}

/** What the host knows of addresses. */
export interface Host {
  /**
   * The type of the packet's source or destination (RTN_UNICAST 1, RTN_LOCAL 2, RTN_BROADCAST 3, RTN_MULTICAST 5,
   * RTN_UNREACHABLE 7 …: include/uapi/linux/rtnetlink.h). Interface: an index that the address must belong to, or 0.
   */
  addressType(packet: Packet, which: 'source' | 'destination', interfaceIndex: number): number
}

export interface Environment {
  /** Two random 32-bit numbers for hash tables. */
  readonly seeds: readonly [number, number]
  /** 32 random bits, unsigned. */
  readonly random: () => number
  /** Nanoseconds on the packets' clock at which the ruleset is loaded: what lives for a time lives from then on. */
  readonly start?: number
  readonly connections?: Connections
  readonly clock?: Clock
  readonly host?: Host
}

/** What a statement says to a packet: go on in the rule, leave the rule, or drop at once (xtables' hotdrop). */
export const Outcome = { break: 0, continue: 1, hotdrop: 2 } as const
export type OutcomeNumber = (typeof Outcome)[keyof typeof Outcome]

/** A statement made ready to run, with its state. Hot path: allocates nothing, throws nothing, reads no clock. */
export interface Step {
  run(packet: Packet): OutcomeNumber
}
