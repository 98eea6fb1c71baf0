import type { Connections } from '../../environment.js'
import { ENTRY_WORDS, HZ, Protocol, Status, Word } from './layout.js'
import type { FlowTable } from './table.js'
import { TcpState } from './timeouts.js'
import { invertPorts } from './tuple.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const WORDS = ENTRY_WORDS
const TCP = Protocol.tcp
const { timeWait: TIME_WAIT, close: CLOSE } = TcpState
const { status: STATUS, mark: MARK, generation: GENERATION } = Word
const { protocol: KIND, ports: PORTS, source: SOURCE, destination: DESTINATION, own: OWN } = Word
const { confirmed: CONFIRMED, dying: DYING, hasLabels: HAS_LABELS } = Status
const KERNEL_BITS = Status.seenReply | Status.assured | CONFIRMED | DYING

const MILLISECONDS_PER_JIFFY = 1000 / HZ
const LABEL_WORDS = 4

/** What rules read and write of an entry: `flow` is the `Packet.flow` of a packet that has not been let go. */
export class FlowEntries implements Omit<Connections, 'find'> {
  readonly #table: FlowTable
  readonly #records: Int32Array
  /** Flow × 4: packets and bytes of the original direction, then of the reply's. Empty if nothing is counted. */
  readonly #counters: Float64Array
  readonly #labels: Int32Array

  constructor(table: FlowTable, accounting: boolean) {
    this.#table = table
    this.#records = table.records
    this.#counters = new Float64Array(accounting ? table.size * 4 : 0)
    this.#labels = new Int32Array(table.size * LABEL_WORDS)
  }

  /** Bytes of all its entries, used or not: pages not yet used are only reserved. */
  get memory(): number {
    return this.#table.memory + this.#counters.byteLength + this.#labels.byteLength
  }

  /** Of the kernel's bits seen-reply 2, assured 4, confirmed 8 and dying 512. */
  status(flow: number): number {
    return this.#records[flow * WORDS + STATUS]! & KERNEL_BITS
  }

  /** The state of TCP or SCTP, a number of TcpState or SctpState; of no meaning for other protocols. */
  state(flow: number): number {
    return this.#records[flow * WORDS + OWN]! & 0xff
  }

  mark(flow: number): number {
    return this.#records[flow * WORDS + MARK]!
  }

  setMark(flow: number, mark: number): void {
    this.#records[flow * WORDS + MARK] = mark
  }

  label(flow: number, word: number): number {
    if ((this.#records[flow * WORDS + STATUS]! & HAS_LABELS) === 0) return 0
    return this.#labels[flow * LABEL_WORDS + word]!
  }

  setLabel(flow: number, word: number, value: number): void {
    const at = flow * LABEL_WORDS
    if ((this.#records[flow * WORDS + STATUS]! & HAS_LABELS) === 0) {
      this.#records[flow * WORDS + STATUS]! |= HAS_LABELS
      for (let i = 0; i < LABEL_WORDS; i++) this.#labels[at + i] = 0
    }
    this.#labels[at + word] = value
  }

  protocol(flow: number): number {
    return this.#records[flow * WORDS + KIND]! & 0xff
  }

  l3proto(flow: number): number {
    return this.#records[flow * WORDS + KIND]! >> 8
  }

  source(flow: number, direction: number, word: number): number {
    return this.#records[flow * WORDS + (direction === 0 ? SOURCE : DESTINATION) + word]!
  }

  destination(flow: number, direction: number, word: number): number {
    return this.#records[flow * WORDS + (direction === 0 ? DESTINATION : SOURCE) + word]!
  }

  sourcePort(flow: number, direction: number): number {
    return this.#ports(flow, direction) >>> 16
  }

  destinationPort(flow: number, direction: number): number {
    return this.#ports(flow, direction) & 0xffff
  }

  #ports(flow: number, direction: number): number {
    const at = flow * WORDS
    const ports = this.#records[at + PORTS]!
    return direction === 0 ? ports : invertPorts(this.#records[at + KIND]!, ports)
  }

  /** 0 if they are not counted: see FlowsOptions.accounting. */
  packets(flow: number, direction: number): number {
    return this.#counters.length === 0 ? 0 : this.#counters[flow * 4 + direction * 2]!
  }

  bytes(flow: number, direction: number): number {
    return this.#counters.length === 0 ? 0 : this.#counters[flow * 4 + direction * 2 + 1]!
  }

  /** As of the last packet that was tracked. */
  expiration(flow: number): number {
    const at = flow * WORDS
    if ((this.#records[at + STATUS]! & CONFIRMED) === 0) return 0
    return Math.max(this.#table.left(at), 0) * MILLISECONDS_PER_JIFFY
  }

  id(flow: number): number {
    return (Math.imul(this.generation(flow), 0x9e3779b1) + flow) >>> 0
  }

  isClosing(flow: number): boolean {
    const state = this.state(flow)
    return this.protocol(flow) === TCP && (state === TIME_WAIT || state === CLOSE)
  }

  generation(flow: number): number {
    return this.#records[flow * WORDS + GENERATION]!
  }

  /** Of a new entry: nothing is counted yet. */
  protected clearCounters(flow: number): void {
    const counters = this.#counters
    for (let i = flow * 4; i < flow * 4 + 4 && i < counters.length; i++) counters[i] = 0
  }

  protected count(flow: number, direction: number, packets: number, bytes: number): void {
    const counters = this.#counters
    if (counters.length === 0) return
    counters[flow * 4 + direction * 2]! += packets
    counters[flow * 4 + direction * 2 + 1]! += bytes
  }
}
