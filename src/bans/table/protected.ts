import { networkInterfaces } from 'node:os'
import { lastOf, type Prefix, parseAddress } from '../../packet/address.js'

/** Sources that are never banned. */
export class Protected {
  readonly #prefixes: readonly Prefix[]
  readonly #ofJails: ReadonlyMap<string, readonly Prefix[]>

  /** ofJails: sources that single jails never ban. */
  constructor(prefixes: readonly Prefix[], ofJails: ReadonlyMap<string, readonly Prefix[]> = new Map()) {
    this.#prefixes = prefixes
    this.#ofJails = ofJails
  }

  /** Whether a ban of a source, by a jail, would shut out one of them. */
  has(source: Prefix, jail = ''): boolean {
    const shutsOut = (prefix: Prefix) => overlap(prefix, source)
    return this.#prefixes.some(shutsOut) || (this.#ofJails.get(jail)?.some(shutsOut) ?? false)
  }
}

function overlap(one: Prefix, other: Prefix): boolean {
  return one.bits === other.bits && one.value <= lastOf(other) && other.value <= lastOf(one)
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
