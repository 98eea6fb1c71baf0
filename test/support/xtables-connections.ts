/** Connections that a test makes up, and packets of them. */
import type { Connections, ConnectionTuple } from '../../src/engine/environment.js'

export interface FakeFlow {
  status: number
  mark: number
  label: number[]
  source: bigint[]
  destination: bigint[]
  sourcePort: number[]
  destinationPort: number[]
  protocol: number
  packets: number[]
  bytes: number[]
  /** Milliseconds. */
  expires: number
  confirmed: boolean
  closing: boolean
}

export function fakeFlow(changes: Partial<FakeFlow> = {}): FakeFlow {
  return {
    status: 0,
    mark: 0,
    label: [0, 0, 0, 0],
    source: [0x0a000007n, 0x0a000001n],
    destination: [0x0a000001n, 0x0a000007n],
    sourcePort: [40000, 22],
    destinationPort: [22, 40000],
    protocol: 6,
    packets: [1, 0],
    bytes: [60, 0],
    expires: 30_000,
    confirmed: false,
    closing: false,
    ...changes,
  }
}

/** A table of connections by index, for packets of one family. */
export class FakeConnections implements Connections {
  readonly flows: FakeFlow[]
  readonly #bits: 32 | 128

  constructor(flows: FakeFlow[] = [], bits: 32 | 128 = 32) {
    this.flows = flows
    this.#bits = bits
  }

  #word(address: bigint, word: number): number {
    return Number(BigInt.asIntN(32, address >> BigInt(this.#bits - 32 - 32 * word)))
  }

  status = (flow: number) => this.flows[flow]!.status | (this.flows[flow]!.confirmed ? 8 : 0)
  mark = (flow: number) => this.flows[flow]!.mark
  setMark = (flow: number, mark: number) => {
    this.flows[flow]!.mark = mark
  }
  label = (flow: number, word: number) => this.flows[flow]!.label[word]!
  setLabel = (flow: number, word: number, value: number) => {
    this.flows[flow]!.label[word] = value
  }
  l3proto = () => (this.#bits === 32 ? 2 : 10)
  protocol = (flow: number) => this.flows[flow]!.protocol
  source = (flow: number, direction: number, word: number) =>
    this.#word(this.flows[flow]!.source[direction]!, word)
  destination = (flow: number, direction: number, word: number) =>
    this.#word(this.flows[flow]!.destination[direction]!, word)
  sourcePort = (flow: number, direction: number) => this.flows[flow]!.sourcePort[direction]!
  destinationPort = (flow: number, direction: number) => this.flows[flow]!.destinationPort[direction]!
  packets = (flow: number, direction: number) => this.flows[flow]!.packets[direction]!
  bytes = (flow: number, direction: number) => this.flows[flow]!.bytes[direction]!
  expiration = (flow: number) => this.flows[flow]!.expires
  id = (flow: number) => flow
  isClosing = (flow: number) => this.flows[flow]!.closing
  find = ({ kind, ports, addresses }: ConnectionTuple) =>
    this.flows.findIndex(
      ({ confirmed }, flow) =>
        confirmed &&
        kind === ((this.l3proto() << 8) | this.protocol(flow)) &&
        [0, 1].some((direction) => this.#has(flow, direction, ports, addresses)),
    )

  #has(flow: number, direction: number, ports: number, addresses: Int32Array): boolean {
    const words = this.#bits === 32 ? [0] : [0, 1, 2, 3]
    return (
      ports === ((this.sourcePort(flow, direction) << 16) | this.destinationPort(flow, direction)) &&
      words.every(
        (word) =>
          this.source(flow, direction, word) === addresses[word] &&
          this.destination(flow, direction, word) === addresses[4 + word],
      )
    )
  }
}
