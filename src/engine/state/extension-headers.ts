/** IPv6's extension headers (RFC 8200 §4), walked as the kernel's connection tracking does: over authentication headers too. */

const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const NO_NEXT = 59
const DESTINATION_OPTIONS = 60

const NEXT_HEADER = 6
const HEADER = 40

/** What a walk came to: filled by `skipExtensions`, so that a walk allocates nothing. */
export class ExtensionWalk {
  /** The first protocol that is no extension header, and where its header begins; that may be behind the packet. */
  protocol = 0
  at = 0
}

/** Whether a next-header value is one of an extension header (ipv6_ext_hdr in net/ipv6/exthdrs_core.c). */
export function isExtension(next: number): boolean {
  return (
    next === HOP_BY_HOP ||
    next === ROUTING ||
    next === FRAGMENT ||
    next === AUTHENTICATION ||
    next === NO_NEXT ||
    next === DESTINATION_OPTIONS
  )
}

/**
 * Walks from the header `next` at `at` over all extension headers (ipv6_skip_exthdr). False if it does not come to an
 * end: the bytes end before `end`, no header follows, or this is a later fragment.
 */
export function skipExtensions(
  view: DataView,
  next: number,
  at: number,
  end: number,
  walk: ExtensionWalk,
): boolean {
  while (isExtension(next)) {
    if (next === NO_NEXT || at + 2 > end) return false
    if (next === FRAGMENT && (at + 4 > end || (view.getUint16(at + 2) & 0xfff8) !== 0)) return false
    const length = extensionLength(view, next, at)
    next = view.getUint8(at)
    at += length
  }
  walk.protocol = next
  walk.at = at
  return true
}

/**
 * Where the fragment header of the packet at `network` begins, that may be at `end` or behind it; -1 if there is none
 * (find_prev_fhdr in net/ipv6/netfilter/nf_conntrack_reasm.c).
 */
export function findFragmentHeader(view: DataView, network: number, end: number): number {
  let next = view.getUint8(network + NEXT_HEADER)
  let at = network + HEADER
  while (next !== FRAGMENT) {
    if (!isExtension(next) || next === NO_NEXT || at + 2 > end) return -1
    const length = extensionLength(view, next, at)
    next = view.getUint8(at)
    at += length
  }
  return at > end ? -1 : at
}

/** Where the byte stands that tells of the fragment header at `fragment`, in the packet at the beginning of a view. */
export function nextHeaderPlace(view: DataView, fragment: number): number {
  let place = NEXT_HEADER
  let at = HEADER
  while (at < fragment) {
    const length = extensionLength(view, view.getUint8(place), at)
    place = at
    at += length
  }
  return place
}

function extensionLength(view: DataView, next: number, at: number): number {
  if (next === FRAGMENT) return 8
  const words = view.getUint8(at + 1)
  return next === AUTHENTICATION ? (words + 2) << 2 : (words + 1) << 3
}
