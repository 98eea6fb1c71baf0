import { lookup } from 'node:dns/promises'
import { type Address, parseAddress } from '../packet/address.js'

/** Names that are remembered, and looked up at once, at most; milliseconds for which an answer counts. */
const MOST_NAMES = 1000
const MOST_PENDING = 50
const LIFETIME_MS = 300_000

/** Finds the addresses of a name. */
export type LookUp = (name: string) => Promise<readonly string[]>

const systemLookUp: LookUp = async (name) => (await lookup(name, { all: true })).map(({ address }) => address)

interface Answer {
  readonly addresses: Promise<readonly Address[]>
  readonly until: number
}

/** Looks names up, beside everything else: bounded in number, and remembered for a while. */
export class Resolver {
  readonly #lookUp: LookUp
  readonly #known = new Map<string, Answer>()
  #pending = 0
  /** Names that were not looked up because too many were already. */
  refused = 0

  constructor(lookUp: LookUp = systemLookUp) {
    this.#lookUp = lookUp
  }

  /** Its addresses; none if there is no such name. now: milliseconds. */
  resolve(name: string, now: number): Promise<readonly Address[]> {
    const known = this.#known.get(name)
    if (known !== undefined && known.until > now) return known.addresses
    if (this.#pending >= MOST_PENDING) {
      this.refused++
      return Promise.resolve([])
    }
    const addresses = this.#ask(name)
    this.#known.delete(name)
    this.#known.set(name, { addresses, until: now + LIFETIME_MS })
    if (this.#known.size > MOST_NAMES) this.#known.delete(this.#known.keys().next().value!)
    return addresses
  }

  async #ask(name: string): Promise<readonly Address[]> {
    this.#pending++
    try {
      return (await this.#lookUp(name)).flatMap((text) => parseAddress(text) ?? [])
    } catch {
      return []
    } finally {
      this.#pending--
    }
  }
}
