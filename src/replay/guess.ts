import { grouped } from '../capture/error.js'
import { Direction } from '../capture/link.js'
import { openCaptures } from '../capture/merge.js'
import type { CaptureReader } from '../capture/reader.js'
import { type AddressBits, formatAddress } from '../packet/address.js'
import { Column, Family, type Packet } from '../packet/packet.js'

const { saddr4, daddr4, saddr6, daddr6, sport, dport, l4proto } = Column

/** Packets that are looked at. */
const LOOKED_AT = 10_000
/** Addresses that a host has at most, if directions tell them. */
const MOST_ADDRESSES = 64

/** Whose traffic a capture seems to be. */
export interface Guess {
  readonly addresses: readonly string[]
  /** By what, in words. */
  readonly reason: string
}

/** What is known of an address. */
interface Ends {
  readonly bits: AddressBits
  /** Packets that the link layer says this host sent from it, or got at it. */
  here: number
  /** Flows of which it is an end, and of these the ones that began towards it. */
  flows: number
  towards: number
}

/**
 * Guesses whose traffic captures are: by the directions that some tell of their packets; else it is the address, of each
 * IP version, that is an end of the most flows, and of equal ones the one that more of these are towards. Undefined if
 * there is no IP packet among the first of them. Rejects with CaptureError.
 */
export async function guessHost(files: readonly string[]): Promise<Guess | undefined> {
  const survey = new Survey()
  const captures = await openCaptures(files)
  try {
    while (captures.number < LOOKED_AT && (await captures.fill()))
      while (captures.number < LOOKED_AT && captures.next()) survey.look(captures.capture)
  } finally {
    captures.close()
  }
  return survey.guess()
}

class Survey {
  readonly #addresses = new Map<string, Ends>()
  readonly #flows = new Set<string>()
  #directed = 0

  look({ packet, direction }: CaptureReader): void {
    if (packet.family === 0) return
    const isIPv6 = packet.family === Family.ipv6
    const source = addressIn(packet, isIPv6 ? saddr6 : saddr4)
    const destination = addressIn(packet, isIPv6 ? daddr6 : daddr4)
    const bits = isIPv6 ? 128 : 32
    const here = direction === Direction.outbound ? source : destination
    if (direction !== Direction.unknown) {
      this.#directed++
      const ends = this.#endsOf(here, bits)
      if (ends !== undefined) ends.here++
    }
    const [from, to] = [packet.fields[sport], packet.fields[dport]]
    const protocol = packet.fields[l4proto]
    const flow = `${protocol} ${source} ${from} ${destination} ${to}`
    if (this.#flows.has(flow) || this.#flows.has(`${protocol} ${destination} ${to} ${source} ${from}`)) return
    this.#flows.add(flow)
    for (const address of [source, destination]) {
      const ends = this.#endsOf(address, bits)
      if (ends === undefined) continue
      ends.flows++
      if (address === destination) ends.towards++
    }
  }

  guess(): Guess | undefined {
    if (this.#directed > 0) {
      const here = [...this.#addresses].filter(([, ends]) => ends.here > 0)
      here.sort(([, a], [, b]) => b.here - a.here)
      const addresses = here.slice(0, MOST_ADDRESSES).map(([address]) => address)
      if (addresses.length > 0)
        return { addresses, reason: 'by the directions of packets that the capture tells' }
    }
    const best = ([32, 128] as const).map((bits) => this.#best(bits)).filter((one) => one !== undefined)
    if (best.length === 0) return undefined
    const flows = best.reduce((sum, [, ends]) => sum + ends.flows, 0)
    return {
      addresses: best.map(([address]) => address),
      reason: `${grouped(flows)} of ${grouped(this.#flows.size)} flows looked at begin or end there`,
    }
  }

  #best(bits: AddressBits): [string, Ends] | undefined {
    let best: [string, Ends] | undefined
    for (const [address, ends] of this.#addresses) {
      if (ends.bits !== bits) continue
      const more = best === undefined ? 1 : ends.flows - best[1].flows || ends.towards - best[1].towards
      if (more > 0) best = [address, ends]
    }
    return best
  }

  /** What is known of an address; undefined if it cannot be a host's. */
  #endsOf(address: string, bits: AddressBits): Ends | undefined {
    if (/^(?:0\.0\.0\.0|2(?:2[4-9]|[34]\d)\.|255\.|127\.|::1?$|ff)/.test(address)) return undefined
    let ends = this.#addresses.get(address)
    if (ends === undefined) {
      ends = { bits, here: 0, flows: 0, towards: 0 }
      this.#addresses.set(address, ends)
    }
    return ends
  }
}

/** The address that begins at a column, as people write it. */
export function addressIn({ fields, family }: Packet, column: number): string {
  if (family === Family.ipv4) return formatAddress({ bits: 32, value: BigInt(fields[column]! >>> 0) })
  let value = 0n
  for (let word = 0; word < 4; word++) value = (value << 32n) | BigInt(fields[column + word]! >>> 0)
  return formatAddress({ bits: 128, value })
}
