/** Matches of ICMP, ESP, AH and IPComp headers, and of ip6tables' protocol. */
import { Family, type Packet } from '../../packet/packet.js'
import type {
  AhMatch,
  EspMatch,
  IcmpMatch,
  IpcompMatch,
  MobilityMatch,
  ProtocolMatch,
} from '../../ruleset/xtables.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { AUTHENTICATION, Bounds, BROKEN, extensionLength, Headers, NO_NEXT_HEADER } from './headers.js'

const { break: BREAK, continue: CONTINUE, hotdrop: HOTDROP } = Outcome
const IPV6 = Family.ipv6
const ANY_TYPE = 255
const AH = AUTHENTICATION
const NO_MORE = NO_NEXT_HEADER
const CUT = BROKEN

/** ip6_packet_match in net/ipv6/netfilter/ip6_tables.c */
export function protocolStep({ protocol, invert = false }: ProtocolMatch): Step {
  const headers = new Headers()
  return {
    run(packet: Packet): OutcomeNumber {
      if (!headers.transport(packet)) return HOTDROP
      return (headers.protocol === protocol) !== invert ? CONTINUE : BREAK
    },
  }
}

/** net/netfilter/xt_tcpudp.c */
export function icmpStep({ name, type, code: { from, to }, invert = false }: IcmpMatch): Step {
  const any = name === 'icmp' && type === ANY_TYPE
  const headers = new Headers()
  return {
    run(packet: Packet): OutcomeNumber {
      if (!headers.transport(packet)) return BREAK
      if (headers.fragmentOffset !== 0) return BREAK
      const { view, end } = packet
      const { at } = headers
      if (end - at < 8) return HOTDROP
      const code = view.getUint8(at + 1)
      const found = any || (view.getUint8(at) === type && code >= from && code <= to)
      return found !== invert ? CONTINUE : BREAK
    },
  }
}

/** net/netfilter/xt_esp.c */
export function espStep({ spi }: EspMatch): Step {
  const bounds = new Bounds(spi)
  const headers = new Headers()
  return {
    run(packet: Packet): OutcomeNumber {
      if (!headers.transport(packet)) return BREAK
      if (headers.fragmentOffset !== 0) return BREAK
      if (packet.end - headers.at < 8) return HOTDROP
      return bounds.holds(packet.view.getUint32(headers.at)) ? CONTINUE : BREAK
    },
  }
}

/** net/netfilter/xt_ipcomp.c, which looks at no more than the number of the parameters. */
export function ipcompStep({ spi }: IpcompMatch): Step {
  const bounds = new Bounds(spi)
  const headers = new Headers()
  return {
    run(packet: Packet): OutcomeNumber {
      if (!headers.transport(packet)) return BREAK
      if (headers.fragmentOffset !== 0) return BREAK
      if (packet.end - headers.at < 4) return HOTDROP
      return bounds.holds(packet.view.getUint16(headers.at + 2)) ? CONTINUE : BREAK
    },
  }
}

/** net/ipv4/netfilter/ipt_ah.c; net/ipv6/netfilter/ip6t_ah.c, which looks for the header in the chain. */
export function ahStep({ spi, length, reserved = false }: AhMatch): Step {
  const bounds = new Bounds(spi)
  const headers = new Headers()
  return {
    run(packet: Packet): OutcomeNumber {
      const { view, end } = packet
      const ipv6 = packet.family === IPV6
      let at: number
      if (ipv6) {
        at = headers.find(packet, AH)
        if (at < 0) return at === CUT ? HOTDROP : BREAK
      } else {
        if (!headers.transport(packet)) return BREAK
        if (headers.fragmentOffset !== 0) return BREAK
        at = headers.at
      }
      if (end - at < 12) return HOTDROP
      const header = ipv6 ? extensionLength(AH, view.getUint8(at + 1)) : 0
      if (end - at < header) return HOTDROP
      if (!bounds.holds(view.getUint32(at + 4))) return BREAK
      if (!ipv6) return CONTINUE
      // No header is of 0 bytes: the kernel takes that for no question.
      if (
        length !== undefined &&
        length.bytes !== 0 &&
        (header === length.bytes) === (length.invert ?? false)
      )
        return BREAK
      return reserved && view.getUint16(at + 2) !== 0 ? BREAK : CONTINUE
    },
  }
}

/** net/ipv6/netfilter/ip6t_mh.c */
export function mobilityStep({ type }: MobilityMatch): Step {
  const bounds = new Bounds(type)
  const headers = new Headers()
  return {
    run(packet: Packet): OutcomeNumber {
      if (!headers.transport(packet)) return BREAK
      if (headers.fragmentOffset !== 0) return BREAK
      const { view, end } = packet
      const { at } = headers
      if (end - at < 6 || view.getUint8(at) !== NO_MORE) return HOTDROP
      return bounds.holds(view.getUint8(at + 2)) ? CONTINUE : BREAK
    },
  }
}
