/** `ct count` (net/netfilter/nft_connlimit.c, nf_conncount.c). */
import type { Packet } from '../../packet/packet.js'
import type { Connlimit } from '../../ruleset/model.js'
import type { Connections } from '../environment.js'
import type { Context, State, Step } from './context.js'
import { skipExtensions } from './extensions.js'
import { jiffiesOf } from './jiffies.js'
import { isIPv4 } from './payload.js'

/** A connection that counts, or a packet that has none: `flow` is -1 then, and the next look forgets it. */
interface Counted {
  readonly flow: number
  readonly generation: number
}

/** The most that one look forgets, and that are added within a tick without a look (CONNCOUNT_GC_MAX_NODES). */
const MOST_FORGOTTEN = 64
/** A bit of enum ip_conntrack_status. */
const ASSURED = 4
const ICMP = 1
const ICMPV6 = 58
const WITH_PORTS: readonly number[] = [6, 17, 132, 136]

export class ConnectionCount implements State {
  readonly #spec: Connlimit
  #list: Counted[] = []
  /** The jiffy of the last look, and how many there were behind it. */
  #lookedAt = -1n
  #sizeThen = 0

  constructor(spec: Connlimit) {
    this.#spec = spec
  }

  run(context: Context): Step {
    const { packet, environment, now } = context
    const connections = environment.connections!
    const { flow } = packet
    if (flow < 0 && !hasTuple(packet)) return 'drop'
    const jiffies = jiffiesOf(now)
    const isConfirmed = flow >= 0 && connections.isConfirmed(flow)
    if (isConfirmed && (connections.status(flow) & ASSURED) !== 0) {
      if (jiffies !== this.#lookedAt) this.#look(jiffies, connections)
    } else {
      const isRecent = jiffies === this.#lookedAt && this.#list.length - this.#sizeThen < MOST_FORGOTTEN
      const one = entryOf(context, connections)
      // Who meets itself looks no further.
      const isKnown = (isConfirmed || !isRecent) && this.#lookFor(one, jiffies, connections)
      if (!isKnown) this.#list.push(one)
    }
    return this.#list.length > this.#spec.count === this.#spec.over ? 'continue' : 'break'
  }

  /** Whether there is no connection left. */
  isEmpty({ environment, now }: Context): boolean {
    this.#look(jiffiesOf(now), environment.connections!)
    return this.#list.length === 0
  }

  /** Forgets connections that are gone or closing. */
  #look(jiffies: bigint, connections: Connections): void {
    this.#lookFor(undefined, jiffies, connections)
  }

  /** The same, up to one connection that is still there: whether it is. */
  #lookFor(wanted: Counted | undefined, jiffies: bigint, connections: Connections): boolean {
    const kept: Counted[] = []
    let forgotten = 0
    for (const [place, one] of this.#list.entries()) {
      const isThere = isCurrent(one, connections)
      if (forgotten <= MOST_FORGOTTEN && isThere && one.flow === wanted?.flow) {
        this.#list = [...kept, ...this.#list.slice(place)]
        return true
      }
      if (forgotten > MOST_FORGOTTEN || (isThere && !connections.isClosing(one.flow))) kept.push(one)
      else forgotten++
    }
    this.#list = kept
    this.#lookedAt = jiffies
    this.#sizeThen = kept.length
    return false
  }
}

function isCurrent({ flow, generation }: Counted, connections: Connections): boolean {
  return flow >= 0 && connections.generation(flow) === generation && connections.isConfirmed(flow)
}

function entryOf({ packet: { flow } }: Context, connections: Connections): Counted {
  return { flow, generation: flow < 0 ? 0 : connections.generation(flow) }
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
  if (behind.protocol === ICMP || behind.protocol === ICMPV6) return there >= 8
  return !WITH_PORTS.includes(behind.protocol) || there >= 4
}
