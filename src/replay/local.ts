import type { HostAddress } from '../engine/host/settings.js'
import { parseAddress } from '../packet/address.js'
import { Family } from '../packet/packet.js'
import { ReplayError } from './error.js'

const IPV4 = Family.ipv4
const LOOPBACK = 'lo'
const DEFAULT_INTERFACE = 'eth0'
const MOST_ADDRESSES = 64

/** The host's addresses and interfaces, as ReplayHost wants them. */
export interface Local {
  readonly addresses: readonly HostAddress[]
  /** `lo`, and the interfaces of the addresses. */
  readonly interfaces: readonly string[]
  /** Nobody has said what the first interface is called. */
  readonly unnamed: boolean
}

/**
 * Reads addresses such as 10.0.0.50, 10.0.0.50/16 and fd00::1/64@eth1: without a length they have no network, without a
 * name they are of the first interface. Throws ReplayError.
 */
export function parseLocal(texts: readonly string[], first?: string): Local {
  if (texts.length > MOST_ADDRESSES)
    throw new ReplayError(`a host has at most ${MOST_ADDRESSES} addresses here, not ${texts.length}`)
  const parts = texts.map((text) => {
    const [, address = '', length, name] = /^([^/@]+)(?:\/(\d{1,3}))?(?:@(.{1,15}))?$/.exec(text) ?? []
    const parsed = parseAddress(address)
    if (parsed === undefined || Number(length ?? 0) > parsed.bits || name === LOOPBACK)
      throw new ReplayError(
        `${text} is no address of a host: expected one such as 10.0.0.50/16 or fd00::1/64@eth1`,
      )
    return { address, length: Number(length ?? parsed.bits), name }
  })
  const named = parts.flatMap(({ name }) => name ?? [])
  const own = first ?? named[0]
  const interfaces = [...new Set([LOOPBACK, own ?? DEFAULT_INTERFACE, ...named])]
  const addresses = parts.map(({ address, length, name }) => ({
    address,
    length,
    interface: (name === undefined ? 1 : interfaces.indexOf(name)) + 1,
  }))
  return { addresses, interfaces, unnamed: own === undefined }
}

/** The host's addresses, for the question that each packet asks: is one of its ends here? */
export class LocalAddresses {
  readonly #ipv4: Int32Array
  readonly #ipv6: Int32Array

  constructor(addresses: readonly HostAddress[]) {
    const parsed = addresses.map(({ address }) => parseAddress(address)!)
    const words = (bits: number) =>
      Int32Array.from(
        parsed
          .filter((each) => each.bits === bits)
          .flatMap(({ value }) =>
            Array.from({ length: bits / 32 }, (_, i) =>
              Number(BigInt.asIntN(32, value >> BigInt(bits - 32 - 32 * i))),
            ),
          ),
      )
    this.#ipv4 = words(32)
    this.#ipv6 = words(128)
  }

  /** Whether the address in a column of the packet's family is one of the host's, or one of a loopback network. */
  has(fields: Int32Array, family: number, column4: number, column6: number): boolean {
    return family === IPV4 ? this.#has4(fields[column4]!) : this.#has6(fields, column6)
  }

  #has4(address: number): boolean {
    if (address >>> 24 === 127) return true
    const known = this.#ipv4
    for (let i = 0; i < known.length; i++) if (known[i] === address) return true
    return false
  }

  #has6(fields: Int32Array, column: number): boolean {
    const [w0, w1, w2, w3] = [fields[column]!, fields[column + 1]!, fields[column + 2]!, fields[column + 3]!]
    if ((w0 | w1 | w2) === 0 && w3 === 1) return true
    const known = this.#ipv6
    for (let i = 0; i < known.length; i += 4)
      if (known[i] === w0 && known[i + 1] === w1 && known[i + 2] === w2 && known[i + 3] === w3) return true
    return false
  }
}
