/**
 * xtables' own matches, as rules of iptables and ip6tables have them: iptables-extensions(8). What nft can say as well
 * becomes an ordinary match when it is read; these are what nft cannot say, or what xtables decides in another way: a
 * header that is cut short makes it drop the packet at once (hotdrop), where nft's matches do not match.
 *
 * One node is one `-m NAME` with its options. Numbers of up to 32 bits are unsigned numbers; addresses and 64-bit
 * counters are bigints; all are in the order in which a person reads them.
 */
import type {
  AhMatch,
  DccpMatch,
  EspMatch,
  Eui64Match,
  FragmentHeaderMatch,
  IcmpMatch,
  Invertible,
  IpcompMatch,
  Ipv6HeaderMatch,
  MobilityMatch,
  OptionsHeaderMatch,
  ProtocolMatch,
  RoutingHeaderMatch,
  SctpMatch,
  SegmentRoutingMatch,
  Span,
  TcpMatch,
  UdpMatch,
} from './xtables-headers.js'
import type {
  ConnbytesMatch,
  ConnlabelMatch,
  ConnlimitMatch,
  ConntrackMatch,
  HashlimitMatch,
  HelperMatch,
  LimitMatch,
  QuotaMatch,
  RecentMatch,
  StateMatch,
  StatisticMatch,
} from './xtables-state.js'

export type * from './xtables-headers.js'
export type * from './xtables-state.js'

export type XtablesMatch = { readonly kind: 'xtables' } & (
  | RecentMatch
  | ConntrackMatch
  | StateMatch
  | MultiportMatch
  | IprangeMatch
  | LimitMatch
  | HashlimitMatch
  | ConnlimitMatch
  | MarkMatch
  | AddrtypeMatch
  | LengthMatch
  | TtlMatch
  | OwnerMatch
  | PkttypeMatch
  | StringMatch
  | TimeMatch
  | U32Match
  | StatisticMatch
  | DscpMatch
  | TosMatch
  | EcnMatch
  | TcpmssMatch
  | ConnbytesMatch
  | ConnlabelMatch
  | CpuMatch
  | QuotaMatch
  | RealmMatch
  | DevgroupMatch
  | PhysdevMatch
  | MacMatch
  | IpsetMatch
  | HelperMatch
  | OtherMatch
  | ProtocolMatch
  | TcpMatch
  | UdpMatch
  | SctpMatch
  | DccpMatch
  | IcmpMatch
  | EspMatch
  | AhMatch
  | IpcompMatch
  | FragmentHeaderMatch
  | OptionsHeaderMatch
  | RoutingHeaderMatch
  | SegmentRoutingMatch
  | MobilityMatch
  | Ipv6HeaderMatch
  | Eui64Match
)

export type XtablesName = XtablesMatch['name']

/** Addresses from `from` to `to`, both included. */
export interface AddressSpan extends Invertible {
  readonly from: bigint
  readonly to: bigint
}

/** Whether a number, of which the bits of `mask` are taken, is `value`. 32 bits; a value outside the mask never is. */
export interface Masked extends Invertible {
  readonly value: number
  readonly mask: number
}

/** net/netfilter/xt_multiport.c; TCP, UDP, UDP-Lite, SCTP or DCCP, as a match of the protocol before it says. */
export interface MultiportMatch extends Invertible {
  readonly name: 'multiport'
  readonly side: 'source' | 'destination' | 'either'
  /** Up to 15 numbers: a port takes one, a range two. */
  readonly ports: readonly { readonly from: number; readonly to: number }[]
}

/** net/netfilter/xt_iprange.c */
export interface IprangeMatch {
  readonly name: 'iprange'
  readonly source?: AddressSpan
  readonly destination?: AddressSpan
}

/** net/netfilter/xt_mark.c, xt_connmark.c: the mark of the packet, or of its connection. */
export interface MarkMatch extends Masked {
  readonly name: 'mark' | 'connmark'
}

/** The types of addresses, RTN_UNSPEC 0 to RTN_XRESOLVE 11 (include/uapi/linux/rtnetlink.h). */
export const ADDRESS_TYPES = [
  'unspec',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
  'nat',
  'xresolve',
] as const
export type AddressType = (typeof ADDRESS_TYPES)[number]

/** net/netfilter/xt_addrtype.c */
export interface AddrtypeMatch {
  readonly name: 'addrtype'
  readonly source?: { readonly any: readonly AddressType[] } & Invertible
  readonly destination?: { readonly any: readonly AddressType[] } & Invertible
  /** The address must belong to the interface that the packet came in, or leaves, by. */
  readonly limitInterface?: 'in' | 'out'
}

/** net/netfilter/xt_length.c: bytes of the packet, its IP header included. */
export interface LengthMatch extends Span {
  readonly name: 'length'
}

/** net/netfilter/xt_hl.c: the TTL of IPv4 (`ttl`), the hop limit of IPv6 (`hl`). */
export interface TtlMatch {
  readonly name: 'ttl' | 'hl'
  readonly operator: '==' | '!=' | '<' | '>'
  readonly value: number
}

/** net/netfilter/xt_owner.c: of the socket that sends the packet; in output and postrouting only. */
export interface OwnerMatch {
  readonly name: 'owner'
  readonly uid?: Span
  readonly gid?: Span
  /** `--suppl-groups`: gid is looked for in the supplementary groups too. */
  readonly supplementary?: boolean
  /** `--socket-exists` */
  readonly socketExists?: Invertible
}

/** net/netfilter/xt_pkttype.c; PACKET_HOST 0, PACKET_BROADCAST 1, PACKET_MULTICAST 2. */
export interface PkttypeMatch extends Invertible {
  readonly name: 'pkttype'
  readonly type: number
}

/** net/netfilter/xt_string.c: bytes anywhere in the packet, its IP header included. */
export interface StringMatch extends Invertible {
  readonly name: 'string'
  readonly algorithm: 'bm' | 'kmp'
  /** 1 to 128 bytes, a character each (latin1). */
  readonly pattern: string
  readonly ignoreCase?: boolean
  /** Bytes from the IP header's start; missing: 0. */
  readonly from?: number
  /** Where the pattern must have ended, in bytes from the IP header's start; missing: 65535. */
  readonly to?: number
}

/** net/netfilter/xt_time.c */
export interface TimeMatch {
  readonly name: 'time'
  /** Seconds since 1970, 32 bits; of UTC, or with `kernelTimeZone` of local time read as if it were UTC. */
  readonly dateStart?: number
  readonly dateStop?: number
  /** Seconds of the day, 0 to 86400. */
  readonly timeStart?: number
  readonly timeStop?: number
  /** 1 Monday to 7 Sunday; missing: all. */
  readonly weekdays?: { readonly any: readonly number[] } & Invertible
  /** 1 to 31; missing: all. */
  readonly monthdays?: { readonly any: readonly number[] } & Invertible
  /** A span of time over midnight belongs to the day that it began on. */
  readonly contiguous?: boolean
  /** Times are of the clock's time zone instead of UTC. */
  readonly kernelTimeZone?: boolean
}

/** net/netfilter/xt_u32.c: all tests must hold; each takes 32 bits of the packet and looks for them in its values. */
export interface U32Match extends Invertible {
  readonly name: 'u32'
  readonly tests: readonly U32Test[]
}

export interface U32Test {
  /** Where the first word is: bytes from the IP header's start. */
  readonly start: number
  /** `@` adds the value found so far to the place, and its number to that, and takes the word there. */
  readonly operations: readonly { readonly operator: '&' | '<<' | '>>' | '@'; readonly number: number }[]
  readonly values: readonly { readonly from: number; readonly to: number }[]
}

/** net/netfilter/xt_dscp.c: the upper six bits of the type of service or traffic class. */
export interface DscpMatch extends Invertible {
  readonly name: 'dscp'
  readonly value: number
}

/** net/netfilter/xt_dscp.c: all eight bits. */
export interface TosMatch extends Masked {
  readonly name: 'tos'
}

/** net/netfilter/xt_ecn.c */
export interface EcnMatch {
  readonly name: 'ecn'
  /** `--ecn-ip-ect`, 0 to 3. */
  readonly ect?: { readonly value: number } & Invertible
  /** `--ecn-tcp-ece`, `--ecn-tcp-cwr` */
  readonly ece?: Invertible
  readonly cwr?: Invertible
}

/** net/netfilter/xt_tcpmss.c: the MSS option; a header without it is as one with another MSS. */
export interface TcpmssMatch extends Span {
  readonly name: 'tcpmss'
}

/** net/netfilter/xt_cpu.c */
export interface CpuMatch extends Invertible {
  readonly name: 'cpu'
  readonly cpu: number
}

/** net/netfilter/xt_realm.c: of the route. */
export interface RealmMatch extends Masked {
  readonly name: 'realm'
}

/** net/netfilter/xt_devgroup.c: groups of the interfaces. */
export interface DevgroupMatch {
  readonly name: 'devgroup'
  readonly source?: Masked
  readonly destination?: Masked
}

/** net/netfilter/xt_physdev.c: ports of a bridge. */
export interface PhysdevMatch {
  readonly name: 'physdev'
  /** Names; a `+` at the end stands for any ending. */
  readonly in?: { readonly interface: string } & Invertible
  readonly out?: { readonly interface: string } & Invertible
  readonly isIn?: Invertible
  readonly isOut?: Invertible
  readonly isBridged?: Invertible
}

/** net/netfilter/xt_mac.c: 48 bits. */
export interface MacMatch extends Invertible {
  readonly name: 'mac'
  readonly address: bigint
}

/** net/netfilter/xt_set.c: a set of the table stands for the ipset. */
export interface IpsetMatch extends Invertible {
  readonly name: 'set'
  readonly set: string
  /** What the parts of the key are taken from. */
  readonly parts: readonly ('src' | 'dst')[]
  /** Other options, as they were written. */
  readonly options?: readonly string[]
}

/** A match of which only its name and how it was written are known. */
export interface OtherMatch {
  readonly name: 'other'
  readonly match: string
  /** Its options as they were written, word by word. */
  readonly options: readonly string[]
}

/** The name after `-m` of a match. nft lists no more of it, as `xt match "recent"`, and reads that from no text. */
export function xtablesModule(match: XtablesMatch): string {
  return match.name === 'other' ? match.match : match.name
}
