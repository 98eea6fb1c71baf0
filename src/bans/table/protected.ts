import { networkInterfaces } from 'node:os'
import { lastOf, type Prefix, parseAddress } from '../../packet/address.js'

/** Addresses from the first to the last. */
interface Range {
  readonly bits: number
  readonly first: bigint
  readonly last: bigint
}

/** Sources that are never banned. */
export class Protected {
  readonly #ranges: readonly Range[]
  readonly #ofJails: ReadonlyMap<string, readonly Range[]>

  /** ofJails: sources that single jails never ban. */
  constructor(prefixes: readonly Prefix[], ofJails: ReadonlyMap<string, readonly Prefix[]> = new Map()) {
    this.#ranges = prefixes.map(rangeOf)
    this.#ofJails = new Map([...ofJails].map(([jail, prefixes]) => [jail, prefixes.map(rangeOf)]))
  }

  /** Whether a ban of a source, by a jail, would shut out one of them. */
  has(source: Prefix, jail = ''): boolean {
    const own = this.#ofJails.get(jail)
    if (this.#ranges.length === 0 && own === undefined) return false
    const { bits, first, last } = rangeOf(source)
    // A hundred thousand bans are looked at when they are restored.
    const shutsOut = (range: Range) => range.bits === bits && range.first <= last && first <= range.last
    return this.#ranges.some(shutsOut) || (own?.some(shutsOut) ?? false)
  }
}

function rangeOf(prefix: Prefix): Range {
  const { bits, value, length } = prefix
  return { bits, first: value, last: length === bits ? value : lastOf(prefix) }
}

/** The machine's own addresses, loopback's whole network among them. */
export function ownAddresses(): Prefix[] {
  const loopback: Prefix = { bits: 32, value: 0x7f000000n, length: 8 }
  const addresses = Object.values(networkInterfaces()).flatMap((interfaces) =>
    (interfaces ?? []).flatMap(({ address }) => wholeOf(address)),
  )
  return [loopback, ...addresses]
}

/** Where the SSH session that we were started from comes from (ssh(1), SSH_CONNECTION); none without one. */
export function sshSession(environment: NodeJS.ProcessEnv): Prefix[] {
  const client = (environment.SSH_CONNECTION ?? environment.SSH_CLIENT)?.split(' ')[0]
  return client === undefined ? [] : wholeOf(client)
}

function wholeOf(text: string): Prefix[] {
  const address = parseAddress(text.replace(/%.*$/, ''))
  return address === undefined ? [] : [{ ...address, length: address.bits }]
}
