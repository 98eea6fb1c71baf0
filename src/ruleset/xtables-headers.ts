/** xtables' matches of headers: see xtables.ts. */
/** What `!` before an option or a match asks for: the opposite. */
export interface Invertible {
  readonly invert?: boolean
}

/** Numbers from `from` to `to`, both included. */
export interface Span extends Invertible {
  readonly from: number
  readonly to: number
}

/**
 * `-p` of ip6tables: what follows the extension headers, an authentication header included, which nft's meta l4proto
 * stops at; a chain of headers that is cut short is dropped (ip6_packet_match in net/ipv6/netfilter/ip6_tables.c).
 */
export interface ProtocolMatch extends Invertible {
  readonly name: 'protocol'
  readonly protocol: number
}

/**
 * net/netfilter/xt_tcpudp.c. Drops at once what has no whole header, and TCP at a fragment's offset of 8; no other later
 * fragment matches. (iptables-nft has nft's own matches of ports and flags instead.)
 */
export interface TcpMatch {
  readonly name: 'tcp'
  readonly sport?: Span
  readonly dport?: Span
  /** Whether the flags of `mask` are those of `set`: bits of the byte, FIN 1 … CWR 128. */
  readonly flags?: { readonly mask: number; readonly set: number } & Invertible
  /** The kind of an option that the header has. */
  readonly option?: { readonly kind: number } & Invertible
}

export interface UdpMatch {
  readonly name: 'udp' | 'udplite'
  readonly sport?: Span
  readonly dport?: Span
}

/** net/netfilter/xt_sctp.c */
export interface SctpMatch {
  readonly name: 'sctp'
  readonly sport?: Span
  readonly dport?: Span
  readonly chunks?: {
    readonly match: 'any' | 'all' | 'only'
    /** Types; where `flags` is given, the chunk's flags of `mask` must be those. All 256 types for ALL. */
    readonly types: readonly SctpChunkType[]
  } & Invertible
}

export interface SctpChunkType {
  readonly type: number
  readonly flags?: { readonly mask: number; readonly set: number }
}

/** net/netfilter/xt_dccp.c */
export interface DccpMatch {
  readonly name: 'dccp'
  readonly sport?: Span
  readonly dport?: Span
  /** Types, 0 to 9; 10 stands for all others. */
  readonly types?: { readonly any: readonly number[] } & Invertible
  readonly option?: { readonly type: number } & Invertible
}

/** net/netfilter/xt_tcpudp.c: ICMP (`icmp`) and ICMPv6 (`icmp6`). */
export interface IcmpMatch extends Invertible {
  readonly name: 'icmp' | 'icmp6'
  /** 255 is any type, of ICMP. */
  readonly type: number
  readonly code: { readonly from: number; readonly to: number }
}

/** net/netfilter/xt_esp.c */
export interface EspMatch {
  readonly name: 'esp'
  readonly spi?: Span
}

/** net/ipv4/netfilter/ipt_ah.c, net/ipv6/netfilter/ip6t_ah.c */
export interface AhMatch {
  readonly name: 'ah'
  readonly spi?: Span
  /** Of ip6tables: bytes of the header; and that its reserved field is 0. */
  readonly length?: { readonly bytes: number } & Invertible
  readonly reserved?: boolean
}

/** net/netfilter/xt_ipcomp.c */
export interface IpcompMatch {
  readonly name: 'ipcomp'
  readonly spi?: Span
  readonly reserved?: boolean
}

/** net/ipv6/netfilter/ip6t_frag.c */
export interface FragmentHeaderMatch {
  readonly name: 'frag'
  readonly id?: Span
  readonly length?: { readonly bytes: number } & Invertible
  /** The reserved fields are 0. */
  readonly reserved?: boolean
  readonly first?: boolean
  readonly more?: boolean
  readonly last?: boolean
}

/** net/ipv6/netfilter/ip6t_hbh.c: hop-by-hop options (`hbh`) and destination options (`dst`). */
export interface OptionsHeaderMatch {
  readonly name: 'hbh' | 'dst'
  /** Bytes of the header. */
  readonly length?: { readonly bytes: number } & Invertible
  /** The options that it begins with; `length` is that of the option's data. */
  readonly options?: readonly { readonly type: number; readonly length?: number }[]
}

/** net/ipv6/netfilter/ip6t_rt.c */
export interface RoutingHeaderMatch {
  readonly name: 'rt'
  readonly type?: { readonly number: number } & Invertible
  readonly segmentsLeft?: Span
  readonly length?: { readonly bytes: number } & Invertible
  /** `--rt-0-res` */
  readonly reserved?: boolean
  /** `--rt-0-addrs` */
  readonly addresses?: readonly bigint[]
  /** `--rt-0-not-strict`: other addresses may stand between them. */
  readonly notStrict?: boolean
}

/** net/ipv6/netfilter/ip6t_srh.c, both revisions. */
export interface SegmentRoutingMatch {
  readonly name: 'srh'
  readonly nextHeader?: { readonly value: number } & Invertible
  readonly headerLength?: SrhComparison
  readonly segmentsLeft?: SrhComparison
  readonly lastEntry?: SrhComparison
  readonly tag?: { readonly value: number } & Invertible
  /** Prefixes of the previous, the next and the last segment. */
  readonly previous?: { readonly base: bigint; readonly length: number } & Invertible
  readonly next?: { readonly base: bigint; readonly length: number } & Invertible
  readonly last?: { readonly base: bigint; readonly length: number } & Invertible
}

export interface SrhComparison extends Invertible {
  readonly operator: '==' | '<' | '>'
  readonly value: number
}

/** net/ipv6/netfilter/ip6t_mh.c: the type of a mobility header. */
export interface MobilityMatch {
  readonly name: 'mh'
  readonly type?: Span
}

export type Ipv6HeaderName =
  | 'hop-by-hop'
  | 'ipv6-opts'
  | 'ipv6-route'
  | 'ipv6-frag'
  | 'ah'
  | 'esp'
  | 'ipv6-nonxt'
  | 'proto'

/** net/ipv6/netfilter/ip6t_ipv6header.c */
export interface Ipv6HeaderMatch extends Invertible {
  readonly name: 'ipv6header'
  readonly headers: readonly Ipv6HeaderName[]
  /** Other headers may be there too. */
  readonly soft?: boolean
}

/** net/ipv6/netfilter/ip6t_eui64.c: needs the link layer. */
export interface Eui64Match {
  readonly name: 'eui64'
}
