import { Column, type Packet } from '../../packet/packet.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const { nfproto: NFPROTO, l4proto: L4, sport: SPORT, dport: DPORT, saddr4: SADDR4, saddr6: SADDR6 } = Column

/** Bytes of an event, and events that the ring holds: a power of two. */
const EVENT = 72
const CAPACITY = 4096
/** Words of the header: events written, events read, events lost as the ring was full. */
const WRITTEN = 0
const READ = 1
const LOST = 2
const HEADER = 64

/** Offsets in an event. */
const TIME = 0
const DECIDED_BY = 8
const REFUSED_BY = 12
const IIF = 16
const OIF = 20
const LENGTH = 24
const PORTS = 28
const HOOK = 32
const FAMILY = 33
const L4PROTO = 34
/** Bits: the packet has ports; it has a transport protocol. */
const HAS = 35
/** The source's words, then the destination's: two in all, or eight. */
const ADDRESSES = 36

/** A refused packet, as the packet thread saw it. */
export interface DropEvent {
  /** Nanoseconds on the clock of the packet's source. */
  time: number
  /** As `Engine.decidedBy` and `Engine.refusedBy`. */
  decidedBy: number
  refusedBy: number
  hook: number
  /** NFPROTO number; 0 if the packet was malformed. */
  family: number
  /** -1 if the packet has none. */
  l4proto: number
  /** Addresses as 32-bit words, most significant first: one word or four. */
  source: Int32Array
  destination: Int32Array
  /** -1 if the packet has none. */
  sourcePort: number
  destinationPort: number
  iif: number
  oif: number
  length: number
}

/**
 * A ring of fixed-size events in shared memory: one thread writes and one reads, neither waits. When the
 * reader is slow, events are lost and counted, and packets are not held up.
 */
export class EventRing {
  readonly memory: SharedArrayBuffer
  readonly #header: Int32Array
  readonly #view: DataView
  /** The writer's own count, and how far it knows the reader to be: calls of Atomics cost more than an event. */
  #written: number
  #seenRead: number

  /** Memory: that of the ring's other end. */
  constructor(memory = new SharedArrayBuffer(HEADER + CAPACITY * EVENT)) {
    this.memory = memory
    this.#header = new Int32Array(memory, 0, HEADER / 4)
    this.#view = new DataView(memory, HEADER)
    this.#written = Atomics.load(this.#header, WRITTEN)
    this.#seenRead = Atomics.load(this.#header, READ)
  }

  /** Events lost so far as the ring was full (modulo 2^32). */
  get lost(): number {
    return Atomics.load(this.#header, LOST) >>> 0
  }

  /** Writes down a packet that the engine has just dropped. Hot path. */
  write(packet: Packet, decidedBy: number, refusedBy: number): void {
    const header = this.#header
    const written = this.#written
    if (((written - this.#seenRead) | 0) >= CAPACITY) {
      this.#seenRead = Atomics.load(header, READ)
      if (((written - this.#seenRead) | 0) >= CAPACITY) {
        Atomics.add(header, LOST, 1)
        return
      }
    }
    const { present, fields } = packet
    const view = this.#view
    const at = (written & (CAPACITY - 1)) * EVENT
    const hasPorts = (present & (1 << DPORT)) !== 0
    view.setFloat64(at + TIME, packet.time[0]!)
    view.setInt32(at + DECIDED_BY, decidedBy)
    view.setInt32(at + REFUSED_BY, refusedBy)
    view.setInt32(at + IIF, packet.iif)
    view.setInt32(at + OIF, packet.oif)
    view.setInt32(at + LENGTH, packet.length)
    view.setUint16(at + PORTS, fields[SPORT]!)
    view.setUint16(at + PORTS + 2, fields[DPORT]!)
    view.setUint8(at + HOOK, packet.hook)
    view.setUint8(at + FAMILY, present === 0 ? 0 : fields[NFPROTO]!)
    view.setUint8(at + L4PROTO, fields[L4]!)
    view.setUint8(at + HAS, (hasPorts ? 1 : 0) | (present & (1 << L4) ? 2 : 0))
    const ipv6 = (present & (1 << SADDR6)) !== 0
    // Destinations stand right behind sources in the columns, as they do in an event.
    const from = ipv6 ? SADDR6 : SADDR4
    const words = ipv6 ? 8 : 2
    for (let word = 0; word < words; word++) view.setInt32(at + ADDRESSES + word * 4, fields[from + word]!)
    this.#written = (written + 1) | 0
    Atomics.store(header, WRITTEN, this.#written)
  }

  /** Takes out the events that were written since the last call, at most as many as the ring holds. */
  *read(): Generator<DropEvent> {
    const header = this.#header
    const written = Atomics.load(header, WRITTEN)
    for (let read = Atomics.load(header, READ); read !== written; read = (read + 1) | 0) {
      const event = this.#eventAt((read & (CAPACITY - 1)) * EVENT)
      Atomics.store(header, READ, (read + 1) | 0)
      yield event
    }
  }

  #eventAt(at: number): DropEvent {
    const view = this.#view
    const has = view.getUint8(at + HAS)
    const family = view.getUint8(at + FAMILY)
    const words = family === 10 ? 4 : 1
    const address = (index: number) =>
      Int32Array.from({ length: words }, (_, word) =>
        view.getInt32(at + ADDRESSES + (index * words + word) * 4),
      )
    return {
      time: view.getFloat64(at + TIME),
      decidedBy: view.getInt32(at + DECIDED_BY),
      refusedBy: view.getInt32(at + REFUSED_BY),
      hook: view.getUint8(at + HOOK),
      family,
      l4proto: has & 2 ? view.getUint8(at + L4PROTO) : -1,
      source: address(0),
      destination: address(1),
      sourcePort: has & 1 ? view.getUint16(at + PORTS) : -1,
      destinationPort: has & 1 ? view.getUint16(at + PORTS + 2) : -1,
      iif: view.getInt32(at + IIF),
      oif: view.getInt32(at + OIF),
      length: view.getInt32(at + LENGTH),
    }
  }
}
