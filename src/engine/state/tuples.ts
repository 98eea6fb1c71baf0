/** The tuples of connections, as hashes of 64 bits: what nf_conncount knows a connection by. */
import { Column, Family, type Packet } from '../../packet/packet.js'
import type { Connections } from '../environment.js'
import { FRAGMENT, Headers } from '../xtables/headers.js'
import type { Seeds } from './sources.js'

const { saddr4: SADDR4, daddr4: DADDR4, saddr6: SADDR6, daddr6: DADDR6 } = Column
const IPV6 = Family.ipv6
const FRAGMENT_HEADER = FRAGMENT
const ORIGINAL = 0
const [ICMP, ICMP6] = [1, 58]
/** Protocols that conntrack has ports of, in the first four bytes of their headers. */
const WITH_PORTS = new Set([6, 17, 132, 136])
/** Source, destination, ports and protocol. */
const WORDS = 10

/** Reads tuples of a direction and its opposite; seeded, so that nobody can make two tuples meet. */
export class Tuples {
  /** Of what was read last: the halves of its hash, and of its opposite's, which is that of no reply to ICMP. */
  low = 0
  high = 0
  backLow = 0
  backHigh = 0
  readonly #words = new Int32Array(WORDS)
  readonly #seeds: Seeds
  readonly #headers = new Headers()

  constructor(seeds: Seeds) {
    this.#seeds = seeds
  }

  /** The tuple that a connection began with. */
  ofConnection(connections: Connections, flow: number): void {
    const words = this.#words
    const size = connections.l3proto(flow) === IPV6 ? 4 : 1
    words.fill(0)
    for (let i = 0; i < size; i++) {
      words[i] = connections.source(flow, ORIGINAL, i)
      words[i + 4] = connections.destination(flow, ORIGINAL, i)
    }
    const source = connections.sourcePort(flow, ORIGINAL)
    const destination = connections.destinationPort(flow, ORIGINAL)
    this.#finish(source, destination, connections.protocol(flow))
  }

  /** The tuple of a packet that belongs to no connection; false if it has none (nf_ct_get_tuplepr). */
  ofPacket(packet: Packet): boolean {
    const headers = this.#headers
    const { fields, view, end } = packet
    if (!headers.afterExtensions(packet) || headers.protocol === FRAGMENT_HEADER) return false
    const ipv6 = packet.family === IPV6
    if (!ipv6 && headers.fragmentOffset !== 0) return false
    const { protocol, at } = headers
    const message = protocol === ICMP || protocol === ICMP6
    const ported = WITH_PORTS.has(protocol)
    if ((message || ported) && end - at < (message ? 8 : 4)) return false

    const words = this.#words
    words.fill(0)
    for (let i = 0; i < (ipv6 ? 4 : 1); i++) {
      words[i] = fields[(ipv6 ? SADDR6 : SADDR4) + i]!
      words[i + 4] = fields[(ipv6 ? DADDR6 : DADDR4) + i]!
    }
    const source = message ? view.getUint16(at + 4) : ported ? view.getUint16(at) : 0
    const destination = message ? view.getUint16(at) : ported ? view.getUint16(at + 2) : 0
    this.#finish(source, destination, protocol)
    return true
  }

  #finish(source: number, destination: number, protocol: number): void {
    const words = this.#words
    words[8] = (source << 16) | destination
    words[9] = protocol
    this.low = this.#hash(this.#seeds[0], 0)
    this.high = this.#hash(this.#seeds[1], 0)
    words[8] = (destination << 16) | source
    this.backLow = this.#hash(this.#seeds[0], 4)
    this.backHigh = this.#hash(this.#seeds[1], 4)
  }

  /** Turned: 4 to take the destination for the source and the other way round. */
  #hash(seed: number, turned: 0 | 4): number {
    const words = this.#words
    let h = seed | 0
    for (let i = 0; i < WORDS; i++) {
      h = Math.imul(h ^ words[i < 8 ? i ^ turned : i]!, 0x9e3779b1)
      h ^= h >>> 15
    }
    h = Math.imul(h, 0x85ebca6b)
    return h ^ (h >>> 13)
  }
}
