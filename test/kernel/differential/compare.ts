/** Where two judges differ about a case. */
import { type Case, isPacket, type Outcome } from './case.js'

export interface Difference {
  /** The number of the packet, or -1 if only counters differ. */
  readonly packet: number
  readonly what: string
  /** Who differs from the kernel, or from the first evaluator. */
  readonly by: string
}

/** The first difference, if there is any. */
export function differenceOf(
  { lines }: Case,
  one: Outcome,
  other: Outcome,
): Pick<Difference, 'packet' | 'what'> | undefined {
  const packets = lines.filter(isPacket)
  for (const packet of packets.keys()) {
    const a = one.answers[packet]!
    const b = other.answers[packet]!
    if (a.verdict !== b.verdict || a.mark !== b.mark)
      return { packet, what: `packet ${packet}: ${a.verdict} ${a.mark} or ${b.verdict} ${b.mark}` }
  }
  const counted = new Map(other.counters.map((counter) => [counter.of, counter]))
  for (const { of, packets, bytes } of one.counters) {
    const { packets: otherPackets = 0, bytes: otherBytes = 0 } = counted.get(of) ?? {}
    if (packets !== otherPackets || bytes !== otherBytes)
      return { packet: -1, what: `counter of ${of}: ${packets} ${bytes} or ${otherPackets} ${otherBytes}` }
  }
  return undefined
}
