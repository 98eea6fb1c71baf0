import { parseAddress } from '../../packet/address.js'
import { Column, Family, type Packet } from '../../packet/packet.js'
import type { Host } from '../environment.js'
import type { HostSettings } from './settings.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const IPV4 = Family.ipv4
const { saddr4: SADDR4, daddr4: DADDR4, saddr6: SADDR6, daddr6: DADDR6 } = Column

/** Types of addresses, by the kernel's numbers (RTN_* in include/uapi/linux/rtnetlink.h). */
export const AddressType = {
  unspecified: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  unreachable: 7,
} as const
const { unspecified: UNSPECIFIED, unicast: UNICAST, local: LOCAL, broadcast: BROADCAST } = AddressType
const { anycast: ANYCAST, multicast: MULTICAST, unreachable: UNREACHABLE } = AddressType

/** The index of `lo`. */
export const LOOPBACK = 1
/** 255.255.255.255, 127.0.0.0/8 and 224.0.0.1. */
const LIMITED_BROADCAST = -1
const LOOPBACK_NET = 127
const LOOPBACK_BROADCAST = 0x7fffffff
const ALL_HOSTS = 0xe0000001 | 0

/** Of each address: its words, those of its network's mask, the interface, and in IPv6 the mask's length. */
const ENTRY4 = 3
const ENTRY6 = 10

/**
 * The host's addresses, and what the kernel's routing tables say with them: fib_frontend.c, route.c and ipv6/route.c.
 * Addresses are the words of a packet's columns.
 */
export class Addresses implements Host {
  readonly #forwarding: boolean
  readonly #noArp: boolean
  readonly #everythingLocal: boolean
  readonly #default: number
  readonly #ipv4: Int32Array
  readonly #ipv6: Int32Array

  constructor(settings: HostSettings) {
    const { interfaces, addresses, forwarding = false, noArp = false } = settings
    this.#everythingLocal = settings.everythingLocal ?? false
    this.#forwarding = forwarding
    this.#noArp = noArp
    this.#default = settings.defaultRoute ?? (interfaces.length > 1 ? LOOPBACK + 1 : 0)
    const ipv4: number[] = []
    const ipv6: number[] = []
    for (const { address, length, interface: index } of addresses) {
      const { bits, value } = parseAddress(address)!
      const words = bits / 32
      const mask = ((1n << BigInt(length)) - 1n) << BigInt(bits - length)
      const entry = bits === 32 ? ipv4 : ipv6
      for (const number of [value, mask])
        for (let word = words - 1; word >= 0; word--)
          entry.push(Number(BigInt.asIntN(32, number >> BigInt(32 * word))))
      entry.push(index)
      if (bits === 128) entry.push(length)
    }
    this.#ipv4 = Int32Array.from(ipv4)
    this.#ipv6 = Int32Array.from(ipv6)
  }

  /** Of an IPv4 address, as inet_dev_addr_type has it. Interface: the index that it must belong to, or 0. */
  type4(address: number, interfaceIndex: number): number {
    if (address === 0 || address === LIMITED_BROADCAST) return BROADCAST
    if (address >>> 28 === 14) return MULTICAST
    if (address >>> 24 === LOOPBACK_NET) {
      if (interfaceIndex > LOOPBACK) return UNICAST
      return address === LOOPBACK_BROADCAST ? BROADCAST : LOCAL
    }
    const known = this.#ipv4
    let type: number = this.#everythingLocal && interfaceIndex <= LOOPBACK ? LOCAL : UNICAST
    for (let at = 0; at < known.length; at += ENTRY4) {
      if (interfaceIndex !== 0 && known[at + 2] !== interfaceIndex) continue
      if (known[at] === address) return LOCAL
      const mask = known[at + 1]!
      // Networks of two addresses or one have no broadcast address.
      if (((known[at]! ^ address) & mask) === 0 && (address | mask) === -1 && mask < -2) type = BROADCAST
    }
    return type
  }

  /** The interface of the route to an IPv4 address that is not ours; 0 if there is none. */
  route4(address: number): number {
    const known = this.#ipv4
    let best = 0
    let route = this.#default
    for (let at = 0; at < known.length; at += ENTRY4) {
      const mask = known[at + 1]!
      if (((known[at]! ^ address) & mask) !== 0 || mask >>> 0 <= best) continue
      best = mask >>> 0
      route = known[at + 2]!
    }
    return route
  }

  /** An interface's first IPv4 address, or else any; 0 if there is none. */
  source4(interfaceIndex: number): number {
    const known = this.#ipv4
    for (let at = 0; at < known.length; at += ENTRY4) if (known[at + 2] === interfaceIndex) return known[at]!
    return known.length > 0 ? known[0]! : 0
  }

  /** Whether packets for an IPv4 group are for us: that of all hosts only. */
  joined4(group: number): boolean {
    return group === ALL_HOSTS
  }

  /** Of the IPv6 address whose first word is in a column. Interface: the index that it must belong to, or 0. */
  type6(fields: Int32Array, column: number, interfaceIndex: number): number {
    const first = fields[column]!
    if (first >>> 24 === 0xff) return MULTICAST
    if ((first | fields[column + 1]! | fields[column + 2]!) === 0) {
      const last = fields[column + 3]!
      if (last === 0) return UNSPECIFIED
      if (last === 1) return interfaceIndex > LOOPBACK ? UNREACHABLE : LOCAL
    }
    if (this.#everythingLocal && interfaceIndex <= LOOPBACK) return LOCAL
    const known = this.#ipv6
    let type: number = UNICAST
    for (let at = 0; at < known.length; at += ENTRY6) {
      if (interfaceIndex !== 0 && known[at + 8] !== interfaceIndex) continue
      if (isSame(known, at, fields, column, false)) return LOCAL
      if (this.#forwarding && isAnycast(known, at, fields, column)) type = ANYCAST
    }
    if (type === UNICAST && this.route6(fields, column, interfaceIndex) === 0) return UNREACHABLE
    return type
  }

  /** The interface of the route to an IPv6 address that is not ours, through an interface if that is not 0. */
  route6(fields: Int32Array, column: number, interfaceIndex: number): number {
    const known = this.#ipv6
    let best = -1
    let route = interfaceIndex === 0 || interfaceIndex === this.#default ? this.#default : 0
    for (let at = 0; at < known.length; at += ENTRY6) {
      if (interfaceIndex !== 0 && known[at + 8] !== interfaceIndex) continue
      const length = known[at + 9]!
      if (length <= best || !isSame(known, at, fields, column, true)) continue
      best = length
      route = known[at + 8]!
    }
    return route
  }

  /** Whether an IPv6 address is that of all routers of a network of ours. */
  isOfRouters6(fields: Int32Array, column: number): boolean {
    const known = this.#ipv6
    for (let at = 0; at < known.length; at += ENTRY6) if (isAnycast(known, at, fields, column)) return true
    return false
  }

  /** Whether packets for the IPv6 group in a column are for us: all nodes, all routers, and those of our addresses. */
  joined6(fields: Int32Array, column: number): boolean {
    if (fields[column] !== (0xff020000 | 0) || fields[column + 1] !== 0) return false
    const third = fields[column + 2]!
    const last = fields[column + 3]!
    if (third === 0) return last === 1 || (last === 2 && this.#forwarding)
    if (third !== 1 || last >>> 24 !== 0xff || this.#noArp) return false
    const known = this.#ipv6
    for (let at = 0; at < known.length; at += ENTRY6)
      if (((known[at + 3]! ^ last) & 0xffffff) === 0) return true
    return false
  }

  addressType(packet: Packet, which: 'source' | 'destination', interfaceIndex: number): number {
    const source = which === 'source'
    if (packet.family === IPV4) return this.type4(packet.fields[source ? SADDR4 : DADDR4]!, interfaceIndex)
    return this.type6(packet.fields, source ? SADDR6 : DADDR6, interfaceIndex)
  }
}

/** Whether an address of ours is that in a column, or has its network. */
function isSame(
  known: Int32Array,
  at: number,
  fields: Int32Array,
  column: number,
  network: boolean,
): boolean {
  for (let word = 0; word < 4; word++) {
    const mask = network ? known[at + 4 + word]! : -1
    if (((known[at + word]! ^ fields[column + word]!) & mask) !== 0) return false
  }
  return true
}

/** Whether it is the anycast address of the routers of an address' network: the network's first one. */
function isAnycast(known: Int32Array, at: number, fields: Int32Array, column: number): boolean {
  // Networks of two addresses or one have none.
  if (known[at + 9]! >= 127) return false
  for (let word = 0; word < 4; word++)
    if (fields[column + word] !== (known[at + word]! & known[at + 4 + word]!)) return false
  return true
}
