import { Family, type Packet } from '../../packet/packet.js'
import type { Connections } from '../environment.js'
import type { Reader } from './reader.js'

const IPV4 = Family.ipv4
const REPLY = 1
const WORD = 2 ** 32

type Words = (packet: Packet, into: Int32Array, at: number) => boolean

/** Something of the packet's connection: missing where there is none. */
class ConnectionReader implements Reader {
  readonly bits: number
  readonly #words: Words

  constructor(bits: number, words: Words) {
    this.bits = bits
    this.#words = words
  }

  read(packet: Packet, into: Int32Array, at: number): boolean {
    return packet.flow >= 0 && this.#words(packet, into, at)
  }
}

/** The reader of a ct key that is no column (net/netfilter/nft_ct.c); undefined if it cannot be decided. */
export function connectionReader(
  key: string,
  direction: 'original' | 'reply' | undefined,
  table: Connections,
): Reader | undefined {
  const side = direction === 'reply' ? REPLY : 0
  const number = (bits: number, of: (packet: Packet) => number) =>
    new ConnectionReader(bits, (packet, into, at) => {
      into[at] = of(packet)
      return true
    })
  switch (key) {
    case 'direction':
      return number(8, (packet) => packet.flowDirection)
    case 'status':
      return number(32, (packet) => table.status(packet.flow))
    case 'mark':
      return number(32, (packet) => table.mark(packet.flow))
    case 'expiration':
      return number(32, (packet) => table.expiration(packet.flow, packet.time[0]!))
    case 'id':
      return number(32, (packet) => table.id(packet.flow))
    case 'zone':
      return number(16, () => 0)
    case 'l3proto':
      return number(8, (packet) => table.l3proto(packet.flow))
    case 'protocol':
      return number(8, (packet) => table.protocol(packet.flow))
    case 'proto-src':
      return number(16, (packet) => table.sourcePort(packet.flow, side))
    case 'proto-dst':
      return number(16, (packet) => table.destinationPort(packet.flow, side))
    case 'bytes':
      return counterReader(direction, (packet, of) => table.bytes(packet.flow, of))
    case 'packets':
      return counterReader(direction, (packet, of) => table.packets(packet.flow, of))
    case 'avgpkt':
      return averageReader(direction, table)
    case 'label':
      return new ConnectionReader(128, (packet, into, at) => {
        for (let word = 0; word < 4; word++) into[at + 3 - word] = table.label(packet.flow, word)
        return true
      })
    case 'saddr':
    case 'ip saddr':
      return addressReader(table, 32, (packet, word) => table.source(packet.flow, side, word))
    case 'daddr':
    case 'ip daddr':
      return addressReader(table, 32, (packet, word) => table.destination(packet.flow, side, word))
    case 'ip6 saddr':
      return addressReader(table, 128, (packet, word) => table.source(packet.flow, side, word))
    case 'ip6 daddr':
      return addressReader(table, 128, (packet, word) => table.destination(packet.flow, side, word))
    default:
      return undefined
  }
}

function addressReader(
  table: Connections,
  bits: 32 | 128,
  wordOf: (packet: Packet, word: number) => number,
): Reader {
  return new ConnectionReader(bits, (packet, into, at) => {
    if ((table.l3proto(packet.flow) === IPV4) !== (bits === 32)) return false
    for (let word = 0; word < bits / 32; word++) into[at + word] = wordOf(packet, word)
    return true
  })
}

function writeCount(value: number, into: Int32Array, at: number): boolean {
  into[at] = Math.floor(value / WORD)
  into[at + 1] = value | 0
  return true
}

type Count = (packet: Packet, direction: number) => number

/** Without a direction, both together. */
function counterReader(direction: string | undefined, of: Count): Reader {
  return new ConnectionReader(64, (packet, into, at) => writeCount(total(packet, direction, of), into, at))
}

function averageReader(direction: string | undefined, table: Connections): Reader {
  const packetsOf: Count = (packet, of) => table.packets(packet.flow, of)
  const bytesOf: Count = (packet, of) => table.bytes(packet.flow, of)
  return new ConnectionReader(64, (packet, into, at) => {
    const packets = total(packet, direction, packetsOf)
    const bytes = total(packet, direction, bytesOf)
    return writeCount(packets === 0 ? 0 : Math.floor(bytes / packets), into, at)
  })
}

function total(packet: Packet, direction: string | undefined, of: Count): number {
  if (direction === undefined) return of(packet, 0) + of(packet, REPLY)
  return of(packet, direction === 'reply' ? REPLY : 0)
}
