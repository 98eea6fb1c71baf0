/** The reference of the matches of headers. */
import type { Packet } from '../../../packet/packet.js'
import type {
  AhMatch,
  DccpMatch,
  EcnMatch,
  FragmentHeaderMatch,
  IcmpMatch,
  Ipv6HeaderMatch,
  MobilityMatch,
  MultiportMatch,
  OptionsHeaderMatch,
  RoutingHeaderMatch,
  SctpMatch,
  SegmentRoutingMatch,
  Span,
  SrhComparison,
  TcpMatch,
  TcpmssMatch,
  UdpMatch,
} from '../../../ruleset/xtables.js'
import {
  addressAt,
  bytesOf,
  chainOf,
  extensionAt,
  isIPv6,
  lengthOfExtension,
  numberAt,
  transportOf,
} from './bytes.js'
import { option, outcome, within, type XtablesOutcome } from './outcome.js'

/** Judges the transport header: later fragments have none, and one that is cut under `size` bytes is dropped. */
export function header(
  packet: Packet,
  size: number,
  test: (bytes: readonly number[], all: readonly number[]) => XtablesOutcome,
): XtablesOutcome {
  const where = transportOf(packet)
  if (where === 'broken' || where.fragment !== 0) return 'no'
  const all = bytesOf(packet)
  const bytes = all.slice(where.at)
  return bytes.length < size ? 'hotdrop' : test(bytes, all)
}

const ports = ({ sport, dport }: { sport?: Span; dport?: Span }, bytes: readonly number[]): boolean =>
  within(sport, numberAt(bytes, 0, 2)) && within(dport, numberAt(bytes, 2, 2))

export function tcp(match: TcpMatch, packet: Packet): XtablesOutcome {
  const where = transportOf(packet)
  if (where !== 'broken' && where.fragment === 8 && !isIPv6(packet)) return 'hotdrop'
  return header(packet, 20, (bytes) => {
    if (!ports(match, bytes) || !option(match.flags, ({ mask, set }) => (bytes[13]! & mask) === set))
      return 'no'
    if (match.option === undefined) return 'yes'
    const options = tcpOptions(bytes)
    if (options === undefined) return 'hotdrop'
    return outcome(option(match.option, ({ kind }) => options.some((each) => each.kind === kind)))
  })
}

/** The options of a TCP header, up to where their lengths lead out of it; undefined if the header is cut or lies. */
function tcpOptions(bytes: readonly number[]): { kind: number; data: readonly number[] }[] | undefined {
  const length = (bytes[12]! >> 4) * 4
  return length < 20 || bytes.length < length ? undefined : optionsIn(bytes.slice(20, length))
}

function optionsIn(bytes: readonly number[]): { kind: number; data: readonly number[] }[] {
  const options = []
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at]!
    options.push({ kind, data: bytes.slice(at) })
    at += kind < 2 ? 1 : Math.max(1, bytes[at + 1] ?? 1)
  }
  return options
}

export function tcpmss(match: TcpmssMatch, packet: Packet): XtablesOutcome {
  const where = transportOf(packet)
  if (where === 'broken') return 'no'
  const bytes = bytesOf(packet).slice(where.at)
  const options = bytes.length < 20 ? undefined : tcpOptions(bytes)
  if (options === undefined) return 'hotdrop'
  const mss = options.find(({ kind, data }) => kind === 2 && data.length >= 4 && data[1] === 4)
  return outcome(mss === undefined ? (match.invert ?? false) : within(match, numberAt(mss.data, 2, 2)))
}

export function ecn({ ect, ece, cwr }: EcnMatch, packet: Packet): XtablesOutcome {
  const all = bytesOf(packet)
  const bits = isIPv6(packet) ? (all[1]! >> 4) & 3 : all[1]! & 3
  if (!option(ect, ({ value }) => value === bits)) return 'no'
  if (ece === undefined && cwr === undefined) return 'yes'
  const where = transportOf(packet)
  const bytes = where === 'broken' ? [] : all.slice(where.at)
  if (bytes.length < 20) return 'no'
  return outcome(option(ece, () => (bytes[13]! & 0x40) !== 0) && option(cwr, () => (bytes[13]! & 0x80) !== 0))
}

export function udp(match: UdpMatch, packet: Packet): XtablesOutcome {
  return header(packet, 8, (bytes) => outcome(ports(match, bytes)))
}

export function multiport(match: MultiportMatch, packet: Packet): XtablesOutcome {
  return header(packet, 4, (bytes) => {
    const source = match.side === 'destination' ? [] : [numberAt(bytes, 0, 2)]
    const destination = match.side === 'source' ? [] : [numberAt(bytes, 2, 2)]
    const found = [...source, ...destination].some((port) => match.ports.some((span) => within(span, port)))
    return outcome(found !== (match.invert ?? false))
  })
}

export function icmp({ name, type, code, invert = false }: IcmpMatch, packet: Packet): XtablesOutcome {
  return header(packet, 8, ([its, itsCode]) => {
    const any = name === 'icmp' && type === 255
    return outcome((any || (its === type && within(code, itsCode!))) !== invert)
  })
}

export function sctp(match: SctpMatch, packet: Packet): XtablesOutcome {
  const { chunks } = match
  return header(packet, 12, (bytes, all) => {
    if (!ports(match, bytes)) return 'no'
    if (chunks === undefined) return 'yes'
    const seen: { type: number; flags: number }[] = []
    const fits = (asked: (typeof chunks.types)[number], { type, flags }: (typeof seen)[number]) =>
      asked.type === type && (asked.flags === undefined || (flags & asked.flags.mask) === asked.flags.set)
    const isAsked = (chunk: (typeof seen)[number]) => chunks.types.some((asked) => fits(asked, chunk))
    const answer = (matches: boolean) => outcome(matches !== (chunks.invert ?? false))
    // A capture may have cut the packet: what is behind is not there, though there should be more.
    const end = packet.length - (all.length - bytes.length)
    let at = 12
    do {
      const length = bytes.length - at < 4 ? 0 : numberAt(bytes, at + 2, 2)
      if (length === 0) return 'hotdrop'
      const chunk = { type: bytes[at]!, flags: bytes[at + 1]! }
      seen.push(chunk)
      if (chunks.match === 'any' && isAsked(chunk)) return answer(true)
      if (chunks.match === 'only' && !isAsked(chunk)) return answer(false)
      at += Math.ceil(length / 4) * 4
    } while (at < end)
    if (chunks.match === 'all')
      return answer(chunks.types.every((asked) => seen.some((chunk) => fits(asked, chunk))))
    return answer(chunks.match === 'only')
  })
}

export function dccp(match: DccpMatch, packet: Packet): XtablesOutcome {
  const of: Readonly<Record<number, number>> = {
    0: 4,
    1: 12,
    2: 0,
    3: 8,
    4: 8,
    5: 8,
    6: 8,
    7: 12,
    8: 8,
    9: 8,
  }
  return header(packet, 12, (bytes) => {
    const type = (bytes[8]! >> 1) & 15
    if (!ports(match, bytes) || !option(match.types, ({ any }) => any.includes(Math.min(type, 10))))
      return 'no'
    if (match.option === undefined) return 'yes'
    const from = 12 + (bytes[8]! % 2) * 4 + (of[type] ?? 12)
    const to = bytes[4]! * 4
    if (to < from || (to > from && bytes.length < to)) return 'hotdrop'
    const options = optionsIn(bytes.slice(from, to))
    return outcome(option(match.option, ({ type }) => options.some(({ kind }) => kind === type)))
  })
}

export function mobility({ type }: MobilityMatch, packet: Packet): XtablesOutcome {
  return header(packet, 6, (bytes) => (bytes[0] === 59 ? outcome(within(type, bytes[2]!)) : 'hotdrop'))
}

/** Judges an extension header of IPv6; where the chain is cut short before it, the packet is dropped. */
function extension(
  packet: Packet,
  kind: number,
  test: (bytes: readonly number[]) => XtablesOutcome,
): XtablesOutcome {
  const bytes = bytesOf(packet)
  const at = extensionAt(bytes, kind)
  if (at === 'none') return 'no'
  return at === 'broken' ? 'hotdrop' : test(bytes.slice(at))
}

export function ah({ spi, length, reserved }: AhMatch, packet: Packet): XtablesOutcome {
  if (!isIPv6(packet)) return header(packet, 12, (bytes) => outcome(within(spi, numberAt(bytes, 4, 4))))
  return extension(packet, 51, (bytes) => {
    const its = lengthOfExtension(51, bytes[1]!)
    if (bytes.length < 12 || bytes.length < its) return 'hotdrop'
    return outcome(
      within(spi, numberAt(bytes, 4, 4)) &&
        (length?.bytes === 0 || option(length, ({ bytes }) => bytes === its)) &&
        !(reserved && numberAt(bytes, 2, 2) !== 0),
    )
  })
}

export function fragment(match: FragmentHeaderMatch, packet: Packet): XtablesOutcome {
  return extension(packet, 44, (bytes) => {
    if (bytes.length < 8) return 'hotdrop'
    const offset = numberAt(bytes, 2, 2)
    return outcome(
      within(match.id, numberAt(bytes, 4, 4)) &&
        !(match.reserved && (bytes[1] !== 0 || (offset & 6) !== 0)) &&
        !(match.first && offset >= 8) &&
        !(match.more && offset % 2 === 0) &&
        !(match.last && offset % 2 === 1),
    )
  })
}

export function optionsHeader(
  { name, length, options = [] }: OptionsHeaderMatch,
  packet: Packet,
): XtablesOutcome {
  return extension(packet, name === 'hbh' ? 0 : 60, (bytes) => {
    const its = lengthOfExtension(0, bytes[1]!)
    if (bytes.length < its) return 'hotdrop'
    if (!option(length, ({ bytes }) => bytes === its)) return 'no'
    let rest = bytes.slice(2, its)
    for (const [i, wanted] of options.entries()) {
      const [type, size] = rest
      if (type === undefined || type !== wanted.type) return 'no'
      if (type !== 0 && (size === undefined || (wanted.length ?? size) !== size)) return 'no'
      const whole = type === 0 ? 1 : size! + 2
      if (rest.length < whole && i < options.length - 1) return 'no'
      rest = rest.slice(whole)
    }
    return 'yes'
  })
}

export function routing(match: RoutingHeaderMatch, packet: Packet): XtablesOutcome {
  const { addresses } = match
  return extension(packet, 43, (bytes) => {
    const its = lengthOfExtension(43, bytes[1]!)
    if (bytes.length < its) return 'hotdrop'
    const fits =
      within(match.segmentsLeft, bytes[3]!) &&
      option(match.length, ({ bytes }) => bytes === its) &&
      option(match.type, ({ number }) => number === bytes[2]) &&
      !(match.reserved && numberAt(bytes, 4, 4) !== 0)
    if (!fits || addresses === undefined) return outcome(fits)
    const there = Array.from({ length: Math.floor((its - 8) / 16) }, (_, i) =>
      addressAt(bytes, 8 + 16 * i, 16),
    )
    if (!match.notStrict)
      return outcome(there.length === addresses.length && addresses.every((each, i) => each === there[i]))
    let found = 0
    for (const address of there) if (found < addresses.length && address === addresses[found]) found++
    return outcome(found === addresses.length)
  })
}

export function segmentRouting(match: SegmentRoutingMatch, packet: Packet): XtablesOutcome {
  const bytes = bytesOf(packet)
  const at = extensionAt(bytes, 43)
  if (typeof at === 'string') return 'no'
  const srh = bytes.slice(at)
  if (srh.length < 8 || srh.length < lengthOfExtension(43, srh[1]!) || srh[2] !== 4) return 'no'
  const [next, length, , left, last] = srh as [number, number, number, number, number]
  if (left > last) return 'no'
  const compare = (of: SrhComparison | undefined, its: number) =>
    option(of, ({ operator, value }) =>
      operator === '==' ? its === value : operator === '<' ? its < value : its > value,
    )
  const segment = (of: SegmentRoutingMatch['last'], number: number) => {
    const start = 8 + 16 * number
    if (of === undefined) return true
    if (number < 0 || number > last || srh.length < start + 16) return false
    const host = BigInt(128 - of.length)
    return option(of, ({ base }) => addressAt(srh, start, 16) >> host === base >> host)
  }
  return outcome(
    option(match.nextHeader, ({ value }) => value === next) &&
      compare(match.headerLength, length) &&
      compare(match.segmentsLeft, left) &&
      compare(match.lastEntry, last) &&
      option(match.tag, ({ value }) => value === numberAt(srh, 6, 2)) &&
      segment(match.previous, left + 1) &&
      segment(match.next, left - 1) &&
      segment(match.last, 0),
  )
}

export function ipv6Header(
  { headers, soft, invert = false }: Ipv6HeaderMatch,
  packet: Packet,
): XtablesOutcome {
  const names: Readonly<Record<number, Ipv6HeaderMatch['headers'][number]>> = {
    0: 'hop-by-hop',
    60: 'ipv6-opts',
    43: 'ipv6-route',
    44: 'ipv6-frag',
    51: 'ah',
    50: 'esp',
    59: 'ipv6-nonxt',
  }
  const bytes = bytesOf(packet)
  const found = new Set<Ipv6HeaderMatch['headers'][number]>()
  let kind = bytes[6]!
  for (let at = 40; names[kind] !== undefined && at <= bytes.length; ) {
    if (kind !== 59 && bytes.length - at < 2) return 'no'
    found.add(names[kind]!)
    if (kind === 50 || kind === 59) break
    const length = lengthOfExtension(kind, bytes[at + 1]!)
    kind = bytes[at]!
    at += length
  }
  // What a header that is too long leads to is not looked at, but for whether it is a protocol.
  if (kind !== 50 && kind !== 59) found.add('proto')
  if (soft) return outcome(headers.every((name) => found.has(name) !== invert))
  return outcome((found.size === headers.length && headers.every((name) => found.has(name))) !== invert)
}

/** What ip6tables' -p looks at. */
export function protocol(wanted: number, invert: boolean, packet: Packet): XtablesOutcome {
  const last = isIPv6(packet) ? chainOf(bytesOf(packet)).last : transportOf(packet)
  return last === 'broken' ? 'hotdrop' : outcome((last.protocol === wanted) !== invert)
}
