import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Ban } from '../../bans/table/ban.js'
import type { BanRequest } from '../../bans/table/table.js'
import { GateError } from '../gate-error.js'
import type { BanQueries, BanQuery, BansReady, BanThreadData, BanThreadReply } from './messages.js'

export interface BansEvents {
  /** Something goes wrong that does not end it. */
  readonly problem: (message: string) => void
  /** Bans that jails made, and those that jails that only log would have made. */
  readonly banned: (bans: readonly Ban[], wouldBe: readonly BanRequest[]) => void
  /** The thread ended: bans in force stay so until their time is up, new ones are not made. */
  readonly ended: (error: GateError) => void
}

/** The bans of a running gate: speaks with the ban thread. */
export class Bans {
  readonly ready: BansReady
  readonly #worker: Worker
  readonly #waiting = new Map<number, (answer: unknown) => void>()
  #asked = 0
  #open = true

  private constructor(worker: Worker, ready: BansReady, events: BansEvents) {
    this.#worker = worker
    this.ready = ready
    worker.on('message', (reply: BanThreadReply) => this.#hear(reply, events))
    worker.on('error', (error) => events.problem(`the ban thread failed: ${error.message}`))
    worker.on('exit', () => {
      if (this.#open) events.ended(new GateError('the ban thread ended', true))
      this.#open = false
      for (const resolve of this.#waiting.values()) resolve(undefined)
    })
  }

  /** Starts the thread; when this is done, bans that were kept are in force. Throws GateError if the kernel takes none. */
  static async open(data: BanThreadData, events: BansEvents): Promise<Bans> {
    const worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: data })
    const early: BanThreadReply[] = []
    for (;;) {
      const [reply] = (await once(worker, 'message').catch((error: Error) => {
        throw new GateError(`the ban thread failed: ${error.message}`)
      })) as [BanThreadReply]
      if (reply.kind === 'failed') {
        await worker.terminate()
        throw new GateError(reply.message)
      }
      if (reply.kind !== 'ready') {
        early.push(reply)
        continue
      }
      const bans = new Bans(worker, reply.ready, events)
      for (const one of early) bans.#hear(one, events)
      return bans
    }
  }

  /** Asks the thread. Throws GateError if it has ended. */
  async ask<Q extends BanQuery>(query: Q, ask: BanQueries[Q]['ask']): Promise<BanQueries[Q]['answer']> {
    if (!this.#open) throw new GateError('the ban thread has ended')
    const id = this.#asked++
    const answer = new Promise<unknown>((resolve) => this.#waiting.set(id, resolve))
    this.#worker.postMessage({ id, query, ask })
    const answered = await answer
    if (answered === undefined && query !== 'stop') throw new GateError('the ban thread has ended')
    return answered as BanQueries[Q]['answer']
  }

  /**
   * Takes the bans out of the kernel, and ends the thread; they are kept for the next time. Throws GateError if the kernel
   * refuses.
   */
  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    const ended = once(this.#worker, 'exit')
    this.#worker.postMessage({ id: this.#asked++, query: 'stop', ask: {} })
    await ended.catch((error: Error) => {
      throw new GateError(
        `the ban sets stay in the kernel: ${error.message}; portcullis down takes them down`,
      )
    })
  }

  /** Ends the thread and leaves the bans in the kernel, each until its time is up. */
  async abandon(): Promise<void> {
    this.#open = false
    await this.#worker.terminate()
  }

  #hear(reply: BanThreadReply, events: BansEvents): void {
    if (reply.kind === 'problem') events.problem(reply.message)
    else if (reply.kind === 'banned') events.banned(reply.bans, reply.wouldBe)
    else if (reply.kind === 'answer') {
      this.#waiting.get(reply.id)?.(reply.answer)
      this.#waiting.delete(reply.id)
    }
  }
}
