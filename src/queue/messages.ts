import type { QueueStatistics } from 'node-netfilter-queue'
import type { Program } from '../engine/program.js'

/** What the packet thread is started with. */
export interface ThreadData {
  readonly program: Program
  readonly queue: number
  /** Memory of the event ring, and of Total's numbers. */
  readonly events: SharedArrayBuffer
  readonly totals: SharedArrayBuffer
  /** Packets and bytes of each counter. */
  readonly counters: SharedArrayBuffer
  /** Memory of BanMemory. */
  readonly banned: SharedArrayBuffer
}

/** What the packet thread is asked. `stop` closes the queue and ends the thread. */
export type Request = { readonly kind: 'statistics' } | { readonly kind: 'stop' }

export interface WindowStatistics {
  readonly name: string
  readonly sources: number
  readonly admitted: number
  readonly refused: number
  readonly crowded: number
}

export interface Statistics {
  readonly queue: QueueStatistics
  readonly windows: readonly WindowStatistics[]
}

/** What the packet thread says. */
export type Reply =
  | { readonly kind: 'ready' }
  /** The queue could not be opened; the message says what to do. */
  | { readonly kind: 'failed'; readonly message: string }
  /** A batch failed, and its undecided packets were dropped; or, if fatal, the queue, and it is closed. */
  | { readonly kind: 'error'; readonly message: string; readonly fatal: boolean }
  | { readonly kind: 'statistics'; readonly statistics: Statistics }
