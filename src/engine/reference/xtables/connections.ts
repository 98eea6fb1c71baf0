/** The reference of the matches of connections that keep nothing themselves. */
import { Column, CtState, type Packet } from '../../../packet/packet.js'
import type {
  ConnbytesMatch,
  ConnlabelMatch,
  ConntrackMatch,
  ConntrackState,
  MarkMatch,
  MaskedAddress,
} from '../../../ruleset/xtables.js'
import type { Connections } from '../../environment.js'
import { isIPv6 } from './bytes.js'
import { option, outcome, within, type XtablesOutcome } from './outcome.js'

const STATUS = { none: 0, expected: 1, 'seen-reply': 2, assured: 4, confirmed: 8 }
const DIRECTIONS = { original: 0, reply: 1 }

export function hasState(any: readonly ConntrackState[], packet: Packet, connections?: Connections): boolean {
  const status = connections === undefined || packet.flow < 0 ? 0 : connections.status(packet.flow)
  return any.some((state) => {
    if (state === 'snat') return (status & 16) !== 0
    if (state === 'dnat') return (status & 32) !== 0
    return (packet.fields[Column.ctState]! & CtState[state]) !== 0
  })
}

export function conntrack(match: ConntrackMatch, packet: Packet, connections?: Connections): XtablesOutcome {
  if (!option(match.states, ({ any }) => hasState(any, packet, connections))) return 'no'
  const { flow } = packet
  if (flow < 0 || connections === undefined) return outcome(match.states !== undefined)
  const address = (of: MaskedAddress | undefined, which: 'source' | 'destination', direction: number) =>
    option(of, ({ value, mask }) => {
      const words = isIPv6(packet) ? [0, 1, 2, 3] : [0]
      const its = words.reduce(
        (all, word) => (all << 32n) | BigInt(connections[which](flow, direction, word) >>> 0),
        0n,
      )
      return (its & mask) === value
    })
  return outcome(
    (match.direction === undefined || DIRECTIONS[match.direction] === packet.flowDirection) &&
      option(match.protocol, ({ number }) => number === connections.protocol(flow)) &&
      address(match.originalSource, 'source', 0) &&
      address(match.originalDestination, 'destination', 0) &&
      address(match.replySource, 'source', 1) &&
      address(match.replyDestination, 'destination', 1) &&
      within(match.originalSourcePort, connections.sourcePort(flow, 0)) &&
      within(match.originalDestinationPort, connections.destinationPort(flow, 0)) &&
      within(match.replySourcePort, connections.sourcePort(flow, 1)) &&
      within(match.replyDestinationPort, connections.destinationPort(flow, 1)) &&
      option(match.status, ({ any }) =>
        any.some((each) => (connections.status(flow) & STATUS[each]) !== 0),
      ) &&
      within(match.expire, Math.floor(connections.expiration(flow, packet.time[0]!) / 1000)),
  )
}

export function connmark(
  { value, mask, invert = false }: MarkMatch,
  packet: Packet,
  connections: Connections,
) {
  if (packet.flow < 0) return outcome(false)
  return outcome(((connections.mark(packet.flow) & mask) >>> 0 === value) !== invert)
}

export function connbytes(match: ConnbytesMatch, packet: Packet, connections: Connections): XtablesOutcome {
  const { flow } = packet
  if (flow < 0) return 'no'
  const directions = match.direction === 'both' ? [0, 1] : [DIRECTIONS[match.direction]]
  const total = (of: 'packets' | 'bytes') =>
    directions.reduce((sum, direction) => sum + BigInt(connections[of](flow, direction)), 0n)
  const packets = total('packets')
  let value = match.mode === 'packets' ? packets : total('bytes')
  if (match.mode === 'avgpkt') value = packets === 0n ? 0n : value / packets
  // Bounds the wrong way round are how the kernel is told of an inversion.
  const invert = match.invert === true && match.from !== match.to
  return outcome((match.from <= value && value <= match.to) !== invert)
}

export function connlabel(
  { bit, set, invert = false }: ConnlabelMatch,
  packet: Packet,
  connections: Connections,
) {
  const { flow } = packet
  const word = Math.floor(bit / 32)
  const mask = 1 << (bit % 32)
  let has = flow >= 0 && (connections.label(flow, word) & mask) !== 0
  if (!has && set && flow >= 0) {
    connections.setLabel(flow, word, connections.label(flow, word) | mask)
    has = true
  }
  return outcome(has !== invert)
}
