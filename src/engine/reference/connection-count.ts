/** `ct count` (net/netfilter/nft_connlimit.c, nf_conncount.c). */
import { Family, type Packet } from '../../packet/packet.js'
import type { Connlimit } from '../../ruleset/model.js'
import type { Connections } from '../environment.js'
import type { Context } from './context.js'
import { skipExtensions } from './extensions.js'
import { jiffiesOf } from './jiffies.js'
import { isIPv4 } from './payload.js'
import type { State, Step } from './stateful.js'

/** A connection that counts, or a packet that has none: `flow` is -1 then, and the next look forgets it. */
interface Counted {
  readonly tuple: string
  readonly flow: number
  readonly generation: number
}

/** The most that one look forgets. */
const MOST_FORGOTTEN = 8
const ICMP = 1
const ICMPV6 = 58
const WITH_PORTS: readonly number[] = [6, 17, 132, 136]

export class ConnectionCount implements State {
  readonly #spec: Connlimit
  #list: Counted[] = []
  #lookedAt = -1n

  constructor(spec: Connlimit) {
    this.#spec = spec
  }

  run(context: Context): Step {
    const { packet, environment, now } = context
    const connections = environment.connections!
    const { flow } = packet
    if (flow < 0 && !hasTuple(packet)) return 'drop'
    const jiffies = jiffiesOf(now)
    const isFirst = this.#lookedAt !== jiffies
    if (flow >= 0 && connections.isConfirmed(flow)) {
      if (isFirst) this.#forget(connections)
    } else {
      const one = entryOf(context, connections)
      if (isFirst) this.#forget(connections)
      const isKnown = isFirst && this.#list.some(({ tuple }) => tuple === one.tuple)
      if (!isKnown) this.#list.push(one)
    }
    this.#lookedAt = jiffies
    return this.#list.length > this.#spec.count === this.#spec.over ? 'continue' : 'break'
  }

  /** Whether there is no connection left. */
  isEmpty({ environment }: Context): boolean {
    this.#forget(environment.connections!)
    return this.#list.length === 0
  }

  /** Forgets connections that are gone or closing. */
  #forget(connections: Connections): void {
    let forgotten = 0
    this.#list = this.#list.filter((one) => {
      if (forgotten > MOST_FORGOTTEN || isAlive(one, connections)) return true
      forgotten++
      return false
    })
  }
}

function isAlive({ flow, generation }: Counted, connections: Connections): boolean {
  if (flow < 0 || connections.generation(flow) !== generation) return false
  return connections.isConfirmed(flow) && !connections.isClosing(flow)
}

function entryOf({ packet }: Context, connections: Connections): Counted {
  const { flow } = packet
  if (flow < 0) return { tuple: '', flow, generation: 0 }
  const words = [0, 1, 2, 3].map((word) => [
    connections.source(flow, 0, word),
    connections.destination(flow, 0, word),
  ])
  const size = connections.l3proto(flow) === Family.ipv6 ? 4 : 1
  const tuple = [
    connections.protocol(flow),
    connections.sourcePort(flow, 0),
    connections.destinationPort(flow, 0),
    ...words.slice(0, size).flat(),
  ].join(' ')
  return { tuple, flow, generation: connections.generation(flow) }
}

/** Whether connection tracking could name the packet's connection (nf_ct_get_tuplepr). */
function hasTuple(packet: Packet): boolean {
  const behind = isIPv4(packet)
    ? {
        protocol: packet.view.getUint8(packet.network + 9),
        at: packet.transport,
        isLaterFragment: packet.fragmentOffset !== 0,
      }
    : skipExtensions(packet)
  if (behind === undefined || behind.isLaterFragment || behind.at > packet.end) return false
  const there = packet.end - behind.at
  if (behind.protocol === (isIPv4(packet) ? ICMP : ICMPV6)) return there >= 8
  return !WITH_PORTS.includes(behind.protocol) || there >= 4
}
