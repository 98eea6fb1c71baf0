import { parseAddress } from '../src/packet/address.js'
import { CtState, Hook, type Packet } from '../src/packet/packet.js'

export interface Flow {
  readonly hook: 'input' | 'output'
  readonly source: string
  readonly destination: string
  readonly port: number
}

/** Many packets in one buffer. */
export class Traffic {
  readonly count: number
  readonly buffer: Uint8Array
  readonly #offsets: Int32Array
  readonly #lengths: Int32Array
  readonly #hooks: Uint8Array

  /** A TCP SYN for each flow. */
  constructor(flows: readonly Flow[]) {
    const packets = flows.map(syn)
    this.count = flows.length
    this.buffer = new Uint8Array(packets.reduce((sum, { length }) => sum + length, 0))
    this.#offsets = new Int32Array(this.count)
    this.#lengths = Int32Array.from(packets, ({ length }) => length)
    this.#hooks = Uint8Array.from(flows, ({ hook }) => Hook[hook])
    packets.reduce((offset, packet, i) => {
      this.buffer.set(packet, offset)
      this.#offsets[i] = offset
      return offset + packet.length
    }, 0)
  }

  /** Makes a packet a view of the i-th. */
  parse(packet: Packet, i: number): void {
    packet.parse(this.#offsets[i]!, this.#lengths[i]!)
    packet.hook = this.#hooks[i]!
    packet.ctState = CtState.new
  }
}

/** The bytes of a flow's first packet. */
export function syn({ source, destination, port }: Flow): Uint8Array {
  const ipv6 = parseAddress(source)!.bits === 128
  const header = ipv6 ? 40 : 20
  const bytes = new Uint8Array(header + 20)
  const view = new DataView(bytes.buffer)
  bytes[0] = ipv6 ? 0x60 : 0x45
  if (ipv6) view.setUint16(4, 20)
  else view.setUint16(2, bytes.length)
  bytes[ipv6 ? 6 : 9] = 6
  bytes[ipv6 ? 7 : 8] = 64
  bytes.set(addressBytes(source), ipv6 ? 8 : 12)
  bytes.set(addressBytes(destination), ipv6 ? 24 : 16)
  view.setUint16(header, 40000)
  view.setUint16(header + 2, port)
  view.setUint16(header + 12, 0x5002)
  return bytes
}

export function addressBytes(text: string): Uint8Array {
  const { bits, value } = parseAddress(text)!
  return Uint8Array.from({ length: bits / 8 }, (_, i) => Number((value >> BigInt(bits - 8 - 8 * i)) & 255n))
}

/** Numbers from 0 to below 1, the same ones each time (a linear congruential generator). */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

export function pick<T>(values: readonly T[], next: () => number): T {
  return values[Math.floor(next() * values.length)]!
}
