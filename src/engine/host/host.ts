/** What the kernel does around the chains, from the wire to a socket or another wire. */
import { sumHolds } from '../../packet/checksum.js'
import { Column, CtState, Family, Hook, Packet } from '../../packet/packet.js'
import { Verdict } from '../judge.js'
import { Stage } from '../program.js'
import { Fragments } from '../state/fragments/reassembly.js'
import { isUnchecked, Rejection } from '../steps/reject.js'
import { type Addresses, AddressType, LOOPBACK } from './addresses.js'
import { getsOut, isLinkLocal, sendsError } from './answers.js'
import { isSound } from './arrival.js'
import { Recorder } from './recording.js'
import { Route, Router } from './route.js'
import type { HostSettings } from './settings.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const { ipv4: IPV4, ipv6: IPV6 } = Family
const {
  prerouting: PREROUTING,
  input: INPUT,
  forward: FORWARD,
  output: OUTPUT,
  postrouting: POSTROUTING,
} = Hook
const { invalid: INVALID, untracked: UNTRACKED } = CtState
const { drop: DROP, accept: ACCEPT } = Verdict
const { ctState: STATE, saddr4: SADDR4, daddr4: DADDR4 } = Column
const { local: LOCAL, broadcast: BROADCAST, multicast: MULTICAST } = AddressType
const LO = LOOPBACK
const { input: TO_INPUT, lost: NOWHERE, parameterProblem: PARAMETER_PROBLEM, none: NO_ROUTE } = Route

const {
  beforeFragments: BEFORE_FRAGMENTS,
  beforeTracking: BEFORE_TRACKING,
  tracked: TRACKED,
  all: ALL,
} = Stage

const WITHOUT_OPTIONS = 0x45
const [ICMP, TCP, UDP] = [1, 6, 17] as const
const TOS4 = 1
const TTL4 = 8
const CHECKSUM4 = 10
const FRAGMENT4 = 6
const DONT_FRAGMENT = 0x4000
const HOP_LIMIT6 = 7
/** Priorities of what IPv4 forwards, by two bits of its type of service (ip_tos2prio in net/ipv4/route.c). */
const PRIORITIES = [0, 2, 6, 4]
/** The kernel's own ICMP errors, type × 256 + code. */
const TIME_EXCEEDED4 = 11 * 256
const FRAGMENTATION_NEEDED4 = 3 * 256 + 4
const PARAMETER_PROBLEM4 = 12 * 256
const TIME_EXCEEDED6 = 3 * 256
const TOO_BIG6 = 2 * 256
const NO_ROUTE6 = 1 * 256
const BEYOND_SCOPE6 = 1 * 256 + 2

/** What becomes of a packet; the first two are those of Verdict. */
export const Fate = {
  drop: DROP,
  accept: ACCEPT,
  /** No rule drops it, yet it goes nowhere: not for us, held until its other fragments come, … */
  lost: 2,
  /** Not even the first hook sees it. */
  neverSeen: 3,
} as const
const { lost: LOST, neverSeen: NEVER_SEEN } = Fate
const { whole: NO_FRAGMENT, complete: COMPLETE } = Fragments
const { none: NO_REJECTION, tcpReset: TCP_RESET } = Rejection

/** An evaluator of rules, either of the two. */
export interface Evaluator {
  /** The verdict of the base chains of a Stage at the packet's hook; accept if there are none. */
  run(packet: Packet, stage: number): number
  /** Of the last run: what a rule that rejected the packet has the kernel send, as `Rejection` has it. */
  readonly rejection: number
}

/** Connection tracking, as state/flows does it. */
export interface Tracker {
  /** Sets the packet's connection and its state. False if the packet must be dropped as the table is full. */
  track(packet: Packet): boolean
  /** Enters the connection of a packet that got through into the table. False if the packet must be dropped. */
  confirm(packet: Packet): boolean
  /** A packet was answered with a TCP reset. */
  close(packet: Packet): void
  /** Ends with a packet, whatever became of it. */
  release(packet: Packet): void
}

/** Puts datagrams together from their fragments, as state/fragments does it; each hook has its own. */
export interface Defragmenter {
  /** What becomes of a packet, a number of Fragments. */
  push(packet: Packet): number
  /** Where the datagram stands that the last push completed. */
  readonly buffer: Uint8Array
  readonly offset: number
  readonly length: number
  readonly mark: number
  readonly priority: number
}

/** What a host tracks connections with. */
export interface Tracking {
  readonly tracker: Tracker
  readonly fragments: Defragmenter
}

/**
 * A host: takes packets that arrive and packets that it sends through its hooks. Hot path: allocates nothing, and cannot
 * throw. The packet's bytes are as before when it is done, but while it is forwarded its TTL is less by one.
 */
export class KernelHost {
  /** Of the last packet: the ICMP error or TCP reset that goes back, as `Rejection` has it. */
  rejection: number = NO_REJECTION
  /** Of the last packet: the last hook whose chains it came to. */
  hook: number = PREROUTING
  /** The last packet as it was judged at last: what was received, or the datagram that it was the last fragment of. */
  packet = new Packet()
  /** Datagrams that were put together. */
  readonly #whole = new Packet()
  #evaluator: Evaluator
  #tracks4: boolean
  #tracks6: boolean
  readonly #addresses: Addresses
  readonly #router: Router
  readonly #recorder = new Recorder()
  readonly #mtu: number
  readonly #tracking: Tracking

  constructor(
    evaluator: Evaluator,
    tracked: ReadonlySet<number>,
    addresses: Addresses,
    settings: HostSettings,
    tracking: Tracking,
  ) {
    this.#evaluator = evaluator
    this.#tracks4 = tracked.has(IPV4)
    this.#tracks6 = tracked.has(IPV6)
    this.#addresses = addresses
    this.#router = new Router(addresses, settings)
    this.#mtu = settings.mtu ?? Number.POSITIVE_INFINITY
    this.#tracking = tracking
    this.#whole.attach(tracking.fragments.buffer)
  }

  /** From now on other rules decide; connections stay. */
  swap(evaluator: Evaluator, tracked: ReadonlySet<number>): void {
    this.#evaluator = evaluator
    this.#tracks4 = tracked.has(IPV4)
    this.#tracks6 = tracked.has(IPV6)
  }

  /**
   * A packet that arrives on interface `packet.iif`, parsed. Wire: how many bytes the link brought from the IP header on.
   * Returns a number of Fate.
   */
  receive(packet: Packet, wire: number): number {
    this.#begin(packet, PREROUTING)
    if (packet.present === 0 || !isSound(packet, wire)) return NEVER_SEEN
    const fate = this.#received()
    this.#tracking.tracker.release(this.packet)
    return fate
  }

  /**
   * A packet that the host sends through interface `packet.oif`, parsed. IPv4 fragments are such as a raw socket sends:
   * nobody puts them together. Returns a number of Fate.
   */
  send(packet: Packet): number {
    this.#begin(packet, OUTPUT)
    if (packet.present === 0) return NEVER_SEEN
    const fate = this.#sent()
    this.#tracking.tracker.release(this.packet)
    return fate
  }

  #begin(packet: Packet, hook: number): void {
    this.rejection = NO_REJECTION
    this.packet = packet
    packet.hook = this.hook = hook
    packet.ctState = INVALID
    packet.flow = -1
  }

  #received(): number {
    this.packet.oif = 0
    const entered = this.#enter()
    if (entered !== ACCEPT) return entered
    const packet = this.packet
    const way = this.#router.route(packet)
    if (way === PARAMETER_PROBLEM) return this.#refuse(packet, PARAMETER_PROBLEM4)
    if (way === NO_ROUTE) return this.#refuse(packet, NO_ROUTE6)
    if (way === NOWHERE) return LOST
    if (packet.family !== IPV4 || packet.view.getUint8(packet.network) === WITHOUT_OPTIONS)
      return this.#go(way)
    packet.isVerified = this.#tracks4 && packet.fields[STATE] !== UNTRACKED && isWhole(packet)
    this.#recorder.record(packet, this.#ourAddress(packet), this.#router.hop)
    const fate = this.#go(way)
    this.#recorder.restore(packet)
    packet.isVerified = false
    return fate
  }

  #go(way: number): number {
    return way === TO_INPUT ? this.#deliver() : this.#forward(this.packet)
  }

  /** As an IPv4 packet's source knows us: by what it has sent to, or by the interface that leads to it. */
  #ourAddress({ fields }: Packet): number {
    const destination = fields[DADDR4]!
    if (this.#addresses.type4(destination, 0) === LOCAL) return destination
    return this.#addresses.source4(this.#addresses.route4(fields[SADDR4]!))
  }

  #sent(): number {
    this.packet.iif = 0
    const entered = this.#enter()
    return entered === ACCEPT ? this.#leave(this.packet) : entered
  }

  /** The first hook, prerouting or output, with connection tracking at its place among the chains. */
  #enter(): number {
    const isTracked = this.packet.family === IPV4 ? this.#tracks4 : this.#tracks6
    if (!isTracked) return this.#run(this.packet, ALL)
    if (this.#run(this.packet, BEFORE_FRAGMENTS) === DROP) return DROP
    // IPv4's fragments that a raw socket sends are left as they are.
    const isLeft = this.packet.hook === OUTPUT && this.packet.family === IPV4
    if (!isLeft && this.packet.fields[STATE] !== UNTRACKED && !this.#defragment()) return LOST
    if (this.#run(this.packet, BEFORE_TRACKING) === DROP) return DROP
    if (!this.#tracking.tracker.track(this.packet)) return DROP
    return this.#run(this.packet, TRACKED)
  }

  /** Whether an IPv4 packet that we send is for us as well: a broadcast, or to a group that we are in (ip_mc_output). */
  #isHeardByUs(packet: Packet): boolean {
    if (packet.family !== IPV4 || packet.oif === LO) return false
    const destination = packet.fields[DADDR4]!
    const type = this.#addresses.type4(destination, 0)
    return type === BROADCAST || (type === MULTICAST && this.#addresses.joined4(destination))
  }

  #deliver(): number {
    this.packet.hook = INPUT
    if (this.packet.family === IPV4 && !this.#defragment()) return LOST
    this.hook = INPUT
    return this.#finish(this.packet)
  }

  /** False if the packet is a fragment that waits for others; with the last one of a datagram that goes on in its place. */
  #defragment(): boolean {
    const fragments = this.#tracking.fragments
    const said = fragments.push(this.packet)
    if (said === COMPLETE) {
      const whole = this.#whole
      whole.parse(fragments.offset, fragments.length)
      whole.takeMetadata(this.packet)
      whole.mark = fragments.mark
      whole.priority = fragments.priority
      this.packet = whole
    }
    return said === COMPLETE || said === NO_FRAGMENT
  }

  #forward(packet: Packet): number {
    const error = this.#obstacle(packet)
    if (error !== NO_REJECTION) return this.#refuse(packet, error)
    packet.hook = this.hook = FORWARD
    packet.oif = this.#router.interface
    const { view, network, family } = packet
    const at = network + (family === IPV4 ? TTL4 : HOP_LIMIT6)
    const ttl = view.getUint8(at)
    const checksum = view.getUint16(network + CHECKSUM4)
    view.setUint8(at, ttl - 1)
    if (family === IPV4) {
      view.setUint16(network + CHECKSUM4, afterDecrease(checksum))
      packet.priority = PRIORITIES[(view.getUint8(network + TOS4) >> 3) & 3]!
    }
    const verdict = this.#run(packet, ALL)
    const fate = verdict === DROP ? DROP : this.#leave(packet)
    view.setUint8(at, ttl)
    view.setUint16(network + CHECKSUM4, checksum)
    return fate
  }

  /** The ICMP error for what cannot be forwarded. */
  #obstacle(packet: Packet): number {
    const { view, network, length } = packet
    if (packet.family === IPV4) {
      if (view.getUint8(network + TTL4) <= 1) return TIME_EXCEEDED4
      const isWhole = (view.getUint16(network + FRAGMENT4) & DONT_FRAGMENT) !== 0
      return length > this.#mtu && isWhole ? FRAGMENTATION_NEEDED4 : NO_REJECTION
    }
    if (view.getUint8(network + HOP_LIMIT6) <= 1) return TIME_EXCEEDED6
    if (this.#router.interface !== packet.iif && isLinkLocal(packet)) return BEYOND_SCOPE6
    return length > this.#mtu ? TOO_BIG6 : NO_REJECTION
  }

  #refuse(packet: Packet, error: number): number {
    if (sendsError(packet, this.#addresses)) this.rejection = error
    return LOST
  }

  #leave(packet: Packet): number {
    packet.hook = this.hook = POSTROUTING
    // A copy for ourselves goes first, of which the rules take their own view.
    const isHeard = packet.iif === 0 && this.#isHeardByUs(packet) && this.#run(packet, ALL) === ACCEPT
    const fate = this.#finish(packet)
    return isHeard ? ACCEPT : fate
  }

  /** The last hook, input or postrouting, and the connection's entry into the table. */
  #finish(packet: Packet): number {
    if (this.#run(packet, ALL) === DROP) return DROP
    return this.#tracking.tracker.confirm(packet) ? ACCEPT : DROP
  }

  #run(packet: Packet, stage: number): number {
    const evaluator = this.#evaluator
    const verdict = evaluator.run(packet, stage)
    if (verdict === DROP && evaluator.rejection !== NO_REJECTION) this.#answer(packet, evaluator.rejection)
    return verdict
  }

  #answer(packet: Packet, rejection: number): void {
    // A header whose checksum is wrong by now spoils that of what it carries.
    const isReset = rejection === TCP_RESET
    if (this.#recorder.changed && !this.#isAnswered(packet, isReset)) return
    if (!getsOut(packet, this.#addresses, isReset)) return
    this.rejection = rejection
    if (isReset) this.#tracking.tracker.close(packet)
  }

  /**
   * Whether nobody looks at the checksum of what an IPv4 packet carries, or whether connection tracking has done so: that
   * counts for ICMP errors, but not for a reset of what is forwarded (skb_forward_csum) or has another destination by now.
   */
  #isAnswered(packet: Packet, isReset: boolean): boolean {
    if (packet.isVerified) return !isReset || (packet.hook === INPUT && !this.#recorder.redirected)
    return isUnchecked(packet, packet.l4proto, packet.transport)
  }
}

/** Whether an IPv4 packet's checksum is one that connection tracking looks at, and right. */
function isWhole(packet: Packet): boolean {
  const { l4proto, transport, network, length } = packet
  if (l4proto !== TCP && l4proto !== UDP && l4proto !== ICMP) return false
  return sumHolds(packet, transport, network + length, l4proto === ICMP ? -1 : l4proto)
}

/** IPv4's checksum when the TTL is less by one (ip_decrease_ttl in include/net/ip.h). */
function afterDecrease(checksum: number): number {
  const sum = checksum + 0x100
  return (sum + (sum >= 0xffff ? 1 : 0)) & 0xffff
}
