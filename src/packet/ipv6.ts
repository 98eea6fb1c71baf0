/** The IPv6 header and its extension headers (RFC 8200 §3, §4), as offsets in bytes from their first byte. */
export const PAYLOAD_LENGTH = 4
export const NEXT_HEADER = 6
export const SOURCE = 8
export const DESTINATION = 24
export const LENGTH = 40

export const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const DESTINATION_OPTIONS = 60

/** Of the 16 bits at byte 2 of a fragment header: the offset, in bytes. */
const FRAGMENT_OFFSET_MASK = 0xfff8
const MORE_FRAGMENTS = 1

/** 40 if the bytes from `at` to `end` hold an IPv6 header, else 0. */
export function headerLength(view: DataView, at: number, end: number): number {
  return end - at >= LENGTH && view.getUint8(at) >> 4 === 6 ? LENGTH : 0
}

/** What a walk along the extension headers found; filled by `walk`, so that a walk allocates nothing. */
export interface Walk {
  /** The last next-header value, or -1 if the chain runs past the end. */
  protocol: number
  /** Where that header begins (offset in the view); for a later fragment, where the packet begins, as in the kernel. */
  at: number
  /** Of the first fragment header: bytes before this fragment, and whether more follow. */
  fragmentOffset: number
  moreFragments: boolean
}

/**
 * Follows the extension headers as nft_set_pktinfo_ipv6 does (ipv6_find_hdr in net/ipv6/exthdrs_core.c):
 * the walk stops at an authentication header, unless it is to go past it, and at the first header it does not know.
 */
export function walk(view: DataView, header: number, end: number, found: Walk, past = false): void {
  let next = view.getUint8(header + NEXT_HEADER)
  let at = header + LENGTH
  found.fragmentOffset = 0
  found.moreFragments = false
  while (isOptions(next) || next === FRAGMENT || (past && next === AUTHENTICATION)) {
    // The kernel asks for no more of a header than it reads; one that claims more than there is ends the packet.
    if (end - at < (next === ROUTING || next === FRAGMENT ? 4 : 2)) {
      found.protocol = -1
      return
    }
    const following = view.getUint8(at)
    let length = 8
    if (next === AUTHENTICATION) length = (view.getUint8(at + 1) + 2) << 2
    else if (next !== FRAGMENT) length = (view.getUint8(at + 1) + 1) << 3
    else {
      const fragment = view.getUint16(at + 2)
      found.fragmentOffset = fragment & FRAGMENT_OFFSET_MASK
      found.moreFragments = (fragment & MORE_FRAGMENTS) !== 0
      if (found.fragmentOffset !== 0) {
        const isKnown = !isOptions(following) && following !== FRAGMENT && following !== AUTHENTICATION
        found.protocol = isKnown ? following : -1
        found.at = header
        return
      }
    }
    next = following
    at += length
  }
  // Of an authentication header the kernel wants the first two bytes before it stops there.
  found.protocol = next === AUTHENTICATION && end - at < 2 ? -1 : next
  found.at = at
}

function isOptions(next: number): boolean {
  return next === HOP_BY_HOP || next === ROUTING || next === DESTINATION_OPTIONS
}
