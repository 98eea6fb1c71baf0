/** `ct count` (net/netfilter/nft_connlimit.c, nf_conncount.c). */
import type { Connlimit } from '../../ruleset/model.js'
import type { Context, State, Step } from './context.js'
import { jiffiesOf } from './jiffies.js'
import { type CountedConnections, CountedLists } from './xtables/counted.js'

/** The lists of each statement: of its rule, or of the elements of its set. */
const LISTS = new WeakMap<Connlimit, CountedLists>()

export class ConnectionCount implements State {
  readonly #spec: Connlimit
  readonly #list: CountedConnections

  constructor(spec: Connlimit) {
    const lists = LISTS.get(spec) ?? new CountedLists()
    LISTS.set(spec, lists)
    this.#spec = spec
    this.#list = lists.list()
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
