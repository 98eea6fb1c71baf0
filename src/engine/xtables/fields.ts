/** Matches of single fields of the packet and its metadata. */
import { Column, Family, type Packet } from '../../packet/packet.js'
import type {
  DscpMatch,
  Invertible,
  LengthMatch,
  MarkMatch,
  OwnerMatch,
  PkttypeMatch,
  TosMatch,
  TtlMatch,
} from '../../ruleset/xtables.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { Bounds } from './headers.js'

const { break: BREAK, continue: CONTINUE } = Outcome
const { nfproto: NFPROTO, mark: MARK, daddr4: DADDR4, daddr6: DADDR6 } = Column
const IPV6 = Family.ipv6
/** Types of link-layer packets: what the host's own loop brings is a multicast or a broadcast. */
const BROADCAST = 1
const MULTICAST = 2
const LOOPBACK = 5

/** net/netfilter/xt_mark.c */
export function markStep({ value, mask, invert = false }: MarkMatch): Step {
  const wanted = value | 0
  return {
    run: ({ fields }: Packet): OutcomeNumber =>
      ((fields[MARK]! & mask) === wanted) !== invert ? CONTINUE : BREAK,
  }
}

/** net/netfilter/xt_length.c */
export function lengthStep(match: LengthMatch): Step {
  const bounds = new Bounds(match)
  return { run: (packet: Packet): OutcomeNumber => (bounds.holds(packet.length) ? CONTINUE : BREAK) }
}

/** net/netfilter/xt_hl.c */
export function ttlStep({ operator, value }: TtlMatch): Step {
  return {
    run(packet: Packet): OutcomeNumber {
      const ttl = packet.view.getUint8(packet.network + (packet.family === IPV6 ? 7 : 8))
      switch (operator) {
        case '==':
          return ttl === value ? CONTINUE : BREAK
        case '!=':
          return ttl !== value ? CONTINUE : BREAK
        case '<':
          return ttl < value ? CONTINUE : BREAK
        case '>':
          return ttl > value ? CONTINUE : BREAK
      }
    },
  }
}

/** net/netfilter/xt_dscp.c: all bits. */
export function tosStep({ value, mask, invert = false }: TosMatch): Step {
  return {
    run: (packet: Packet): OutcomeNumber =>
      ((trafficClass(packet) & mask) === value) !== invert ? CONTINUE : BREAK,
  }
}

/** net/netfilter/xt_dscp.c: the upper six bits. */
export function dscpStep({ value, invert = false }: DscpMatch): Step {
  return {
    run: (packet: Packet): OutcomeNumber =>
      (trafficClass(packet) >> 2 === value) !== invert ? CONTINUE : BREAK,
  }
}

function trafficClass({ view, network, fields }: Packet): number {
  if (fields[NFPROTO] !== IPV6) return view.getUint8(network + 1)
  return (view.getUint16(network) >> 4) & 0xff
}

/** net/netfilter/xt_pkttype.c */
export function pkttypeStep({ type, invert = false }: PkttypeMatch): Step {
  return {
    run(packet: Packet): OutcomeNumber {
      let its = packet.pkttype
      if (its === LOOPBACK) its = isMulticast(packet) ? MULTICAST : BROADCAST
      return (its === type) !== invert ? CONTINUE : BREAK
    },
  }
}

function isMulticast({ family, fields }: Packet): boolean {
  return family === IPV6 ? fields[DADDR6]! >>> 24 === 0xff : fields[DADDR4]! >>> 28 === 14
}

/** net/netfilter/xt_owner.c: where there is no socket, what was asked for the other way round holds. */
export function ownerStep({ uid, gid, socketExists }: OwnerMatch): Step {
  const inverted = (option: Invertible | undefined) => option === undefined || option.invert === true
  const without = inverted(uid) && inverted(gid) && inverted(socketExists) ? CONTINUE : BREAK
  const users = new Bounds(uid)
  const groups = new Bounds(gid)
  const refused = socketExists?.invert ?? false
  return {
    run(packet: Packet): OutcomeNumber {
      if (packet.uid < 0) return without
      return !refused && users.holds(packet.uid) && groups.holds(packet.gid) ? CONTINUE : BREAK
    },
  }
}
