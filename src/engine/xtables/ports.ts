/** Matches of the transport protocols that have ports: net/netfilter/xt_tcpudp.c, xt_multiport.c. */
import { Family, type Packet } from '../../packet/packet.js'
import type { MultiportMatch, TcpMatch, UdpMatch } from '../../ruleset/xtables.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { Bounds, Headers } from './headers.js'

const { break: BREAK, continue: CONTINUE, hotdrop: HOTDROP } = Outcome
const IPV4 = Family.ipv4
const TCP_LENGTH = 20
const UDP_LENGTH = 8
const FLAGS = 13

export function tcpStep({ sport, dport, flags, option }: TcpMatch): Step {
  const source = new Bounds(sport)
  const destination = new Bounds(dport)
  const mask = flags?.mask ?? 0
  const set = flags?.set ?? 0
  const differ = flags?.invert ?? false
  const kind = option?.kind ?? 0
  const absent = option?.invert ?? false
  const headers = new Headers()

  return {
    run(packet: Packet): OutcomeNumber {
      if (!headers.transport(packet)) return BREAK
      // RFC 1858: a fragment at 8 is there to overwrite the flags.
      if (headers.fragmentOffset !== 0)
        return headers.fragmentOffset === 8 && packet.family === IPV4 ? HOTDROP : BREAK
      const { view, end } = packet
      const { at } = headers
      if (end - at < TCP_LENGTH) return HOTDROP
      if (!source.holds(view.getUint16(at)) || !destination.holds(view.getUint16(at + 2))) return BREAK
      if (((view.getUint8(at + FLAGS) & mask) === set) === differ) return BREAK
      return kind === 0 ? CONTINUE : optionOutcome(packet, at, kind, absent)
    },
  }
}

/** Whether a TCP header has an option, as long as its length can be believed. */
function optionOutcome(packet: Packet, at: number, kind: number, absent: boolean): OutcomeNumber {
  const { view } = packet
  const length = (view.getUint8(at + 12) >> 4) * 4
  if (length < TCP_LENGTH || (length > TCP_LENGTH && packet.end - at < length)) return HOTDROP
  let has = false
  for (let i = at + TCP_LENGTH; i < at + length; ) {
    const option = view.getUint8(i)
    if (option === kind) {
      has = true
      break
    }
    i += option < 2 || i + 1 === at + length ? 1 : view.getUint8(i + 1) || 1
  }
  return has !== absent ? CONTINUE : BREAK
}

export function udpStep({ sport, dport }: UdpMatch): Step {
  const source = new Bounds(sport)
  const destination = new Bounds(dport)
  const headers = new Headers()
  return {
    run(packet: Packet): OutcomeNumber {
      if (!headers.transport(packet)) return BREAK
      if (headers.fragmentOffset !== 0) return BREAK
      const { at } = headers
      if (packet.end - at < UDP_LENGTH) return HOTDROP
      const { view } = packet
      return source.holds(view.getUint16(at)) && destination.holds(view.getUint16(at + 2)) ? CONTINUE : BREAK
    },
  }
}

export function multiportStep({ side, ports, invert = false }: MultiportMatch): Step {
  const bounds = Int32Array.from(ports.flatMap(({ from, to }) => [from, to]))
  const headers = new Headers()
  const holds = (port: number): boolean => {
    for (let i = 0; i < bounds.length; i += 2) if (port >= bounds[i]! && port <= bounds[i + 1]!) return true
    return false
  }
  return {
    run(packet: Packet): OutcomeNumber {
      if (!headers.transport(packet)) return BREAK
      if (headers.fragmentOffset !== 0) return BREAK
      const { at } = headers
      if (packet.end - at < 4) return HOTDROP
      const found =
        (side !== 'destination' && holds(packet.view.getUint16(at))) ||
        (side !== 'source' && holds(packet.view.getUint16(at + 2)))
      return found !== invert ? CONTINUE : BREAK
    },
  }
}
