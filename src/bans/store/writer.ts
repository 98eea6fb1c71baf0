import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Ban } from '../table/ban.js'
import type { BanKeeper } from '../table/table.js'
import { BanStore, type Kept, type LogPlace, type LogPlaces } from './sqlite.js'

/** What the thread that writes is told. */
export type WriteRequest =
  | { readonly kind: 'keep' | 'drop'; readonly bans: readonly Ban[] }
  | { readonly kind: 'place'; readonly path: string; readonly place: LogPlace }
  | { readonly kind: 'close' }

/** What it says: what is wrong, and whether what is kept is behind what is in force. */
export interface WriteReport {
  readonly problem: string
  readonly failing: boolean
}

/**
 * Keeps bans, and places in logs, on a thread of its own: a disk takes its time to write, and whoever reads logs has none to
 * lose. What was kept is read at once.
 */
export class StoreWriter implements BanKeeper, LogPlaces {
  readonly kept: Kept
  readonly #places: ReadonlyMap<string, LogPlace>
  readonly #worker: Worker
  #failing: boolean

  /** now: milliseconds since 1970. */
  constructor(path: string, report: (problem: string) => void, now: number) {
    const store = new BanStore(path, report)
    this.kept = store.load(now)
    this.#places = store.places()
    this.#failing = store.failing
    store.release()
    this.#worker = new Worker(new URL('./writer-thread.js', import.meta.url), { workerData: path })
    this.#worker.on('message', ({ problem, failing }: WriteReport) => {
      this.#failing = failing
      report(problem)
    })
    this.#worker.on('error', (error) => {
      this.#failing = true
      report(`bans are not kept any more: ${error.message}; they stay in force`)
    })
  }

  /** Whether what is kept is behind what is in force because it cannot be written. */
  get failing(): boolean {
    return this.#failing
  }

  place(path: string): LogPlace | undefined {
    return this.#places.get(path)
  }

  keepPlace(path: string, place: LogPlace): void {
    this.#tell({ kind: 'place', path, place })
  }

  keep(bans: readonly Ban[]): void {
    this.#tell({ kind: 'keep', bans })
  }

  drop(bans: readonly Ban[]): void {
    this.#tell({ kind: 'drop', bans })
  }

  /** Writes what is not written yet, and ends. */
  async close(): Promise<void> {
    const ended = once(this.#worker, 'exit')
    this.#tell({ kind: 'close' })
    await ended
  }

  #tell(request: WriteRequest): void {
    this.#worker.postMessage(request)
  }
}
