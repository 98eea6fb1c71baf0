import type { Position } from '../ruleset/model.js'

/** Something right as far as it goes, that most likely does not do what it was written for. */
export interface Advice {
  /** Names the kind of advice, for programs. */
  readonly id: string
  readonly message: string
  /** What to do about it. */
  readonly hint: string
  /** The rules that it is about; none where it is about what is missing. */
  readonly positions: readonly Position[]
}

/** What is known of the machine that the rules are for. */
export interface Surroundings {
  /** The connection over which somebody is working on it. */
  readonly session?: Session
  /** It has Docker's bridge. */
  readonly docker?: boolean
}

export interface Session {
  readonly client: { readonly bits: 32 | 128; readonly value: bigint }
  readonly clientPort: number
  readonly serverPort: number
}
