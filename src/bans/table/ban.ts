import type { Prefix } from '../../packet/address.js'
import type { Closed } from '../config/actions.js'

/** A source that is shut out. Times are milliseconds since 1970. */
export interface Ban {
  readonly source: Prefix
  /** Who bans it: a jail, or `manual`. */
  readonly jail: string
  readonly since: number
  /** Infinity: for good. */
  readonly until: number
  /** How often this source has been banned, this time included. */
  readonly times: number
  /** Why: the last lines that told of its failures, or a person's words. Few, and short. */
  readonly lines: readonly string[]
  /** What it is shut out of. */
  readonly closed: Closed
}

/** Whoever carries bans out: the engine's table, the kernel's sets. Called with what changed, as much as there is at once. */
export interface BanSink {
  /** Puts bans in force; those of a source and jail that are in force already change. */
  ban(bans: readonly Ban[]): void
  /** Lifts bans: of each, source and jail count. */
  unban(bans: readonly Ban[]): void
}

/** Which ban it is: a source has one of each jail. */
export type BanKey = string & { readonly brand: 'BanKey' }

export function keyOf({ source, jail }: Pick<Ban, 'source' | 'jail'>): BanKey {
  // Numbers become text far sooner than bigints do.
  const value = source.bits === 32 ? Number(source.value) : source.value.toString(36)
  return `${source.bits} ${value}/${source.length} ${jail}` as BanKey
}
