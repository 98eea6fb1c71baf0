/** The reference of xt_connlimit. */
import type { Packet } from '../../../packet/packet.js'
import type { ConnlimitMatch } from '../../../ruleset/xtables.js'
import type { Connections } from '../../environment.js'
import { addressesOf, isIPv6, masked } from './bytes.js'
import { CountedConnections } from './counted.js'
import { outcome, type XtablesOutcome } from './outcome.js'
import { tick } from './time.js'

export class Connlimit {
  readonly #bySource = new Map<bigint, CountedConnections>()

  matches(match: ConnlimitMatch, packet: Packet, connections: Connections): XtablesOutcome {
    const count = this.#count(match, packet, connections)
    return count === 0 ? 'hotdrop' : outcome(count > match.count === match.above)
  }

  #count({ side, mask }: ConnlimitMatch, packet: Packet, connections: Connections): number {
    const { source, destination } = addressesOf(packet)
    const key = masked(side === 'source' ? source : destination, mask, isIPv6(packet) ? 128 : 32)
    const known = this.#bySource.get(key)
    if (known !== undefined) return known.add(packet, tick(packet), connections) ? known.entries.length : 0
    const list = new CountedConnections()
    if (!list.start(packet, tick(packet), connections)) return 0
    this.#bySource.set(key, list)
    return list.entries.length
  }
}
