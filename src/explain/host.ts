import type { Clock, Environment, Host } from '../engine/environment.js'
import { Addresses, AddressType } from '../engine/host/addresses.js'
import { type Evaluator, Fate, KernelHost, type Tracker } from '../engine/host/host.js'
import type { HostAddress, HostSettings } from '../engine/host/settings.js'
import { trackedFamilies } from '../engine/host/users.js'
import { Flows } from '../engine/state/flows/flows.js'
import { Reassembly } from '../engine/state/fragments/reassembly.js'
import { Rejection, rejectionText } from '../engine/steps/reject.js'
import type { Direction } from '../language/traffic/traffic.js'
import { CtState, type Packet } from '../packet/packet.js'
import type { Ruleset } from '../ruleset/model.js'

/** What becomes of a packet: `lost` is what no rule drops and yet goes nowhere, `never seen` what no hook sees. */
export type Verdict = 'accept' | 'drop' | `reject:${string}` | 'lost' | 'never seen'

export interface TrialOptions {
  /** Names of the interfaces beside `lo`, `eth0` and `eth1`. */
  readonly interfaces?: readonly string[]
  /** Default: midnight of 1970 in UTC. */
  readonly clock?: Clock
  /** Connections that are tracked at most. */
  readonly connections?: number
  /** Packets are those of a capture: turned away as a host would, but for checksums, which network cards fill in later. */
  readonly captured?: boolean
}

/** How a packet comes to the host, or leaves it. */
export interface Way {
  readonly direction: Direction
  /** Names; default: eth0 for what comes in or is sent, eth1 for what leaves again. */
  readonly iif?: string
  readonly oif?: string
  /** A bit of CtState, if connection tracking is not to find it. */
  readonly state?: number
  /** The host's own addresses. */
  readonly addresses: readonly Omit<HostAddress, 'interface'>[]
}

const USUAL = ['lo', 'eth0', 'eth1']
/** How a packet to an address of a type comes: PACKET_BROADCAST, PACKET_MULTICAST (include/uapi/linux/if_packet.h). */
const PACKET_TYPES = new Map<number, number>([
  [AddressType.broadcast, 1],
  [AddressType.multicast, 2],
])
const SEEDS = [1, 2] as const
const CONNECTIONS = 4096
/** Packets are not turned away for their source: that is for the rules to say. */
const TOLERANT = { acceptLocal: true, routeLocalnet: true, acceptSourceRoute: true, noArp: true } as const

/** A host of our making, to see what rules do with single packets: from the same state on, it says the same. */
export class TrialHost<T extends Evaluator = Evaluator> {
  readonly evaluator: T
  readonly interfaces: readonly string[]
  /** Of the last packet: as it was judged at last. */
  packet!: Packet
  readonly #settings: Partial<HostSettings>
  readonly #tracked: ReadonlySet<number>
  readonly #tracker: GivenState
  readonly #fragments = new Reassembly({ seeds: SEEDS })
  readonly #hosts = new Map<string, { host: KernelHost; addresses: Addresses }>()
  #addresses: Host | undefined

  /** Throws RulesetError if there is anything in the ruleset that cannot be evaluated. */
  constructor(
    ruleset: Ruleset,
    evaluatorOf: (environment: Environment, interfaces: readonly string[]) => T,
    options: TrialOptions = {},
  ) {
    const { interfaces = [], clock = { origin: 0n, timeZone: 'UTC' } } = options
    const { connections = CONNECTIONS, captured = false } = options
    const flows = new Flows({ size: connections, seeds: SEEDS, accounting: true, checksum: !captured })
    this.#settings = captured ? {} : TOLERANT
    this.interfaces = [...new Set([...USUAL, ...interfaces])]
    this.#tracked = trackedFamilies(ruleset)
    this.#tracker = new GivenState(flows)
    let drawn = 0
    this.evaluator = evaluatorOf(
      {
        seeds: SEEDS,
        random: () => {
          drawn = (Math.imul(drawn, 1664525) + 1013904223) >>> 0
          return drawn
        },
        clock,
        connections: flows,
        host: {
          addressType: (packet, which, index) => this.#addresses!.addressType(packet, which, index),
        },
      },
      this.interfaces,
    )
  }

  /** Judges a packet that is parsed and has its time. Wire: the bytes that the link brought from its IP header on. */
  judge(packet: Packet, way: Way, wire: number = packet.length): Verdict {
    const { direction, iif = 'eth0', oif = direction === 'forward' ? 'eth1' : 'eth0', state } = way
    const { host, addresses } = this.#hostOf(way, this.#indexOf(oif))
    this.#addresses = addresses
    this.#tracker.state = state
    packet.mark = packet.priority = packet.pkttype = 0
    const isSent = direction === 'out'
    packet.uid = packet.gid = isSent ? 0 : -1
    packet.iif = isSent ? 0 : this.#indexOf(iif)
    packet.oif = isSent ? this.#indexOf(oif) : 0
    if (!isSent && packet.present !== 0)
      packet.pkttype = PACKET_TYPES.get(addresses.addressType(packet, 'destination', 0)) ?? 0
    const fate = isSent ? host.send(packet) : host.receive(packet, wire)
    this.packet = host.packet
    if (fate === Fate.accept) return 'accept'
    if (fate === Fate.neverSeen) return 'never seen'
    if (fate === Fate.lost) return 'lost'
    return host.rejection === Rejection.none ? 'drop' : rejectionText(host.rejection, packet.family)
  }

  #indexOf(name: string): number {
    return this.interfaces.indexOf(name) + 1
  }

  /** A host with the addresses and the way out that a packet needs; connections and rules are those of all. */
  #hostOf({ direction, addresses: own, iif = 'eth0', oif = 'eth0' }: Way, out: number) {
    const interfaceIndex = this.#indexOf(direction === 'out' ? oif : iif)
    const key = JSON.stringify([direction, own, interfaceIndex, out])
    const known = this.#hosts.get(key)
    if (known !== undefined) return known
    const settings: HostSettings = {
      ...this.#settings,
      interfaces: this.interfaces,
      addresses: own.map((address) => ({ ...address, interface: interfaceIndex })),
      forwarding: direction === 'forward',
      defaultRoute: out,
    }
    const addresses = new Addresses(settings)
    const tracking = { tracker: this.#tracker, fragments: this.#fragments }
    const made = {
      host: new KernelHost(this.evaluator, this.#tracked, addresses, settings, tracking),
      addresses,
    }
    this.#hosts.set(key, made)
    return made
  }
}

/** Connection tracking, unless the state is given: then there is no connection. */
class GivenState implements Tracker {
  state: number | undefined
  readonly #flows: Flows

  constructor(flows: Flows) {
    this.#flows = flows
  }

  track(packet: Packet): boolean {
    if (this.state === undefined) return this.#flows.track(packet)
    if (packet.ctState !== CtState.untracked) packet.ctState = this.state
    packet.flow = -1
    return true
  }

  confirm(packet: Packet): boolean {
    return this.state !== undefined || this.#flows.confirm(packet)
  }

  close(packet: Packet): void {
    if (this.state === undefined) this.#flows.close(packet)
  }

  release(packet: Packet): void {
    if (this.state === undefined) this.#flows.release(packet)
  }
}
