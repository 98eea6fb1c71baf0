import { Column, CtState, Family, Hook, type Packet } from '../../../packet/packet.js'
import type { Connections, ConnectionTuple } from '../../environment.js'
import type { Seeds } from '../sources.js'
import { FlowEntries } from './entries.js'
import { GenericTracker } from './generic.js'
import { classify, IcmpTracker, isMessage, Message } from './icmp.js'
import { ENTRY_WORDS, HZ, Outcome, Protocol, Status, Word } from './layout.js'
import { isShuttingDown, SctpTracker } from './sctp.js'
import { FlowTable, Insertion } from './table.js'
import { isEnding, TcpTracker } from './tcp.js'
import { type FlowTimeouts, timeoutsOf } from './timeouts.js'
import { Tuple } from './tuple.js'
import { UdpTracker } from './udp.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const WORDS = ENTRY_WORDS
const STATE = Column.ctState
const {
  invalid: INVALID,
  established: ESTABLISHED,
  related: RELATED,
  new: NEW,
  untracked: UNTRACKED,
} = CtState
const { ipv4: IPV4, ipv6: IPV6 } = Family
const { prerouting: PREROUTING, output: OUTPUT } = Hook
const { tcp: TCP, udp: UDP, gre: GRE, sctp: SCTP, udplite: UDPLITE, icmp: ICMP, icmp6: ICMP6 } = Protocol
const { status: STATUS, held: HELD, protocol: KIND, own: OWN } = Word
const { seenReply: SEEN_REPLY, confirmed: CONFIRMED } = Status
const { invalid: REFUSED, accepted: ACCEPTED, again: AGAIN } = Outcome
const { done: ENTERED, refused: CHAIN_TOO_LONG } = Insertion
const { plain: PLAIN, invalid: BAD_MESSAGE, untracked: NOT_TO_TRACK } = Message

/** nf_conntrack_max of a host with memory enough. */
const DEFAULT_SIZE = 262144
const MAXIMUM_SIZE = 2 ** 24
const NANOSECONDS_PER_JIFFY = 1e9 / HZ
/** Of the clock: jiffies, and the nanosecond in which the next one begins. */
const NOW = 0
const NEXT = 1
/** So much time at once outlasts every entry. */
const LONGEST_JUMP = 2 ** 28

export interface FlowsOptions {
  /** Entries at most (nf_conntrack_max); default 262144, at most 2^24. Memory: 136 to 144 bytes each, 16 more for labels where they are used, 32 for counters. */
  readonly size?: number
  /** Two random 32-bit numbers, so that nobody can choose flows that collide. */
  readonly seeds: Seeds
  /** Whether packets with wrong checksums are invalid, in prerouting (nf_conntrack_checksum); default true. */
  readonly checksum?: boolean
  /** Whether TCP flows are picked up in their middle (nf_conntrack_tcp_loose); default true. */
  readonly loose?: boolean
  /** Whether TCP's windows are left unchecked (nf_conntrack_tcp_be_liberal); default false. */
  readonly liberal?: boolean
  /** Whether packets and bytes of flows are counted (nf_conntrack_acct); default false. */
  readonly accounting?: boolean
  /** Seconds: see DEFAULT_TIMEOUTS. */
  readonly timeouts?: Partial<FlowTimeouts>
}

/**
 * The flow tracker: gives packets of sources that bring no connection state the one that the kernel's connection
 * tracking (net/netfilter/nf_conntrack_core.c, 6.18) would give them, by the clock of `Packet.time`.
 *
 * Every packet goes through `track` before the rules read its state (the kernel: at priority -200 of prerouting and
 * output), and ends either in `confirm`, if all of them accepted it, or in `release`. In between it holds its entry,
 * so that this is there for whoever reads it by `packet.flow`, even if it has left the table. Several packets may be under
 * way at a time. Nothing is allocated after construction, and nothing throws.
 */
export class Flows extends FlowEntries implements Connections {
  readonly #table: FlowTable
  readonly #records: Int32Array
  readonly #tuple = new Tuple()
  readonly #sought = new Tuple()
  readonly #checksum: boolean
  readonly #tcp: TcpTracker
  readonly #udp: UdpTracker
  readonly #icmp: IcmpTracker
  readonly #sctp: SctpTracker
  readonly #generic: GenericTracker
  /** Jiffies since the clock's origin, unlike the table's not modulo 2^32, and when the next one begins. */
  readonly #clock = Float64Array.of(Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY)
  /** The time that `find` was asked at. */
  readonly #asked = new Float64Array(1)
  /** New entries that entered the table. */
  inserted = 0
  /** Packets that were invalid. */
  invalid = 0
  /** Packets dropped as the table was full. */
  dropped = 0
  /** Packets dropped by `confirm`. */
  clashes = 0

  /** Throws a RangeError for a size or a timeout that cannot be. */
  constructor({ size = DEFAULT_SIZE, seeds, checksum = true, ...options }: FlowsOptions) {
    if (!Number.isInteger(size) || size < 1 || size > MAXIMUM_SIZE) {
      throw new RangeError(`size ${size} is not a whole number between 1 and ${MAXIMUM_SIZE}`)
    }
    const timeouts = timeoutsOf(options.timeouts ?? {})
    const table = new FlowTable(size, seeds, (at) => this.#isAtEnd(at))
    super(table, options.accounting ?? false)
    this.#table = table
    this.#records = table.records
    this.#checksum = checksum
    this.#tcp = new TcpTracker(this.#table, timeouts, options.loose ?? true, options.liberal ?? false)
    this.#udp = new UdpTracker(this.#table, timeouts)
    this.#icmp = new IcmpTracker(this.#table, timeouts)
    this.#sctp = new SctpTracker(this.#table, timeouts)
    this.#generic = new GenericTracker(this.#table, timeouts)
  }

  /** Entries that there is room for: `Packet.flow` is less. */
  get size(): number {
    return this.#table.size
  }

  /** Entries in the table, those of packets under way included. */
  get entries(): number {
    return this.#table.entries
  }

  /** Entries that had to give way to newcomers. */
  get evicted(): number {
    return this.#table.evicted
  }

  /**
   * Sets `ctState`, `flow` and `flowDirection` of a parsed packet, unless its state is `untracked` already (notrack).
   * Checksums are looked at if its hook is prerouting. False: the kernel drops it, as the table is full.
   */
  track(packet: Packet): boolean {
    packet.flow = -1
    packet.flowDirection = 0
    if (packet.fields[STATE] === UNTRACKED) return true
    this.#advance(packet.time)
    packet.fields[STATE] = INVALID
    const tuple = this.#tuple
    const { view, network, end, family, hook } = packet
    // A fragment can only come here if its socket asked not to reassemble: it is left alone (ipv4_conntrack_local).
    if (hook === OUTPUT && family === IPV4 && (packet.moreFragments || packet.fragmentOffset > 0)) return true
    if (family === 0 || !tuple.read(view, family, network, end, network + packet.length))
      return this.#refuse()
    const verify = this.#checksum && hook === PREROUTING
    if (isMessage(packet, tuple)) {
      const message = classify(packet, tuple, verify)
      if (message === BAD_MESSAGE) return this.#refuse()
      if (message === NOT_TO_TRACK) {
        packet.fields[STATE] = UNTRACKED
        return true
      }
      if (message !== PLAIN) return this.#relate(packet, message)
    }
    return this.#follow(packet, verify)
  }

  /** A packet was accepted: a new entry enters the table. False: the kernel drops it here, as another came before it. */
  confirm(packet: Packet): boolean {
    const index = packet.flow
    if (index < 0) return true
    this.#advance(packet.time)
    const at = index * WORDS
    const status = this.#records[at + STATUS]!
    let entered = true
    if ((status & CONFIRMED) === 0) {
      const found = this.#table.insert(index, this.#tuple)
      if (found === ENTERED) this.inserted++
      else if (found === CHAIN_TOO_LONG || !mayMerge(this.#records[at + KIND]! & 0xff)) entered = false
      else this.#merge(packet, found)
    }
    if (!entered) this.clashes++
    this.release(packet)
    return entered
  }

  /** A packet was answered with a TCP reset: its connection, if it is in the table, is over (nf_ct_set_closing). */
  close({ flow }: Packet): void {
    const at = flow * WORDS
    if (flow < 0 || (this.#records[at + STATUS]! & CONFIRMED) === 0) return
    if ((this.#records[at + KIND]! & 0xff) === TCP) this.#tcp.close(at)
  }

  find(tuple: ConnectionTuple, now: number): number {
    this.#asked[0] = now
    this.#advance(this.#asked)
    const sought = this.#sought
    sought.copy(tuple)
    const found = sought.invertible ? this.#table.find(sought) : -1
    return found < 0 ? -1 : found >> 1
  }

  /** A packet is done with its entry: one that is not in the table is given back. */
  release(packet: Packet): void {
    if (packet.flow < 0) return
    this.#table.letGo(packet.flow)
    packet.flow = -1
  }

  /** Of an ordinary packet: finds its flow or begins one, and asks the protocol's tracker. */
  #follow(packet: Packet, verify: boolean): boolean {
    const tuple = this.#tuple
    const table = this.#table
    const records = this.#records
    if (!tuple.invertible) return this.#refuse()
    for (;;) {
      const found = table.find(tuple)
      const index = found >= 0 ? found >> 1 : table.create(tuple)
      if (index < 0) {
        this.dropped++
        return false
      }
      const direction = found >= 0 ? found & 1 : 0
      const at = index * WORDS
      if (found >= 0) records[at + HELD]!++
      else this.clearCounters(index)
      const answered = records[at + STATUS]! & SEEN_REPLY
      const outcome = this.#ask(packet, index, at, direction, verify)
      if (outcome === REFUSED || outcome === AGAIN) {
        table.letGo(index)
        if (outcome === AGAIN) continue
        return this.#refuse()
      }
      const isReply = direction * SEEN_REPLY
      records[at + STATUS]! |= isReply
      if (outcome === ACCEPTED) this.count(index, direction, 1, packet.length)
      packet.flow = index
      packet.flowDirection = direction
      packet.fields[STATE] = (answered | isReply) !== 0 ? ESTABLISHED : NEW
      return true
    }
  }

  #ask(packet: Packet, index: number, at: number, direction: number, verify: boolean): number {
    const tuple = this.#tuple
    switch (tuple.protocol) {
      case TCP:
        return this.#tcp.track(packet, tuple, index, at, direction, verify)
      case UDP:
      case UDPLITE:
        return this.#udp.track(packet, tuple, at, verify)
      case ICMP:
      case ICMP6:
        return this.#icmp.track(packet, tuple, at)
      case SCTP:
        return this.#sctp.track(packet, tuple, at, direction, verify)
      default:
        return this.#generic.track(tuple.protocol, at)
    }
  }

  /** An error: about which flow, by what it quotes at `quoted` (nf_conntrack_inet_error). */
  #relate(packet: Packet, quoted: number): boolean {
    const tuple = this.#tuple
    const { view, network, end, family } = packet
    if (!tuple.read(view, family, quoted, end, network + packet.length) || !tuple.invertible)
      return this.#refuse()
    tuple.invert()
    const found = this.#table.find(tuple)
    if (found < 0) return this.#refuse()
    // It goes to the sender of what it quotes, or it is not for it.
    const words = family === IPV6 ? 4 : 1
    const destination = network + (family === IPV6 ? 24 : 16)
    for (let word = 0; word < words; word++) {
      if (view.getInt32(destination + word * 4) !== tuple.addresses[4 + word]) return this.#refuse()
    }
    packet.flow = found >> 1
    packet.flowDirection = found & 1
    packet.fields[STATE] = RELATED
    this.#records[packet.flow * WORDS + HELD]!++
    return true
  }

  #refuse(): boolean {
    this.invalid++
    return true
  }

  /** The packet belongs to the entry that came before its own (nf_ct_resolve_clash). */
  #merge(packet: Packet, found: number): void {
    const winner = found >> 1
    this.#records[winner * WORDS + HELD]!++
    this.count(winner, 0, this.packets(packet.flow, 0), this.bytes(packet.flow, 0))
    this.#table.letGo(packet.flow)
    packet.flow = winner
  }

  /** Takes the time where it stands: V8 boxes a double that is handed to a function which is not inlined. */
  #advance(time: Float64Array): void {
    const nanoseconds = time[0]!
    // A clock that steps back stands still until it is caught up.
    if (!(nanoseconds >= this.#clock[NEXT]!)) return
    const now = Math.floor(nanoseconds / NANOSECONDS_PER_JIFFY)
    const elapsed = now - this.#clock[NOW]!
    this.#clock[NOW] = now
    this.#clock[NEXT] = (now + 1) * NANOSECONDS_PER_JIFFY
    if (elapsed < LONGEST_JUMP) this.#table.advance(now | 0)
    else this.#table.expireAll(now | 0)
  }

  #isAtEnd(at: number): boolean {
    const state = this.#records[at + OWN]! & 0xff
    const protocol = this.#records[at + KIND]! & 0xff
    return protocol === TCP ? isEnding(state) : protocol === SCTP && isShuttingDown(state)
  }
}

/** Whether the first packets of a flow of this protocol may come twice at a time, and both pass (allow_clash). */
function mayMerge(protocol: number): boolean {
  return protocol === UDP || protocol === UDPLITE || protocol === GRE
}
