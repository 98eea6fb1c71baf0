/** A case: a ruleset, packets, and what the kernel says of them. Plain JSON, so that it can be kept. */

/** What reads a ruleset's text: nft, or a restore command of iptables. */
export type Loader = 'nft' | `${'ip' | 'ip6'}tables-${'nft' | 'legacy'}-restore`

/** A line of the judge's input: `I INTERFACE HEX`, `O - HEX` or `W MILLISECONDS`. */
export type Line = string

export interface Case {
  readonly name: string
  readonly loader: Loader
  readonly rules: string
  readonly lines: readonly Line[]
  /** The host forwards; only a judge that was started for it can tell. Default: it does. */
  readonly forwards?: boolean
  /** The ruleset is held against what import makes of it. */
  readonly imports?: true
}

/** What became of one packet. */
export interface Answer {
  /** As the judge's main.c has it. */
  readonly verdict: string
  /** In hex. */
  readonly mark: string
  /** Nanoseconds of the packet's clock. */
  readonly time: number
}

export interface Counter {
  /** FAMILY TABLE CHAIN RULE.COUNTER, both counted from 0. */
  readonly of: string
  readonly packets: number
  readonly bytes: number
}

/** What became of a case. */
export interface Outcome {
  /** When the ruleset was loaded, in nanoseconds of the packets' clock, and what time of day that clock's 0 is. */
  readonly loaded: number
  readonly origin: bigint
  /** Of the packets, in their order. */
  readonly answers: readonly Answer[]
  /** Of the rules that count, in any order. */
  readonly counters: readonly Counter[]
}

/** What a judge says of a ruleset that it does not take. */
export interface Refusal {
  readonly refused: string
}

export const isRefusal = (result: Outcome | Refusal): result is Refusal => 'refused' in result

/** The host that all cases are about. */
export const INTERFACES = ['eth0', 'eth1'] as const
export const ADDRESSES = [
  '10.0.0.1/24@eth0',
  'fd00::1/64@eth0',
  '10.1.0.1/24@eth1',
  '192.168.7.1/24@eth1',
  'fd00:1::1/64@eth1',
] as const

export const isPacket = (line: Line): boolean => line[0] !== 'W'
