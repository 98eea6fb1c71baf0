/** xtables' matches of connections, and those that count and remember: see xtables.ts. */
import type { Invertible, Span } from './xtables-headers.js'

/** The same of an address; the mask is as wide as the addresses of the rule's family. */
export interface MaskedAddress extends Invertible {
  readonly value: bigint
  readonly mask: bigint
}

/** net/netfilter/xt_recent.c. Lists are shared by their names between all the rules of a Ruleset, both families. */
export interface RecentMatch extends Invertible {
  readonly name: 'recent'
  /** `--name`: DEFAULT where none is given. */
  readonly list: string
  readonly operation: 'set' | 'rcheck' | 'update' | 'remove'
  /** Seconds; with rcheck and update only. Missing (or 0): stamps of any age count. */
  readonly seconds?: number
  /** 1 to 65535; with rcheck and update only. */
  readonly hitcount?: number
  /** Only an entry whose TTL is the packet's; with rcheck and update only. */
  readonly rttl?: boolean
  /** Needs `seconds`. */
  readonly reap?: boolean
  readonly side: 'source' | 'destination'
  /** As wide as the addresses of the rule's family; missing: all bits. */
  readonly mask?: bigint
}

export type ConntrackState = 'invalid' | 'new' | 'established' | 'related' | 'untracked' | 'snat' | 'dnat'
export type ConntrackStatus = 'none' | 'expected' | 'seen-reply' | 'assured' | 'confirmed'

/** net/netfilter/xt_conntrack.c */
export interface ConntrackMatch {
  readonly name: 'conntrack'
  /** `--ctstate`: any of them. */
  readonly states?: { readonly any: readonly ConntrackState[] } & Invertible
  /** `--ctproto` */
  readonly protocol?: { readonly number: number } & Invertible
  readonly originalSource?: MaskedAddress
  readonly originalDestination?: MaskedAddress
  readonly replySource?: MaskedAddress
  readonly replyDestination?: MaskedAddress
  readonly originalSourcePort?: Span
  readonly originalDestinationPort?: Span
  readonly replySourcePort?: Span
  readonly replyDestinationPort?: Span
  /** `--ctstatus`: any of them. */
  readonly status?: { readonly any: readonly ConntrackStatus[] } & Invertible
  /** `--ctexpire`, seconds. */
  readonly expire?: Span
  readonly direction?: 'original' | 'reply'
}

/** `-m state`, as `-m conntrack --ctstate`. */
export interface StateMatch extends Invertible {
  readonly name: 'state'
  readonly any: readonly ConntrackState[]
}

export type RateUnit = 'second' | 'minute' | 'hour' | 'day'

/** net/netfilter/xt_limit.c; what iptables-nft makes of `-m limit` is nft's limit. */
export interface LimitMatch {
  readonly name: 'limit'
  /** Packets per `per`: 1 to 10000 × the seconds of `per`. */
  readonly rate: number
  readonly per: RateUnit
  /** Packets, 1 to 10000. */
  readonly burst: number
}

/** net/netfilter/xt_hashlimit.c, revision 3. Tables are shared by their names between rules of one family. */
export interface HashlimitMatch {
  readonly name: 'hashlimit'
  /** `--hashlimit-name` */
  readonly table: string
  /** Matches what is above the rate (`--hashlimit-above`), else what is within it. */
  readonly above: boolean
  /** Packets per `per`; bytes a second where `bytes` is true. */
  readonly rate: number
  readonly per: RateUnit
  /** The rate and the burst are bytes. */
  readonly bytes?: boolean
  /** Packets, or bytes, of which there are at least as many as the rate gives in a second. Missing: 5 packets, or no bytes. */
  readonly burst?: number
  /** What tells one bucket from another; none: a single bucket for all. */
  readonly mode: readonly ('srcip' | 'srcport' | 'dstip' | 'dstport')[]
  /** Bits of the prefixes; missing: whole addresses. */
  readonly srcmask?: number
  readonly dstmask?: number
  /** Buckets of the hash; missing: 8192, as on hosts with more than a gigabyte. */
  readonly htableSize?: number
  /** Entries at most, but never fewer than buckets; 0 or missing: 8 × htableSize. */
  readonly htableMax?: number
  /** Milliseconds without a packet after which an entry may go; missing: the time of `per`, of bytes 15 s, with a burst 60 s. */
  readonly htableExpire?: number
  /** Milliseconds between collections of old entries; missing: 1000. */
  readonly htableGcInterval?: number
  /** `--hashlimit-rate-match`: counts what comes in an interval, instead of what a bucket of tokens holds. */
  readonly rateMatch?: boolean
  /** Seconds, of rateMatch; missing: those of `per`. */
  readonly rateInterval?: number
}

/** net/netfilter/xt_connlimit.c */
export interface ConnlimitMatch {
  readonly name: 'connlimit'
  readonly count: number
  /** `--connlimit-above`: matches if there are more; else (`--connlimit-upto`) if there are at most so many. */
  readonly above: boolean
  /** Bits of the prefix that counts as one. */
  readonly mask: number
  readonly side: 'source' | 'destination'
}

/** net/netfilter/xt_statistic.c */
export type StatisticMatch = { readonly name: 'statistic' } & Invertible &
  (
    | {
        readonly mode: 'random'
        /** Of 2^31: the chance. */
        readonly probability: number
      }
    | {
        readonly mode: 'nth'
        /** Matches each of so many packets, at least 1 … */
        readonly every: number
        /** … and of them this, from 0 to every - 1. */
        readonly packet: number
      }
  )

/** net/netfilter/xt_connbytes.c */
export interface ConnbytesMatch extends Invertible {
  readonly name: 'connbytes'
  readonly from: bigint
  readonly to: bigint
  readonly mode: 'packets' | 'bytes' | 'avgpkt'
  readonly direction: 'original' | 'reply' | 'both'
}

/** net/netfilter/xt_connlabel.c */
export interface ConnlabelMatch extends Invertible {
  readonly name: 'connlabel'
  /** 0 to 127. */
  readonly bit: number
  /** Sets the label; matches if that could be done. */
  readonly set?: boolean
}

/** net/netfilter/xt_quota.c */
export interface QuotaMatch extends Invertible {
  readonly name: 'quota'
  readonly bytes: bigint
}

/** net/netfilter/xt_helper.c: the connection's helper; an empty name is any. */
export interface HelperMatch extends Invertible {
  readonly name: 'helper'
  readonly helper: string
}
