import type { WrittenJail } from '../../bans/config/written.js'
import type { Problem } from '../../bans/problem.js'
import type { Ban } from '../../bans/table/ban.js'
import type { BanRequest } from '../../bans/table/table.js'
import type { JailStatus } from '../../bans/watch.js'
import type { Prefix } from '../../packet/address.js'

/** What bans are made of: where jails are, whom they never ban, and where bans are kept. */
export interface BanSettings {
  /** Folders of fail2ban. */
  readonly folders: readonly string[]
  readonly jails: readonly WrittenJail[]
  /** Sources that are never banned, beside this machine's own addresses. */
  readonly protected: readonly Prefix[]
  /** redis://… that bans are shared through. */
  readonly shared: string | undefined
  /** The file that bans are kept in. */
  readonly database: string
  /** Banned TCP is answered with a reset. */
  readonly reset: boolean
}

/** What the ban thread is started with. */
export interface BanThreadData {
  readonly settings: BanSettings
  /** Memory of BanMemory, which the packet thread reads. */
  readonly memory: SharedArrayBuffer
}

/** What the ban thread says at the start. */
export interface BansReady {
  /** What is wrong with jails, and the texts of their files. */
  readonly problems: readonly Problem[]
  readonly texts: ReadonlyMap<string, string>
  readonly jails: readonly string[]
  /** Bans that were kept, and are in force again. */
  readonly restored: number
}

/** What a jail is doing, with the lines that it read in the last second. */
export interface JailReport extends JailStatus {
  readonly linesPerSecond: number
}

export interface BanTotals {
  readonly bans: number
  /** Packets of banned sources that the kernel refused. */
  readonly refused: number
  /** Connections that ended because their source was banned. */
  readonly ended: number
  /** Bans that had to go before their time, for want of room. */
  readonly displaced: number
  /** Whether the kernel's sets, or what is kept, are behind what is in force. */
  readonly kernelBehind: boolean
  readonly storeBehind: boolean
}

/** What the ban thread can be asked for, and what it answers. */
export interface BanQueries {
  readonly list: { readonly ask: object; readonly answer: readonly Ban[] }
  readonly jails: { readonly ask: object; readonly answer: readonly JailReport[] }
  readonly totals: { readonly ask: object; readonly answer: BanTotals }
  /** Bans sources; answers with the bans that came of it: whom one must not ban is not among them. */
  readonly ban: {
    readonly ask: { readonly requests: readonly BanRequest[] }
    readonly answer: readonly Ban[]
  }
  /** Lifts the bans of a source, or all; answers with those that were lifted. */
  readonly unban: { readonly ask: { readonly source?: Prefix }; readonly answer: readonly Ban[] }
  readonly stop: { readonly ask: object; readonly answer: undefined }
}

export type BanQuery = keyof BanQueries

export interface BanThreadRequest {
  readonly id: number
  readonly query: BanQuery
  readonly ask: object
}

/** What the ban thread says. */
export type BanThreadReply =
  | { readonly kind: 'ready'; readonly ready: BansReady }
  /** It cannot work; the message says why. */
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'problem'; readonly message: string }
  /** Bans that jails made, and those that jails that only log would have made. */
  | { readonly kind: 'banned'; readonly bans: readonly Ban[]; readonly wouldBe: readonly BanRequest[] }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
