import { networkInterfaces } from 'node:os'
import { lastOf, type Prefix, parseAddress } from '../../packet/address.js'

/** Sources that are never banned. */
export class Protected {
  readonly #prefixes: readonly Prefix[]

  constructor(prefixes: readonly Prefix[]) {
    this.#prefixes = prefixes
  }

  /** Whether a ban of a source would shut out one of them. */
  has(source: Prefix): boolean {
    return this.#prefixes.some((prefix) => overlap(prefix, source))
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
