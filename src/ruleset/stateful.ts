/** Statements that keep a state of their own, which elements of sets may carry; and verdicts, which maps lead to. */

export type Stateful = Counter | Limit | Quota | Connlimit

/** Counts packets and bytes that reach it; the numbers are where it starts. */
export interface Counter {
  readonly kind: 'counter'
  readonly packets?: bigint
  readonly bytes?: bigint
}

export type ByteUnit = 'bytes' | 'kbytes' | 'mbytes'

export interface LimitSpec {
  readonly rate: number
  /** Missing: packets. */
  readonly rateUnit?: ByteUnit
  readonly per: 'second' | 'minute' | 'hour' | 'day' | 'week'
  /** Packets, or what `burstUnit` says. */
  readonly burst: number
  readonly burstUnit?: ByteUnit
  /** Matches what is above the rate. */
  readonly over: boolean
}

export interface Limit extends LimitSpec {
  readonly kind: 'limit'
}

export interface QuotaSpec {
  readonly amount: number
  readonly unit: ByteUnit
  readonly over: boolean
  readonly used?: number
  readonly usedUnit?: ByteUnit
}

export interface Quota extends QuotaSpec {
  readonly kind: 'quota'
}

/** Matches while there are at most `count` connections; with `over`, when there are more. */
export interface Connlimit {
  readonly kind: 'ct count'
  readonly count: number
  readonly over: boolean
}

export type Verdict =
  | { readonly kind: 'accept' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'continue' }
  | { readonly kind: 'return' }
  | { readonly kind: 'jump'; readonly target: string }
  | { readonly kind: 'goto'; readonly target: string }
