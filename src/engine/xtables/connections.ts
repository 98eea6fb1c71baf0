/** Matches of connections: net/netfilter/xt_conntrack.c, xt_connmark.c, xt_connbytes.c, xt_connlabel.c. */
import { Column, CtState, type Packet } from '../../packet/packet.js'
import type {
  ConnbytesMatch,
  ConnlabelMatch,
  ConntrackMatch,
  ConntrackState,
  ConntrackStatus,
  MarkMatch,
  MaskedAddress,
} from '../../ruleset/xtables.js'
import { type Connections, Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { addressWords } from './addresses.js'
import { Bounds } from './headers.js'

const { break: BREAK, continue: CONTINUE } = Outcome
const { ctState: STATE } = Column
const ORIGINAL = 0
const REPLY = 1

/** Beside nft's bits of states, those that say that addresses were translated; … */
const SNAT = 1 << 16
const DNAT = 1 << 17
/** … and what of enum ip_conntrack_status says so. */
const IPS_SRC_NAT = 1 << 4
const IPS_DST_NAT = 1 << 5

const STATES: Readonly<Record<ConntrackState, number>> = { ...CtState, snat: SNAT, dnat: DNAT }
/** Bits of enum ip_conntrack_status. */
const STATUSES: Readonly<Record<ConntrackStatus, number>> = {
  none: 0,
  expected: 1,
  'seen-reply': 2,
  assured: 4,
  confirmed: 8,
}

type Test = (packet: Packet) => boolean

/** `-m state`, and `-m conntrack` that asks for states only: decided by what `Packet.ctState` says. */
export function stateStep(states: readonly ConntrackState[], invert = false): Step {
  const wanted = states.reduce((bits, state) => bits | STATES[state], 0)
  return {
    run: ({ fields }: Packet): OutcomeNumber =>
      ((fields[STATE]! & wanted) !== 0) !== invert ? CONTINUE : BREAK,
  }
}

/** Of a packet without a connection only the states are looked at: without them it is no match. */
export function conntrackStep(match: ConntrackMatch, bits: 32 | 128, connections: Connections): Step {
  const { states, direction } = match
  const wanted = states?.any.reduce((bits, state) => bits | STATES[state], 0) ?? 0
  const differ = states?.invert ?? false
  const without = states === undefined ? BREAK : CONTINUE
  const tests = [...testsOf(match, bits, connections)]
  return {
    run(packet: Packet): OutcomeNumber {
      const { flow } = packet
      if (states !== undefined) {
        let its = packet.fields[STATE]!
        if (flow >= 0) {
          const status = connections.status(flow)
          if (status & IPS_SRC_NAT) its |= SNAT
          if (status & IPS_DST_NAT) its |= DNAT
        }
        if (((its & wanted) !== 0) === differ) return BREAK
      }
      if (flow < 0) return without
      if (direction !== undefined && (packet.flowDirection === REPLY) !== (direction === 'reply'))
        return BREAK
      for (let i = 0; i < tests.length; i++) if (!tests[i]!(packet)) return BREAK
      return CONTINUE
    },
  }
}

/** What a match asks of the packet's connection beside its state and direction. */
function* testsOf(match: ConntrackMatch, bits: 32 | 128, connections: Connections): Generator<Test> {
  const { protocol, status, expire } = match
  const address = (wanted: MaskedAddress, of: Connections['source'], direction: number): Test => {
    const value = addressWords(wanted.value, bits)
    const mask = addressWords(wanted.mask, bits)
    const invert = wanted.invert ?? false
    return ({ flow }) => {
      let same = true
      for (let i = 0; i < value.length; i++)
        same &&= (of.call(connections, flow, direction, i) & mask[i]!) === value[i]
      return same !== invert
    }
  }
  if (match.originalSource) yield address(match.originalSource, connections.source, ORIGINAL)
  if (match.originalDestination) yield address(match.originalDestination, connections.destination, ORIGINAL)
  if (match.replySource) yield address(match.replySource, connections.source, REPLY)
  if (match.replyDestination) yield address(match.replyDestination, connections.destination, REPLY)
  if (protocol)
    yield ({ flow }) => (connections.protocol(flow) === protocol.number) !== (protocol.invert ?? false)

  const { originalSourcePort, originalDestinationPort, replySourcePort, replyDestinationPort } = match
  const [from0, to0] = [new Bounds(originalSourcePort), new Bounds(originalDestinationPort)]
  const [from1, to1] = [new Bounds(replySourcePort), new Bounds(replyDestinationPort)]
  if (originalSourcePort) yield ({ flow }) => from0.holds(connections.sourcePort(flow, ORIGINAL))
  if (originalDestinationPort) yield ({ flow }) => to0.holds(connections.destinationPort(flow, ORIGINAL))
  if (replySourcePort) yield ({ flow }) => from1.holds(connections.sourcePort(flow, REPLY))
  if (replyDestinationPort) yield ({ flow }) => to1.holds(connections.destinationPort(flow, REPLY))

  if (status) {
    const wanted = status.any.reduce((bits, each) => bits | STATUSES[each], 0)
    yield ({ flow }) => ((connections.status(flow) & wanted) !== 0) !== (status.invert ?? false)
  }
  if (expire) {
    const bounds = new Bounds(expire)
    yield ({ flow, time }) => bounds.holds(Math.floor(connections.expiration(flow, time[0]!) / 1000))
  }
}

export function connmarkStep({ value, mask, invert = false }: MarkMatch, connections: Connections): Step {
  const wanted = value | 0
  return {
    run({ flow }: Packet): OutcomeNumber {
      if (flow < 0) return BREAK
      return ((connections.mark(flow) & mask) === wanted) !== invert ? CONTINUE : BREAK
    },
  }
}

export function connbytesStep(match: ConnbytesMatch, connections: Connections): Step {
  const { mode, direction } = match
  const from = Number(match.from)
  const to = Number(match.to)
  // The kernel is told of an inversion by bounds the wrong way round: of one number only it hears nothing.
  const invert = match.invert === true && from !== to
  const sum = (of: Connections['packets'], flow: number): number => {
    if (direction !== 'both') return of.call(connections, flow, direction === 'reply' ? REPLY : ORIGINAL)
    return of.call(connections, flow, ORIGINAL) + of.call(connections, flow, REPLY)
  }
  return {
    run({ flow }: Packet): OutcomeNumber {
      if (flow < 0) return BREAK
      let value: number
      if (mode === 'packets') value = sum(connections.packets, flow)
      else {
        value = sum(connections.bytes, flow)
        if (mode === 'avgpkt') {
          const packets = sum(connections.packets, flow)
          value = packets === 0 ? 0 : Math.floor(value / packets)
        }
      }
      return (value >= from && value <= to) !== invert ? CONTINUE : BREAK
    },
  }
}

export function connlabelStep(
  { bit, set = false, invert = false }: ConnlabelMatch,
  connections: Connections,
): Step {
  const word = bit >> 5
  const mask = 1 << (bit & 31)
  const [has, lacks] = invert ? ([BREAK, CONTINUE] as const) : ([CONTINUE, BREAK] as const)
  return {
    run({ flow }: Packet): OutcomeNumber {
      if (flow < 0) return lacks
      const label = connections.label(flow, word)
      if ((label & mask) !== 0) return has
      if (!set) return lacks
      connections.setLabel(flow, word, label | mask)
      return has
    },
  }
}
