/** Where an arriving packet goes: ip_route_input_slow in net/ipv4/route.c, and its like for IPv6. */

import { checkOptions, isStrict, Options } from '../../packet/ip-options.js'
import { Column, Family, type Packet } from '../../packet/packet.js'
import { type Addresses, AddressType, LOOPBACK } from './addresses.js'
import type { HostSettings } from './settings.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const IPV4 = Family.ipv4
const { saddr4: SADDR4, daddr4: DADDR4, saddr6: SADDR6, daddr6: DADDR6 } = Column
const { local: LOCAL, broadcast: BROADCAST, anycast: ANYCAST, multicast: MULTICAST } = AddressType
const LO = LOOPBACK
const { sound: SOUND, malformed: MALFORMED } = Options
const LIMITED_BROADCAST = -1
const LOOPBACK_NET = 127
const IHL_WITHOUT_OPTIONS = 0x45

/** To a local socket, to another host, nowhere, or nowhere with an ICMP parameter problem or `no route` sent back. */
export const Route = { input: 0, forward: 1, lost: 2, parameterProblem: 3, none: 4 } as const
const { input: INPUT, forward: FORWARD, lost: LOST, parameterProblem: PARAMETER_PROBLEM, none: NONE } = Route

export class Router {
  /** Of the last packet that is to be forwarded: the interface through which it leaves. */
  interface = 0
  /** Of the last packet with a source route: an address of ours along it, at which it is now, or 0. */
  hop = 0
  readonly #addresses: Addresses
  readonly #forwarding: boolean
  readonly #acceptLocal: boolean
  readonly #routeLocalnet: boolean
  readonly #acceptSourceRoute: boolean

  constructor(addresses: Addresses, settings: HostSettings) {
    this.#addresses = addresses
    this.#forwarding = settings.forwarding ?? false
    this.#acceptLocal = settings.acceptLocal ?? false
    this.#routeLocalnet = settings.routeLocalnet ?? false
    this.#acceptSourceRoute = settings.acceptSourceRoute ?? false
  }

  /** A number of Route. */
  route(packet: Packet): number {
    if (packet.family !== IPV4) return packet.iif === LO ? INPUT : this.#route6(packet)
    // What we sent to ourselves has its route already.
    return packet.iif === LO ? this.#unlessOptions(packet, INPUT) : this.#route4(packet)
  }

  #route4(packet: Packet): number {
    const { fields } = packet
    const destination = fields[DADDR4]!
    if (!this.#isSource(fields[SADDR4]!, destination)) return LOST
    if (destination === 0 && fields[SADDR4] !== 0) return LOST
    const isLocalnet = destination >>> 24 === LOOPBACK_NET
    if (isLocalnet && !this.#routeLocalnet) return LOST
    const type = this.#addresses.type4(destination, 0)
    if (type === MULTICAST && !this.#addresses.joined4(destination)) return LOST
    const isOurs = type === LOCAL || type === BROADCAST || type === MULTICAST
    const way = isOurs ? INPUT : this.#onwards4(destination)
    return this.#unlessOptions(packet, way)
  }

  /** Whether packets may come from an address: from no group, from no unknown host unless they go to all, … */
  #isSource(source: number, destination: number): boolean {
    if (source >>> 28 === 14 || source === LIMITED_BROADCAST) return false
    if (source === 0)
      return destination === 0 || destination === LIMITED_BROADCAST || this.#addresses.joined4(destination)
    if (source >>> 24 === LOOPBACK_NET) return this.#routeLocalnet
    return this.#acceptLocal || this.#addresses.type4(source, 0) !== LOCAL
  }

  #onwards4(destination: number): number {
    this.interface = this.#addresses.route4(destination)
    return this.#forwarding && this.interface !== 0 ? FORWARD : LOST
  }

  /** A way, unless the header's options make it another one. */
  #unlessOptions(packet: Packet, way: number): number {
    this.hop = 0
    if (packet.view.getUint8(packet.network) === IHL_WITHOUT_OPTIONS) return way
    const sourceRoute = checkOptions(packet)
    if (sourceRoute === SOUND) return way
    if (sourceRoute === MALFORMED) return PARAMETER_PROBLEM
    if (!this.#acceptSourceRoute || way === LOST) return LOST
    if (way === FORWARD) return isStrict(packet, sourceRoute) ? PARAMETER_PROBLEM : FORWARD
    if (this.#addresses.type4(packet.fields[DADDR4]!, 0) !== LOCAL) return LOST
    return this.#alongRoute(packet.view, sourceRoute)
  }

  /** Where a packet for us goes by the hops that its source wants it to take. */
  #alongRoute(view: DataView, option: number): number {
    const length = view.getUint8(option + 1)
    for (let pointer = view.getUint8(option + 2); pointer <= length; pointer += 4) {
      if (pointer + 3 > length) return PARAMETER_PROBLEM
      const hop = view.getInt32(option + pointer - 1)
      if (this.#addresses.type4(hop, 0) !== LOCAL) return this.#onwards4(hop)
      this.hop = hop
    }
    return INPUT
  }

  #route6({ fields, iif }: Packet): number {
    const addresses = this.#addresses
    const type = addresses.type6(fields, DADDR6, 0)
    if (type === LOCAL || type === ANYCAST) return INPUT
    if (type === MULTICAST) return addresses.joined6(fields, DADDR6) ? INPUT : LOST
    // What is only known on a link stays on it.
    const isLinkLocal = fields[DADDR6]! >>> 22 === 0xfe80 >>> 6
    this.interface = addresses.route6(fields, DADDR6, isLinkLocal ? iif : 0)
    if (this.interface === 0) return NONE
    if (!this.#forwarding) return LOST
    // Back where it came from it goes whatever its source; elsewhere not from nobody.
    const isNobody = (fields[SADDR6]! | fields[SADDR6 + 1]! | fields[SADDR6 + 2]! | fields[SADDR6 + 3]!) === 0
    return this.interface !== iif && isNobody ? LOST : FORWARD
  }
}
