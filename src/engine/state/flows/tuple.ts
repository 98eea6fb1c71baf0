import { Family } from '../../../packet/packet.js'
import type { Connections, ConnectionTuple } from '../../environment.js'
import { ExtensionWalk, isExtension, skipExtensions } from '../extension-headers.js'
import { Protocol, Word } from './layout.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const IPV4 = Family.ipv4
const { tcp: TCP, udp: UDP, gre: GRE, sctp: SCTP, udplite: UDPLITE } = Protocol

const { protocol: KIND, ports: PORTS, source: SOURCE } = Word

/** Of each type of ICMP the one that answers or is answered by it, or -1. */
const PARTNERS = partners([8, 0], [13, 14], [15, 16], [17, 18])
const PARTNERS6 = partners([128, 129], [139, 140])

/** Kinds of tuples: ICMP in IPv4 and ICMPv6 in IPv6; the one in the other is a protocol without ports. */
const ICMP_KIND = (Family.ipv4 << 8) | Protocol.icmp
const ICMP6_KIND = (Family.ipv6 << 8) | Protocol.icmp6

const ORIGINAL = 0

/** Version 1 of GRE, PPTP's, has call ids; what it carries is PPP. */
const GRE_VERSION = 7
const GRE_PPP = 0x880b

/**
 * What tells a flow from others, read from a packet (nf_ct_get_tuple and its like in
 * net/netfilter/nf_conntrack_core.c, 6.18): one object for all packets.
 */
export class Tuple implements ConnectionTuple {
  /** family << 8 | protocol. */
  kind = 0
  /** Source port << 16 | destination port; of ICMP id << 16 | type << 8 | code. */
  ports = 0
  /** The same of the other direction. */
  inversePorts = 0
  /** Whether there is another direction: ICMP's messages that nobody answers have none. */
  invertible = true
  /** Source and destination, four words each; IPv4's are in words 0 and 4, and the others 0. */
  readonly addresses = new Int32Array(8)
  protocol = 0
  /** Offset of the transport header. */
  transport = 0
  readonly #walk = new ExtensionWalk()

  /**
   * Reads the packet whose IP header is at `network`. Up to `end` the bytes are there; up to `size` they were before a
   * capture cut them. False if it cannot be tracked: a later fragment, a broken chain of headers, no ports.
   */
  read(view: DataView, family: number, network: number, end: number, size: number): boolean {
    const addresses = this.addresses
    if (family === IPV4) {
      if (end - network < 20 || (view.getUint16(network + 6) & 0x1fff) !== 0) return false
      this.protocol = view.getUint8(network + 9)
      this.transport = network + ((view.getUint8(network) & 15) << 2)
      if (this.transport > size) return false
      if (this.kind >> 8 !== IPV4) addresses.fill(0)
      addresses[0] = view.getInt32(network + 12)
      addresses[4] = view.getInt32(network + 16)
    } else {
      if (end - network < 40) return false
      this.protocol = view.getUint8(network + 6)
      this.transport = network + 40
      if (isExtension(this.protocol)) {
        if (!skipExtensions(view, this.protocol, this.transport, end, this.#walk)) return false
        this.protocol = this.#walk.protocol
        this.transport = this.#walk.at
      }
      for (let word = 0; word < 8; word++) addresses[word] = view.getInt32(network + 8 + word * 4)
    }
    this.kind = (family << 8) | this.protocol
    return this.#readPorts(view, end)
  }

  /** Takes the tuple of an entry's original direction. */
  load(records: Int32Array, at: number): void {
    for (let word = 0; word < 8; word++) this.addresses[word] = records[at + SOURCE + word]!
    this.#set(records[at + KIND]!, records[at + PORTS]!)
  }

  /** Puts it where `load` finds it. */
  store(records: Int32Array, at: number): void {
    records[at + KIND] = this.kind
    records[at + PORTS] = this.ports
    for (let word = 0; word < 8; word++) records[at + SOURCE + word] = this.addresses[word]!
  }

  equals({ kind, ports, addresses }: ConnectionTuple): boolean {
    for (let word = 0; word < 8; word++) if (this.addresses[word] !== addresses[word]) return false
    return this.kind === kind && this.ports === ports
  }

  /** Becomes the tuple that a connection began with. */
  take(connections: Connections, flow: number): void {
    const family = connections.l3proto(flow)
    const words = family === IPV4 ? 1 : 4
    this.addresses.fill(0)
    for (let word = 0; word < words; word++) {
      this.addresses[word] = connections.source(flow, ORIGINAL, word)
      this.addresses[4 + word] = connections.destination(flow, ORIGINAL, word)
    }
    const ports = (connections.sourcePort(flow, ORIGINAL) << 16) | connections.destinationPort(flow, ORIGINAL)
    this.#set((family << 8) | connections.protocol(flow), ports)
  }

  /** Becomes the same as another. */
  copy({ kind, ports, addresses }: ConnectionTuple): void {
    for (let word = 0; word < 8; word++) this.addresses[word] = addresses[word]!
    this.#set(kind, ports)
  }

  #set(kind: number, ports: number): void {
    this.kind = kind
    this.ports = ports
    this.invertible = (kind !== ICMP_KIND && kind !== ICMP6_KIND) || partnerOf(kind, (ports >>> 8) & 255) >= 0
    this.inversePorts = invertPorts(kind, ports)
  }

  /** Turns it into the tuple of the other direction; for those that have one. */
  invert(): void {
    const addresses = this.addresses
    for (let word = 0; word < 4; word++) {
      const source = addresses[word]!
      addresses[word] = addresses[word + 4]!
      addresses[word + 4] = source
    }
    const ports = this.ports
    this.ports = this.inversePorts
    this.inversePorts = ports
  }

  #readPorts(view: DataView, end: number): boolean {
    const at = this.transport
    const protocol = this.protocol
    this.invertible = true
    if (protocol === TCP || protocol === UDP || protocol === SCTP || protocol === UDPLITE) {
      if (at + 4 > end) return false
      this.ports = view.getInt32(at)
      this.inversePorts = exchanged(this.ports)
      return true
    }
    if (this.kind === ICMP_KIND || this.kind === ICMP6_KIND) return this.#readIcmp(view, end)
    this.ports = this.inversePorts = 0
    return protocol !== GRE || this.#readGre(view, end)
  }

  #readIcmp(view: DataView, end: number): boolean {
    const at = this.transport
    if (at + 8 > end) return false
    this.ports = (view.getUint16(at + 4) << 16) | view.getUint16(at)
    this.invertible = partnerOf(this.kind, view.getUint8(at)) >= 0
    if (this.invertible) this.inversePorts = invertPorts(this.kind, this.ports)
    return true
  }

  #readGre(view: DataView, end: number): boolean {
    const at = this.transport
    if (at + 8 > end || (view.getUint16(at) & GRE_VERSION) !== 1) return true
    if (view.getUint16(at + 2) !== GRE_PPP) return false
    this.ports = view.getUint16(at + 6)
    this.inversePorts = exchanged(this.ports)
    return true
  }
}

/** The ports of a tuple as its other direction has them. */
export function invertPorts(kind: number, ports: number): number {
  if (kind !== ICMP_KIND && kind !== ICMP6_KIND) return exchanged(ports)
  return (ports & ~0xff00) | (partnerOf(kind, (ports >>> 8) & 255) << 8)
}

function exchanged(ports: number): number {
  return (ports << 16) | (ports >>> 16)
}

function partnerOf(kind: number, type: number): number {
  return (kind === ICMP_KIND ? PARTNERS : PARTNERS6)[type]!
}

function partners(...pairs: [number, number][]): Int16Array {
  const table = new Int16Array(256).fill(-1)
  for (const [one, other] of pairs) {
    table[one] = other
    table[other] = one
  }
  return table
}
