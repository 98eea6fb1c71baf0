import { Column, Family, type Packet } from '../../../packet/packet.js'
import {
  ExtensionWalk,
  findFragmentHeader,
  isExtension,
  nextHeaderPlace,
  skipExtensions,
} from '../extension-headers.js'
import type { Seeds } from '../sources.js'
import { FragmentQueues, Place, QUEUE_WORDS, Queue, QueueKey, Seen } from './queues.js'
import { BLOCK } from './store.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const { ipv4: IPV4, ipv6: IPV6 } = Family
const { saddr4: SADDR4, daddr4: DADDR4, saddr6: SADDR6, l4proto: L4PROTO, mark: PACKET_MARK } = Column
const WORDS = QUEUE_WORDS
const { seen: SEEN, length: LENGTH, there: THERE, ecn: ECN, longest: LONGEST, count: COUNT } = Queue
const { longestUnbreakable: LONGEST_UNBREAKABLE, whole: WHOLE, head: HEAD, headLength: HEAD_LENGTH } = Queue
const { mark: MARK, priority: PRIORITY } = Queue
const { first: FIRST, last: LAST } = Seen
const { duplicate: DUPLICATE, overlap: OVERLAP } = Place

/** What becomes of a packet. */
export const Fragments = {
  /** It is no fragment, or none that waits for others: it goes on as it is. */
  whole: 0,
  /** It waits for others of its datagram. */
  held: 1,
  /** It was the last that was missing: the datagram goes on in its place. */
  complete: 2,
  /** It does not fit to the others, or there is no room. */
  discarded: 3,
} as const
const { whole: IS_WHOLE, held: HELD, complete: COMPLETE, discarded: DISCARDED } = Fragments

const NANOSECONDS_PER_JIFFY = 4e6
const HZ = 250
const LARGEST = 65535
const TCP = 6
const UDP = 17
const ICMP6 = 58
/** Where fragments of a source are counted: sources share a place so seldom that it does not matter. */
const COUNTERS = 65536

const HEADER6 = 40
const FRAGMENT_HEADER = 8
const FRAGMENT = 44
/** Of the byte at 6 of IPv4: don't fragment. */
const UNBREAKABLE = 0x40

export interface ReassemblyOptions {
  readonly seeds: Seeds
  /** Bytes for each IP version (ipfrag_high_thresh, nf_conntrack_frag6_high_thresh); default 4 MiB. */
  readonly highThreshold?: number
  /** Seconds that a datagram has, from its first fragment on (ipfrag_time); default 30. */
  readonly timeout4?: number
  /** The same of IPv6 (nf_conntrack_frag6_timeout); default 60. */
  readonly timeout6?: number
  /** How many other fragments of a source may come between two of a datagram of IPv4 (ipfrag_max_dist); default 64. */
  readonly maximumDistance?: number
}

/**
 * Makes datagrams whole again, as the kernel does before connection tracking looks at packets: IPv4 as in
 * net/ipv4/ip_fragment.c, IPv6 as in net/ipv6/netfilter/nf_conntrack_reasm.c (6.18). Each hook (`Packet.hook`) has its own
 * fragments. Memory is bounded, and nothing is allocated after construction.
 *
 * A datagram lasts as long as the options say, where the kernel's timers may be up to two seconds late.
 */
export class Reassembly {
  /** The datagram that is complete, from `offset` on, until the next push. Attach a Packet to it once for all. */
  readonly buffer: Uint8Array = new Uint8Array(LARGEST + HEADER6 + BLOCK)
  offset = 0
  /** Bytes of it that are there: less than its header says, if a capture has cut a fragment. */
  length = 0
  /** Its mark and priority: those of its first fragment. */
  mark = 0
  priority = 0
  /** Datagrams completed, and fragments discarded. */
  completed = 0
  discarded = 0
  readonly #view = new DataView(this.buffer.buffer)
  readonly #ipv4: FragmentQueues
  readonly #ipv6: FragmentQueues
  readonly #maximumDistance: number
  /** Fragments that each source has sent. */
  readonly #counts = new Int32Array(COUNTERS)
  readonly #seed: number
  readonly #key = new QueueKey()
  readonly #walk = new ExtensionWalk()
  /** Jiffies, not modulo 2^32. */
  readonly #now = Float64Array.of(Number.NEGATIVE_INFINITY)

  constructor({
    seeds,
    highThreshold = 4194304,
    timeout4 = 30,
    timeout6 = 60,
    maximumDistance = 64,
  }: ReassemblyOptions) {
    this.#ipv4 = new FragmentQueues(highThreshold, timeout4 * HZ, seeds, this.#now)
    this.#ipv6 = new FragmentQueues(highThreshold, timeout6 * HZ, seeds, this.#now)
    this.#maximumDistance = maximumDistance
    this.#seed = seeds[0]
  }

  /** Datagrams that wait. */
  get waiting(): number {
    return this.#ipv4.size + this.#ipv6.size
  }

  /** Takes a parsed packet: a number of Fragments. */
  push(packet: Packet): number {
    const family = packet.family
    let said: number = IS_WHOLE
    if (family === IPV4) {
      if (packet.fragmentOffset === 0 && !packet.moreFragments) return IS_WHOLE
      this.#tick(packet)
      said = this.#push4(packet)
    } else if (family === IPV6) said = this.#push6(packet)
    if (said === COMPLETE) this.completed++
    else if (said === DISCARDED) this.discarded++
    return said
  }

  #push4(packet: Packet): number {
    const queues = this.#ipv4
    const records = queues.records
    const { view, network, fields, fragmentOffset: start } = packet
    const header = packet.transport - network
    const key = this.#key
    key.user = (packet.hook << 8) | fields[L4PROTO]!
    key.id = view.getUint16(network + 4)
    key.interface = 0
    key.addresses.fill(0)
    key.addresses[0] = fields[SADDR4]!
    key.addresses[4] = fields[DADDR4]!
    const queue = queues.find(key)
    if (queue < 0) return DISCARDED
    const at = queue * WORDS
    if (this.#isTooFar(fields[SADDR4]!, at)) queues.restart(queue)

    let end = start + packet.length - header
    const seen = records[at + SEEN]!
    const length = records[at + LENGTH]!
    if (packet.moreFragments) {
      end &= ~7
      if (end > length && (seen & LAST) !== 0) return this.#spoilt(queues, queue)
      records[at + LENGTH] = Math.max(end, length)
    } else {
      if (end < length || ((seen & LAST) !== 0 && end !== length)) return this.#spoilt(queues, queue)
      records[at + SEEN] = seen | LAST
      records[at + LENGTH] = end
    }
    if (end === start) return this.#spoilt(queues, queue)
    const place = queues.place(queue, start, end)
    if (place === DUPLICATE) return DISCARDED
    if (place === OVERLAP) return this.#spoilt(queues, queue)
    this.#add(queues, queue, packet, header, start, end)
    const size = end - start + header
    records[at + LONGEST] = Math.max(records[at + LONGEST]!, size)
    if ((view.getUint8(network + 6) & UNBREAKABLE) !== 0) {
      records[at + LONGEST_UNBREAKABLE] = Math.max(records[at + LONGEST_UNBREAKABLE]!, size)
    }
    records[at + ECN]! |= 1 << (view.getUint8(network + 1) & 3)
    return isComplete(records, at) ? this.#finish4(queue) : HELD
  }

  #push6(packet: Packet): number {
    const { view, network } = packet
    const payload = view.getUint16(network + 4)
    if (payload === 0 || !isExtension(view.getUint8(network + 6))) return IS_WHOLE
    const size = network + packet.length
    const header = findFragmentHeader(view, network, packet.end)
    if (header < 0 || this.#isTruncated(view, header, packet.end, size)) return IS_WHOLE
    if (header + FRAGMENT_HEADER > packet.end) return DISCARDED
    this.#tick(packet)
    const queues = this.#ipv6
    const records = queues.records
    const queue = queues.find(this.#key6(packet, header))
    if (queue < 0) return DISCARDED
    const at = queue * WORDS

    const fragment = view.getUint16(header + 2)
    const start = fragment & ~7
    const end = start + size - header - FRAGMENT_HEADER
    if (end > LARGEST) return DISCARDED
    const seen = records[at + SEEN]!
    const length = records[at + LENGTH]!
    if ((fragment & 1) === 0) {
      if (end < length || ((seen & LAST) !== 0 && end !== length)) return DISCARDED
      records[at + SEEN] = seen | LAST
      records[at + LENGTH] = end
    } else {
      if ((end & 7) !== 0) {
        queues.end(queue)
        return IS_WHOLE
      }
      if (end > length && (seen & LAST) !== 0) return DISCARDED
      records[at + LENGTH] = Math.max(end, length)
    }
    if (end === start) return DISCARDED
    const place = queues.place(queue, start, end)
    if (place === DUPLICATE) return DISCARDED
    if (place === OVERLAP) return this.#spoilt(queues, queue)
    this.#add(queues, queue, packet, header + FRAGMENT_HEADER - network, start, end)
    records[at + ECN]! |= 1 << ((view.getUint16(network) >> 4) & 3)
    return isComplete(records, at) ? this.#finish6(queue) : HELD
  }

  /** Whether a first fragment ends before the header of its protocol does (RFC 8200 §4.5): it goes on as it is. */
  #isTruncated(view: DataView, header: number, end: number, size: number): boolean {
    const walk = this.#walk
    return skipExtensions(view, FRAGMENT, header, end, walk) && walk.at + leastLength(walk.protocol) > size
  }

  #key6({ view, network, fields, hook, iif }: Packet, header: number): QueueKey {
    const key = this.#key
    key.user = hook << 8
    key.id = view.getInt32(header + 4)
    for (let word = 0; word < 8; word++) key.addresses[word] = fields[SADDR6 + word]!
    const destination = view.getUint16(network + 24)
    const onLink = destination >> 8 === 0xff || (destination & 0xffc0) === 0xfe80
    key.interface = onLink ? iif : 0
    return key
  }

  #add(
    queues: FragmentQueues,
    queue: number,
    packet: Packet,
    header: number,
    start: number,
    end: number,
  ): void {
    const records = queues.records
    const at = queue * WORDS
    const data = packet.network + header
    const behind = data + end - start
    const captured = Math.min(behind, packet.end)
    const fragment = queues.store.put(packet.view, start === 0 ? packet.network : data, captured)
    queues.add(queue, fragment, start, end)
    records[at + THERE]! += end - start
    if (captured < behind) records[at + WHOLE] = Math.min(records[at + WHOLE]!, start + captured - data)
    if (start > 0) return
    records[at + SEEN]! |= FIRST
    records[at + HEAD] = fragment
    records[at + HEAD_LENGTH] = header
    records[at + MARK] = packet.fields[PACKET_MARK]!
    records[at + PRIORITY] = packet.priority
  }

  #finish4(queue: number): number {
    const queues = this.#ipv4
    const records = queues.records
    const at = queue * WORDS
    const header = records[at + HEAD_LENGTH]!
    const length = header + records[at + LENGTH]!
    const ecn = records[at + ECN]!
    if (isContradictory(ecn) || length > LARGEST) return this.#spoilt(queues, queue)
    const view = this.#view
    queues.copy(queue, view, header)
    view.setUint16(2, length)
    if (isCongested(ecn)) view.setUint8(1, view.getUint8(1) | 3)
    const unbreakable = records[at + LONGEST_UNBREAKABLE] === records[at + LONGEST]
    view.setUint16(6, unbreakable ? UNBREAKABLE << 8 : 0)
    view.setUint16(10, 0)
    view.setUint16(10, headerSum(view, header))
    this.offset = 0
    this.length = header + Math.min(records[at + LENGTH]!, records[at + WHOLE]!)
    return this.#complete(queues, queue)
  }

  #finish6(queue: number): number {
    const queues = this.#ipv6
    const records = queues.records
    const at = queue * WORDS
    const header = records[at + HEAD_LENGTH]!
    const unfragmentable = header - FRAGMENT_HEADER
    const payload = unfragmentable - HEADER6 + records[at + LENGTH]!
    const ecn = records[at + ECN]!
    if (isContradictory(ecn) || payload > LARGEST) return this.#spoilt(queues, queue)
    const view = this.#view
    queues.copy(queue, view, header)
    // What stands before the fragment header moves over it.
    view.setUint8(nextHeaderPlace(view, unfragmentable), view.getUint8(unfragmentable))
    this.buffer.copyWithin(FRAGMENT_HEADER, 0, unfragmentable)
    view.setUint16(FRAGMENT_HEADER + 4, payload)
    if (isCongested(ecn)) view.setUint8(FRAGMENT_HEADER + 1, view.getUint8(FRAGMENT_HEADER + 1) | 0x30)
    this.offset = FRAGMENT_HEADER
    this.length = unfragmentable + Math.min(records[at + LENGTH]!, records[at + WHOLE]!)
    return this.#complete(queues, queue)
  }

  #complete(queues: FragmentQueues, queue: number): number {
    this.mark = queues.records[queue * WORDS + MARK]!
    this.priority = queues.records[queue * WORDS + PRIORITY]!
    queues.end(queue)
    return COMPLETE
  }

  #spoilt(queues: FragmentQueues, queue: number): number {
    queues.end(queue)
    return DISCARDED
  }

  /** Whether so many other fragments came from the source since the last one that the id may be used again. */
  #isTooFar(source: number, at: number): boolean {
    const records = this.#ipv4.records
    const place = Math.imul(source ^ this.#seed, 0x9e3779b1) >>> 16
    const count = (this.#counts[place]! + 1) | 0
    const before = records[at + COUNT]!
    this.#counts[place] = count
    records[at + COUNT] = count
    const begun = records[at + Queue.fragments]! >= 0
    return begun && this.#maximumDistance > 0 && (count - before) >>> 0 > this.#maximumDistance
  }

  #tick({ time }: Packet): void {
    const now = Math.floor(time[0]! / NANOSECONDS_PER_JIFFY)
    if (!(now > this.#now[0]!)) return
    this.#now[0] = now
    this.#ipv4.expire()
    this.#ipv6.expire()
  }
}

/** Fragments of one datagram cannot come both from hosts that know ECN and from one that does not (RFC 3168 §5.3). */
function isContradictory(ecn: number): boolean {
  return (ecn & 1) !== 0 && ecn !== 1
}

function isCongested(ecn: number): boolean {
  return (ecn & 8) !== 0
}

function isComplete(records: Int32Array, at: number): boolean {
  return records[at + SEEN] === (FIRST | LAST) && records[at + THERE] === records[at + LENGTH]
}

/** Bytes that a first fragment must have of a protocol. */
function leastLength(protocol: number): number {
  if (protocol === TCP) return 20
  return protocol === UDP || protocol === ICMP6 ? 8 : 1
}

/** The checksum of an IPv4 header at the beginning of a view, whose own field is 0. */
function headerSum(view: DataView, length: number): number {
  let sum = 0
  for (let at = 0; at < length; at += 2) sum += view.getUint16(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
