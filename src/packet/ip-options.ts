/** The options of IPv4 headers, as ip_options_compile and ip_options_rcv_srr in net/ipv4/ip_options.c see them. */
import type { Packet } from './packet.js'

const HEADER = 20
const END = 0
const NOOP = 1
const RECORD_ROUTE = 7
const TIMESTAMP = 68
const LOOSE_ROUTE = 131
const CIPSO = 134
const STRICT_ROUTE = 137
const ROUTER_ALERT = 148
/** What a timestamp option records: the time, with addresses, or only where given addresses are. */
const WITH_ADDRESSES = 1
const PRESPECIFIED = 3
const NO_MORE_OVERFLOW = 15

/** What `checkOptions` says, besides the offset in the view of a source route. */
export const Options = { sound: 0, malformed: -1 } as const
const { sound: SOUND, malformed: MALFORMED } = Options

/** Looks at the options of an IPv4 header: a number of Options, or where a source route stands. */
export function checkOptions({ view, network }: Packet): number {
  const end = network + ((view.getUint8(network) & 15) << 2)
  let sourceRoute = 0
  let recorded = false
  let stamped = false
  for (let at = network + HEADER; at < end; ) {
    const type = view.getUint8(at)
    if (type === END) break
    if (type === NOOP) {
      at++
      continue
    }
    if (at + 2 > end) return MALFORMED
    const length = view.getUint8(at + 1)
    if (length < 2 || at + length > end) return MALFORMED
    switch (type) {
      case STRICT_ROUTE:
      case LOOSE_ROUTE:
        if (length < 3 || view.getUint8(at + 2) < 4 || sourceRoute !== 0) return MALFORMED
        sourceRoute = at
        break
      case RECORD_ROUTE:
        if (recorded || length < 3 || !fits(view.getUint8(at + 2), 4, 4, length)) return MALFORMED
        recorded = true
        break
      case TIMESTAMP:
        if (stamped || length < 4 || !isTimestamp(view, at, length)) return MALFORMED
        stamped = true
        break
      case ROUTER_ALERT:
        if (length < 4) return MALFORMED
        break
      case CIPSO:
        // No host has a domain of interpretation for it unless it was told of one.
        return MALFORMED
    }
    at += length
  }
  return sourceRoute === 0 ? SOUND : sourceRoute
}

/** Whether what follows in an option has room where its pointer says, or the pointer is beyond the option's end. */
function fits(pointer: number, first: number, size: number, length: number): boolean {
  return pointer >= first && (pointer > length || pointer + size - 1 <= length)
}

function isTimestamp(view: DataView, at: number, length: number): boolean {
  const pointer = view.getUint8(at + 2)
  const flags = view.getUint8(at + 3)
  const kind = flags & 15
  if (pointer > length) return kind === PRESPECIFIED || flags >> 4 !== NO_MORE_OVERFLOW
  return fits(pointer, 5, kind === WITH_ADDRESSES || kind === PRESPECIFIED ? 8 : 4, length)
}

/** Whether a source route names each next hop. */
export function isStrict({ view }: Packet, sourceRoute: number): boolean {
  return view.getUint8(sourceRoute) === STRICT_ROUTE
}
