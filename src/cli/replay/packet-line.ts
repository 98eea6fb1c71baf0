/** A packet and its verdict as an object for a line of JSON. */
import { Column, Family, type Packet } from '../../packet/packet.js'
import { addressIn } from '../../replay/guess.js'
import type { JudgedPacket } from '../../replay/replay.js'

const { saddr4, daddr4, saddr6, daddr6, sport, dport } = Column
const PORT = 65_535
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136])

/** Its ends: addresses, and ports where its protocol has some. */
export interface Ends {
  readonly protocol: number
  readonly source: string
  readonly sport?: number
  readonly destination: string
  readonly dport?: number
}

/** The ends of a packet; undefined if it is no IP packet. */
export function endsOf(packet: Packet): Ends | undefined {
  const { fields, family, l4proto } = packet
  if (family === 0) return undefined
  const isIPv4 = family === Family.ipv4
  const ported = WITH_PORTS.has(l4proto) && fields[sport]! <= PORT && fields[dport]! <= PORT
  return {
    protocol: l4proto,
    source: addressIn(packet, isIPv4 ? saddr4 : saddr6),
    ...(ported ? { sport: fields[sport]! } : {}),
    destination: addressIn(packet, isIPv4 ? daddr4 : daddr6),
    ...(ported ? { dport: fields[dport]! } : {}),
  }
}

/** A line of JSON, without its end. */
export function packetLine(judged: JudgedPacket): string {
  const { number, time, packet, outcome, decider, rejection, capture } = judged
  return JSON.stringify({
    packet: number,
    file: capture.file,
    time,
    verdict: outcome,
    ...(decider === undefined ? {} : { hook: judged.hook, state: judged.state, ...deciderOf(decider) }),
    ...(rejection === undefined ? {} : { answer: rejection }),
    ...endsOf(packet),
    bytes: packet.length,
  })
}

function deciderOf({ place, chain, name, text }: NonNullable<JudgedPacket['decider']>) {
  return { place, chain, name, rule: text }
}
