/** `ct count` (net/netfilter/nft_connlimit.c, nf_conncount.c). */
import type { Connlimit } from '../../ruleset/model.js'
import type { Context, State, Step } from './context.js'
import { jiffiesOf } from './jiffies.js'
import { CountedConnections } from './xtables/counted.js'

export class ConnectionCount implements State {
  readonly #spec: Connlimit
  readonly #list = new CountedConnections()

  constructor(spec: Connlimit) {
    this.#spec = spec
  }

  /** Connections that it counted last. */
  get size(): number {
    return this.#list.entries.length
  }

  run({ packet, environment, now }: Context): Step {
    if (!this.#list.add(packet, jiffiesOf(now), environment.connections!)) return 'drop'
    return this.#list.entries.length > this.#spec.count === this.#spec.over ? 'continue' : 'break'
  }

  /** Whether there is no connection left. */
  isEmpty({ environment, now }: Context): boolean {
    this.#list.collect(jiffiesOf(now), environment.connections!)
    return this.#list.entries.length === 0
  }
}
