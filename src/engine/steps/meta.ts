import { Family, type Packet } from '../../packet/packet.js'
import type { Clock } from '../environment.js'
import type { InterfaceTable } from '../state/interfaces.js'
import { LocalTime } from '../state/local-time.js'
import type { Reader } from './reader.js'

const IPV4 = Family.ipv4
const ETHERTYPE_IPV4 = 0x0800
const ETHERTYPE_IPV6 = 0x86dd

/** A reader of one word that is always there. */
class NumberReader implements Reader {
  readonly bits: number
  readonly #of: (packet: Packet) => number

  constructor(bits: number, of: (packet: Packet) => number) {
    this.bits = bits
    this.#of = of
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    into[at] = this.#of(packet)
    return true
  }
}

/** The same of a number that is missing if it is negative. */
class OwnerReader implements Reader {
  readonly bits = 32
  readonly #of: (packet: Packet) => number

  constructor(of: (packet: Packet) => number) {
    this.#of = of
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    const owner = this.#of(packet)
    into[at] = owner
    return owner >= 0
  }
}

/** The name of an interface: no name where there is none. */
class InterfaceNameReader implements Reader {
  readonly bits = 128
  readonly #interfaces: InterfaceTable
  readonly #of: (packet: Packet) => number

  constructor(interfaces: InterfaceTable, of: (packet: Packet) => number) {
    this.#interfaces = interfaces
    this.#of = of
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    const name = this.#interfaces.nameOf(this.#of(packet))
    for (let word = 0; word < 4; word++) into[at + word] = name[word]!
    return true
  }
}

class DateReader implements Reader {
  readonly bits = 64
  readonly #time: LocalTime

  constructor(time: LocalTime) {
    this.#time = time
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    this.#time.date(packet, into, at)
    return true
  }
}

export interface MetaContext {
  readonly interfaces: InterfaceTable
  readonly clock?: Clock
  readonly random: () => number
}

/** The reader of a meta key that is no column (net/netfilter/nft_meta.c); undefined if it cannot be decided. */
export function metaReader(key: string, context: MetaContext): Reader | undefined {
  const { interfaces, clock, random } = context
  switch (key) {
    case 'length':
      return new NumberReader(32, (packet) => packet.length)
    case 'protocol':
      return new NumberReader(16, (packet) => (packet.family === IPV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6))
    case 'priority':
      return new NumberReader(32, (packet) => packet.priority)
    case 'pkttype':
      return new NumberReader(8, (packet) => packet.pkttype)
    case 'iif':
      return new NumberReader(32, (packet) => packet.iif)
    case 'oif':
      return new NumberReader(32, (packet) => packet.oif)
    case 'iifname':
      return new InterfaceNameReader(interfaces, (packet) => packet.iif)
    case 'oifname':
      return new InterfaceNameReader(interfaces, (packet) => packet.oif)
    case 'skuid':
      return new OwnerReader((packet) => packet.uid)
    case 'skgid':
      return new OwnerReader((packet) => packet.gid)
    case 'nftrace':
      return new NumberReader(1, () => 0)
    case 'random':
      return new NumberReader(32, () => random() | 0)
    case 'time':
      return clock && new DateReader(new LocalTime(clock))
    case 'day': {
      const time = clock && new LocalTime(clock)
      return time && new NumberReader(8, (packet) => time.day(packet))
    }
    case 'hour': {
      const time = clock && new LocalTime(clock)
      return time && new NumberReader(32, (packet) => time.hour(packet))
    }
    default:
      return undefined
  }
}
