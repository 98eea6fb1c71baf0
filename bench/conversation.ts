/** TCP connections and datagrams, frame by frame, with right checksums and sequence numbers. */
import { parseAddress } from '../src/packet/address.js'
import { addressBytes } from './traffic.js'

export interface Ends {
  readonly source: string
  readonly sport: number
  readonly destination: string
  readonly dport: number
}

/** Flags of TCP. */
export const TcpFlags = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const
const { fin: FIN, syn: SYN, psh: PSH, ack: ACK } = TcpFlags
/** A packet of a connection: from its server or not, flags, and bytes that it carries. */
export type Segment = readonly [reply: boolean, flags: number, payload: number]

/** A connection that asks for something in one packet, and gets an answer in so many of so many bytes. */
export function exchange(question: number, answers: number, answer: number): Segment[] {
  const answering = Array.from({ length: answers }, (): Segment[] => [
    [true, PSH | ACK, answer],
    [false, ACK, 0],
  ])
  return [
    [false, SYN, 0],
    [true, SYN | ACK, 0],
    [false, ACK, 0],
    [false, PSH | ACK, question],
    [true, ACK, 0],
    ...answering.flat(),
    [true, FIN | ACK, 0],
    [false, FIN | ACK, 0],
    [true, ACK, 0],
  ]
}

const ETHERNET = 14
const TCP = 6
const UDP = 17
const LARGEST = 65_535

const frame = new Uint8Array(ETHERNET + LARGEST)
const view = new DataView(frame.buffer)

/** The frames of one connection; all conversations share the memory that they are written into. */
export class Conversation {
  readonly #ipv6: boolean
  readonly #addresses: readonly [Uint8Array, Uint8Array]
  readonly #ports: readonly [number, number]
  /** Next sequence numbers of both sides. */
  readonly #sequence: [number, number]
  #id = 1

  constructor({ source, sport, destination, dport }: Ends, sequence: readonly [number, number] = [1, 1]) {
    this.#ipv6 = parseAddress(source)!.bits === 128
    this.#addresses = [addressBytes(source), addressBytes(destination)]
    this.#ports = [sport, dport]
    this.#sequence = [...sequence]
  }

  /** A segment's frame, which holds until the next one of any conversation. */
  segment([reply, flags, payload]: Segment): Uint8Array {
    const [own, other] = reply ? [1, 0] : [0, 1]
    const at = this.#begin(TCP, own, 20 + payload)
    view.setUint32(at + 4, this.#sequence[own]!)
    view.setUint32(at + 8, flags & ACK ? this.#sequence[other]! : 0)
    view.setUint16(at + 12, 0x5000 | flags)
    view.setUint16(at + 14, 65_535)
    view.setUint32(at + 16, 0)
    frame.fill(0x61, at + 20, at + 20 + payload)
    this.#sequence[own] = (this.#sequence[own]! + payload + (flags & (SYN | FIN) ? 1 : 0)) >>> 0
    return this.#finish(at, at + 16, TCP, 20 + payload)
  }

  datagram(reply: boolean, payload: number): Uint8Array {
    const at = this.#begin(UDP, reply ? 1 : 0, 8 + payload)
    view.setUint16(at + 4, 8 + payload)
    view.setUint16(at + 6, 0)
    frame.fill(0x61, at + 8, at + 8 + payload)
    return this.#finish(at, at + 6, UDP, 8 + payload)
  }

  /** The headers up to the ports; where these begin. */
  #begin(protocol: number, own: number, length: number): number {
    view.setUint16(12, this.#ipv6 ? 0x86dd : 0x0800)
    const ip = ETHERNET
    const [from, to] = [this.#addresses[own]!, this.#addresses[1 - own]!]
    if (this.#ipv6) {
      view.setUint32(ip, 0x60000000)
      view.setUint16(ip + 4, length)
      view.setUint16(ip + 6, (protocol << 8) | 64)
      frame.set(from, ip + 8)
      frame.set(to, ip + 24)
    } else {
      view.setUint16(ip, 0x4500)
      view.setUint16(ip + 2, 20 + length)
      view.setUint16(ip + 4, this.#id++ & 0xffff)
      view.setUint16(ip + 6, 0x4000)
      view.setUint16(ip + 8, (64 << 8) | protocol)
      view.setUint16(ip + 10, 0)
      frame.set(from, ip + 12)
      frame.set(to, ip + 16)
      view.setUint16(ip + 10, ~sum(ip, ip + 20, 0) & 0xffff)
    }
    const at = ip + (this.#ipv6 ? 40 : 20)
    view.setUint16(at, this.#ports[own]!)
    view.setUint16(at + 2, this.#ports[1 - own]!)
    return at
  }

  #finish(at: number, checksum: number, protocol: number, length: number): Uint8Array {
    const end = at + length
    frame[end] = 0
    const total = sum(ETHERNET + (this.#ipv6 ? 8 : 12), end, protocol + length)
    view.setUint16(checksum, ~total & 0xffff || 0xffff)
    return frame.subarray(0, end)
  }
}

/** The Internet checksum's sum of two-byte words (RFC 1071). */
function sum(start: number, end: number, first: number): number {
  let total = first
  for (let place = start; place < end; place += 2) total += view.getUint16(place)
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16)
  return total
}
