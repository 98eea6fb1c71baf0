/**
 * What stands where in an entry of the flow table: 32 words of 32 bits, two cache lines. What a look-up reads is in the
 * first, what TCP's window check reads in the second.
 */
export const ENTRY_WORDS = 32
export const Word = {
  /** The next entry of the same bucket, or of the list of free entries; -1 at its end. */
  chain: 0,
  /** The tuple of the original direction: family << 8 | protocol, … */
  protocol: 1,
  /** … source port << 16 | destination port; of ICMP id << 16 | type << 8 | code, … */
  ports: 2,
  /** … and the addresses, four words each; those of IPv4 use the first. */
  source: 3,
  destination: 7,
  /** Bits of Status. */
  status: 11,
  /** Jiffies: when it expires; before it is confirmed, how long it will live. */
  timeout: 12,
  mark: 13,
  generation: 14,
  /** Packets in flight that point to it. */
  held: 15,
  hash: 16,
  /** From here on, what its protocol keeps. */
  own: 17,
} as const

/** Connection status, by the kernel's bits (enum ip_conntrack_status in nf_conntrack_common.h), and one of our own. */
export const Status = {
  seenReply: 1 << 1,
  assured: 1 << 2,
  confirmed: 1 << 3,
  dying: 1 << 9,
  /** The words of its labels are its own, not those of the entry before it. */
  hasLabels: 1 << 30,
} as const

export const Protocol = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  gre: 47,
  icmp6: 58,
  sctp: 132,
  udplite: 136,
} as const

/** What a protocol says of a packet. */
export const Outcome = {
  /** It does not belong to the flow: `ct state invalid`. */
  invalid: 0,
  /** It belongs to it, but changes nothing, nor is it counted. */
  ignored: 1,
  accepted: 2,
  /** It opens a connection anew: the entry is gone, the packet begins another. */
  again: 3,
} as const

/** Jiffies of a second: the kernel's HZ. */
export const HZ = 250

/** 1 if a word has a bit set, else 0. */
export function nonzero(word: number): number {
  return (word | (0 - word)) >>> 31
}
