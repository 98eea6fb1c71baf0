/** The host whose traffic a capture is: gives each packet its direction, and lets it through the hooks. */
import { CaptureError } from '../capture/error.js'
import { Direction } from '../capture/link.js'
import type { CaptureReader } from '../capture/reader.js'
import { compile } from '../engine/compile/compile.js'
import type { Supply } from '../engine/environment.js'
import { evaluable } from '../engine/evaluable.js'
import { Addresses, AddressType } from '../engine/host/addresses.js'
import { Fate, KernelHost } from '../engine/host/host.js'
import type { HostAddress, HostSettings } from '../engine/host/settings.js'
import { countsConnections, trackedFamilies } from '../engine/host/users.js'
import type { Program } from '../engine/program.js'
import { Flows } from '../engine/state/flows/flows.js'
import { Fragments, Reassembly } from '../engine/state/fragments/reassembly.js'
import { Column, Hook, Packet } from '../packet/packet.js'
import type { Ruleset } from '../ruleset/model.js'
import { ReplayEvaluator } from './evaluator.js'
import { LocalAddresses } from './local.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const OUTPUT = Hook.output
const { inbound: INBOUND, outbound: OUTBOUND } = Direction
const { accept: PASSED, drop: DROPPED, lost: LOST } = Fate
const { whole: NO_FRAGMENT, complete: COMPLETE } = Fragments
const { broadcast: BROADCAST, multicast: MULTICAST } = AddressType
const { saddr4: SADDR4, daddr4: DADDR4, saddr6: SADDR6, daddr6: DADDR6, mark: MARK } = Column

const LO = 1
/** The index of the interface that has the default route. */
const FIRST = 2
const MOST_INTERFACES = 65_536
/** What the kernel takes for an interface's name at most, in bytes; captures of other systems have longer ones. */
const LONGEST_NAME = 15
/** Packet types (include/uapi/linux/if_packet.h). */
const TYPE_HOST = 0
const TYPE_BROADCAST = 1
const TYPE_MULTICAST = 2

/** What became of a packet. */
export const Outcome = {
  accept: 0,
  drop: 1,
  /** Dropped by a rule that has the sender told. */
  reject: 2,
  /** A fragment that waits for the others of its datagram: that is judged with the last of them. */
  held: 3,
  /** No rule drops it, but it is not for this host. */
  elsewhere: 4,
  /** No hook sees it: its header is no good. */
  malformed: 5,
  /** No IP packet. */
  foreign: 6,
  /** A forwarded packet as it leaves: it was judged when it came. */
  again: 7,
} as const
export const OUTCOMES = Object.keys(Outcome) as readonly (keyof typeof Outcome)[]
const { accept: ACCEPT, drop: DROP, reject: REJECT, held: HELD } = Outcome
const { elsewhere: ELSEWHERE, malformed: MALFORMED, foreign: FOREIGN, again: AGAIN } = Outcome

/** What is taken for true where a capture does not tell. */
export interface Assumptions {
  /** The owner of the sockets that the host's packets are of. */
  readonly uid?: number
  readonly gid?: number
  /** The priority of all packets. */
  readonly priority?: number
}

export interface ReplayHostOptions {
  readonly addresses: readonly HostAddress[]
  /** `lo`, and the interfaces of the addresses: the first is that of captures which name none. */
  readonly interfaces: readonly string[]
  /** The first interface is called as the capture calls the first one there. */
  readonly unnamed: boolean
  readonly forward: boolean
  readonly checksums: boolean
  readonly assume: Assumptions
  readonly connections?: number
  /** Nanoseconds since 1970 at the time 0 of the packets' clock. */
  readonly origin: bigint
  readonly timeZone: string
  readonly seeds: readonly [number, number]
  readonly random: () => number
}

/** What captures tell of packets. */
function suppliesOf({ uid, gid, priority }: Assumptions): ReadonlySet<Supply> {
  const supplies = new Set<Supply>(['ct state', 'ct', 'clock', 'interfaces', 'addresses', 'packet type'])
  if (uid !== undefined && gid !== undefined) supplies.add('socket')
  if (priority !== undefined) supplies.add('priority')
  return supplies
}

/** Hot path: `judge` throws for nothing but too many interfaces, and allocates for those that were never seen alone. */
export class ReplayHost {
  readonly program: Program
  /** Of the last packet: who decided, as `decidedBy` there. */
  readonly evaluator: ReplayEvaluator
  readonly flows: Flows
  /** Of the last packet: as it was judged at last, which of a datagram's last fragment is the datagram. */
  packet = new Packet()
  readonly #host: KernelHost
  readonly #local: LocalAddresses
  readonly #addresses: Addresses
  readonly #fragments: Reassembly
  readonly #whole = new Packet()
  readonly #forward: boolean
  readonly #uid: number
  readonly #gid: number
  readonly #priority: number
  readonly #typed: boolean
  /** Indexes of interfaces by name, and by place in the reader that the last packet was of. */
  readonly #indexes: Map<string, number>
  #unnamed: boolean
  #reader: CaptureReader | undefined
  #place = -1
  #index = FIRST

  /** Throws RulesetError if anything in the ruleset is wrong, or cannot be decided from a capture. */
  constructor(ruleset: Ruleset, options: ReplayHostOptions) {
    const { addresses, interfaces, assume, seeds, origin, timeZone, connections } = options
    const supplies = suppliesOf(assume)
    this.program = compile(ruleset, supplies)
    this.#typed = evaluable(ruleset, new Set([...supplies].filter((one) => one !== 'packet type'))).length > 0
    const settings: HostSettings = { interfaces, addresses, forwarding: options.forward }
    this.#addresses = new Addresses(settings)
    this.#local = new LocalAddresses(addresses)
    this.flows = new Flows({
      seeds,
      checksum: options.checksums,
      accounting: countsConnections(ruleset),
      ...(connections === undefined ? {} : { size: connections }),
    })
    this.#fragments = new Reassembly({ seeds })
    this.#whole.attach(this.#fragments.buffer)
    this.evaluator = new ReplayEvaluator(this.program, {
      seeds,
      random: options.random,
      clock: { origin, timeZone },
      connections: this.flows,
      host: this.#addresses,
    })
    this.#host = new KernelHost(this.evaluator, trackedFamilies(ruleset), this.#addresses, settings, {
      tracker: this.flows,
      fragments: this.#fragments,
    })
    this.#forward = options.forward
    this.#unnamed = options.unnamed
    this.#uid = assume.uid ?? -1
    this.#gid = assume.gid ?? -1
    this.#priority = assume.priority ?? 0
    this.#indexes = new Map(interfaces.map((name, index) => [name, index + LO]))
    for (const [name, index] of this.#indexes) this.evaluator.engine.learnInterface(index, name)
  }

  /** What goes back to the last packet's sender, as Rejection has it. */
  get rejection(): number {
    return this.#host.rejection
  }

  /** Judges the packet that a reader is at; a number of Outcome. Throws CaptureError where there are too many interfaces. */
  judge(reader: CaptureReader): number {
    const { packet } = reader
    this.packet = packet
    this.evaluator.begin()
    if (packet.present === 0) return packet.network < 0 ? FOREIGN : MALFORMED
    const index = this.#interfaceOf(reader)
    packet.fields[MARK] = 0
    packet.priority = this.#priority
    packet.pkttype = TYPE_HOST
    const { fields, family } = packet
    const { direction } = reader
    const isOurs = this.#local.has(fields, family, SADDR4, SADDR6)
    if (!isOurs) {
      if (direction !== OUTBOUND) return this.#receive(packet, index, reader)
      return this.#forward ? AGAIN : this.#send(packet, index)
    }
    if (!this.#local.has(fields, family, DADDR4, DADDR6))
      return direction === INBOUND ? this.#receive(packet, index, reader) : this.#send(packet, index)
    // What a host says to itself goes through both its ends, and is captured once, or at each.
    if (direction === INBOUND) return this.#receive(packet, LO, reader)
    const sent = this.#send(packet, LO)
    return direction === OUTBOUND || sent !== ACCEPT ? sent : this.#receive(packet, LO, reader)
  }

  #receive(packet: Packet, index: number, reader: CaptureReader): number {
    packet.iif = index
    packet.uid = packet.gid = -1
    if (this.#typed) packet.pkttype = this.#typeOf(packet)
    const wire = reader.frame + reader.length - packet.network
    const fate = this.#host.receive(packet, wire)
    if (fate === LOST) return isFragment(packet) ? HELD : ELSEWHERE
    return this.#outcome(fate)
  }

  #send(packet: Packet, index: number): number {
    packet.oif = index
    packet.uid = this.#uid
    packet.gid = this.#gid
    if (!isFragment(packet)) return this.#outcome(this.#host.send(packet))
    // The kernel cuts datagrams behind its hooks, which see them whole.
    packet.hook = OUTPUT
    packet.iif = 0
    const said = this.#fragments.push(packet)
    if (said === NO_FRAGMENT) return this.#outcome(this.#host.send(packet))
    if (said !== COMPLETE) return HELD
    const whole = this.#whole
    whole.parse(this.#fragments.offset, this.#fragments.length)
    whole.takeMetadata(packet)
    return this.#outcome(this.#host.send(whole))
  }

  #outcome(fate: number): number {
    this.packet = this.#host.packet
    if (fate === PASSED) return ACCEPT
    if (fate === DROPPED) return this.evaluator.rejects ? REJECT : DROP
    return fate === LOST ? HELD : MALFORMED
  }

  #typeOf(packet: Packet): number {
    const type = this.#addresses.addressType(packet, 'destination', 0)
    if (type === BROADCAST) return TYPE_BROADCAST
    return type === MULTICAST ? TYPE_MULTICAST : TYPE_HOST
  }

  #interfaceOf(reader: CaptureReader): number {
    if (reader === this.#reader && reader.interface === this.#place) return this.#index
    this.#reader = reader
    this.#place = reader.interface
    this.#index = this.#learn(reader)
    return this.#index
  }

  #learn(reader: CaptureReader): number {
    const told = reader.interfaces[reader.interface]!.name
    if (told === undefined) return FIRST
    const name = Buffer.from(told).toString('latin1', 0, LONGEST_NAME)
    const known = this.#indexes.get(name)
    if (known !== undefined) return known
    const index = this.#unnamed ? FIRST : this.#indexes.size + 1
    if (index > MOST_INTERFACES)
      throw new CaptureError(reader.file, `its interfaces have more than ${MOST_INTERFACES} names`)
    this.#unnamed = false
    this.#indexes.set(name, index)
    this.evaluator.engine.learnInterface(index, name)
    return index
  }
}

function isFragment({ moreFragments, fragmentOffset }: Packet): boolean {
  return moreFragments || fragmentOffset > 0
}
