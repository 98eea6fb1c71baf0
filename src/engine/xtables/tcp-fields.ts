/** net/netfilter/xt_tcpmss.c and xt_ecn.c */
import { Family, type Packet } from '../../packet/packet.js'
import type { EcnMatch, TcpmssMatch } from '../../ruleset/xtables.js'
import { Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { Bounds, Headers } from './headers.js'

const { break: BREAK, continue: CONTINUE, hotdrop: HOTDROP } = Outcome
const IPV6 = Family.ipv6
const TCP_LENGTH = 20
const MSS = 2
const MSS_LENGTH = 4
const ECE = 0x40
const CWR = 0x80

export function tcpmssStep(match: TcpmssMatch): Step {
  const bounds = new Bounds(match)
  const without = match.invert ? CONTINUE : BREAK
  const headers = new Headers()
  return {
    run(packet: Packet): OutcomeNumber {
      if (!headers.transport(packet)) return BREAK
      const { view, end } = packet
      const { at } = headers
      if (end - at < TCP_LENGTH) return HOTDROP
      const length = (view.getUint8(at + 12) >> 4) * 4
      if (length < TCP_LENGTH || (length > TCP_LENGTH && end - at < length)) return HOTDROP
      const last = at + length
      for (let i = at + TCP_LENGTH; i < last; ) {
        const kind = view.getUint8(i)
        if (kind === MSS && last - i >= MSS_LENGTH && view.getUint8(i + 1) === MSS_LENGTH)
          return bounds.holds(view.getUint16(i + 2)) ? CONTINUE : BREAK
        i += kind < 2 || i + 1 === last ? 1 : view.getUint8(i + 1) || 1
      }
      return without
    },
  }
}

export function ecnStep({ ect, ece, cwr }: EcnMatch): Step {
  const headers = new Headers()
  const mask = (ece === undefined ? 0 : ECE) | (cwr === undefined ? 0 : CWR)
  const wanted = (ece === undefined || ece.invert ? 0 : ECE) | (cwr === undefined || cwr.invert ? 0 : CWR)
  return {
    run(packet: Packet): OutcomeNumber {
      const { view, network, end } = packet
      if (ect !== undefined) {
        const bits = packet.family === IPV6 ? view.getUint8(network + 1) >> 4 : view.getUint8(network + 1)
        if (((bits & 3) === ect.value) === (ect.invert ?? false)) return BREAK
      }
      if (mask === 0) return CONTINUE
      if (!headers.transport(packet)) return BREAK
      if (end - headers.at < TCP_LENGTH) return BREAK
      return (view.getUint8(headers.at + 13) & mask) === wanted ? CONTINUE : BREAK
    },
  }
}
