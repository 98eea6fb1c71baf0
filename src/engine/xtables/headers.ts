/** Where the headers of a packet begin, as xtables' matches look for them. */
import { Family, type Packet } from '../../packet/packet.js'
import type { Span } from '../../ruleset/xtables.js'

// Bound here as V8 folds a module's own constants into the code, but not imported ones.
const IPV6 = Family.ipv6
const IPV6_LENGTH = 40
const NEXT_HEADER = 6

export const HOP_BY_HOP = 0
export const ROUTING = 43
export const FRAGMENT = 44
export const AUTHENTICATION = 51
export const NO_NEXT_HEADER = 59
export const DESTINATION_OPTIONS = 60

const FRAGMENT_HEADER = FRAGMENT
const NO_MORE = NO_NEXT_HEADER

/** What `find` answers if there is no such header, or if the packet ends within the chain of headers. */
export const ABSENT = -1
export const BROKEN = -2
/** The target of `find` that stands for what follows the extension headers. */
const LAST = -1

/** Bytes of an extension header of a kind, by the byte of it that says so. */
export function extensionLength(kind: number, byte: number): number {
  if (kind === FRAGMENT) return 8
  return kind === AUTHENTICATION ? (byte + 2) << 2 : (byte + 1) << 3
}

function isExtension(kind: number): boolean {
  return (
    kind === HOP_BY_HOP ||
    kind === ROUTING ||
    kind === FRAGMENT ||
    kind === AUTHENTICATION ||
    kind === NO_NEXT_HEADER ||
    kind === DESTINATION_OPTIONS
  )
}

/** A walk along the headers of packets; one is reused, so that it allocates nothing. */
export class Headers {
  /** After `transport`: its protocol number, where it begins in the view, and the fragment's offset in bytes. */
  protocol = 0
  at = 0
  fragmentOffset = 0

  /**
   * Finds what follows IPv4's header, or the extension headers of IPv6, authentication headers included. False if the
   * chain of these is broken: `-p` has dropped the packet before. A later fragment of IPv6 has none: then it is where the packet begins, as in the kernel.
   */
  transport(packet: Packet): boolean {
    if (packet.family === IPV6) {
      this.fragmentOffset = 0
      this.at = packet.network
      return this.#walk(packet, LAST) >= 0
    }
    this.protocol = packet.view.getUint8(packet.network + 9)
    this.at = packet.transport
    this.fragmentOffset = packet.fragmentOffset
    return true
  }

  /**
   * As `transport`, but as ipv6_skip_exthdr in net/ipv6/exthdrs_core.c walks: of a later fragment it finds the fragment
   * header, and nothing where the packet says that nothing follows.
   */
  afterExtensions(packet: Packet): boolean {
    if (packet.family !== IPV6) return this.transport(packet)
    const { view, end } = packet
    let at = packet.network + IPV6_LENGTH
    let next = view.getUint8(packet.network + NEXT_HEADER)
    while (isExtension(next)) {
      if (next === NO_MORE || end - at < (next === FRAGMENT_HEADER ? 4 : 2)) return false
      if (next === FRAGMENT_HEADER && (view.getUint16(at + 2) & ~7) !== 0) break
      const following = view.getUint8(at)
      at += extensionLength(next, view.getUint8(at + 1))
      next = following
    }
    this.at = at
    this.protocol = next
    return true
  }

  /** Where the extension header of a kind begins in an IPv6 packet; ABSENT or BROKEN. */
  find(packet: Packet, kind: number): number {
    const answer = this.#walk(packet, kind)
    return answer < 0 ? answer : this.at
  }

  /** ipv6_find_hdr in net/ipv6/exthdrs_core.c. */
  #walk(packet: Packet, target: number): number {
    const { view, end } = packet
    let at = packet.network + IPV6_LENGTH
    let next = view.getUint8(packet.network + NEXT_HEADER)
    for (;;) {
      const found = next === target
      if (!isExtension(next) || next === NO_NEXT_HEADER) {
        if (target !== LAST && !found) return ABSENT
        break
      }
      if (end - at < (next === ROUTING || next === FRAGMENT ? 4 : 2)) return BROKEN
      const following = view.getUint8(at)
      if (next === FRAGMENT) {
        const offset = view.getUint16(at + 2) & ~7
        if (offset !== 0) {
          if (target === LAST && (!isExtension(following) || following === NO_NEXT_HEADER)) {
            this.fragmentOffset = offset
            this.protocol = following
            return following
          }
          if (!found) return ABSENT
          this.fragmentOffset = offset
          break
        }
      }
      if (found) break
      at += extensionLength(next, view.getUint8(at + 1))
      next = following
    }
    this.at = at
    this.protocol = next
    return next
  }
}

/** A span made ready to be asked; all numbers where there is none. */
export class Bounds {
  readonly #from: number
  readonly #to: number
  readonly #invert: boolean

  constructor(span: Span | undefined) {
    this.#from = span?.from ?? 0
    this.#to = span?.to ?? 2 ** 32 - 1
    this.#invert = span?.invert ?? false
  }

  holds(value: number): boolean {
    return (value >= this.#from && value <= this.#to) !== this.#invert
  }
}
