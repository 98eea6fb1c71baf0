import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Program } from '../engine/program.js'
import { type DropEvent, EventRing } from '../engine/state/events.js'
import { Bans, type BansEvents } from './bans/bans.js'
import { BanMemory } from './bans/memory.js'
import type { BanSettings, BanTotals } from './bans/messages.js'
import { Total } from './consumer.js'
import { Divert } from './divert/divert.js'
import { GateError } from './gate-error.js'
import type { Reply, Request, Statistics, ThreadData } from './messages.js'

/** What the gate did since it was opened. */
export interface Summary extends Statistics {
  readonly accepted: number
  readonly dropped: number
  readonly malformed: number
  /** Of banned sources; more were refused by the kernel's ban sets. */
  readonly banned: number
  /** Dropped by the divert rules, as their connection state is invalid. */
  readonly invalid: number
  readonly bans: BanTotals
  readonly eventsLost: number
  /** Packets and bytes by number of the rule. */
  readonly rules: readonly { packets: number; bytes: number }[]
}

export interface GateOptions {
  readonly queue: number
  readonly bans: BanSettings
  /** Told of what goes wrong once the gate is open. */
  readonly onError: (error: GateError) => void
  /** Told of bans that jails make. */
  readonly onBanned: BansEvents['banned']
}

/** The live firewall: ban sets and divert rules in the kernel, the packet thread behind the queue, the ban thread. */
export class Gate {
  readonly program: Program
  readonly #divert: Divert
  readonly #events = new EventRing()
  readonly #totals = new SharedArrayBuffer(Object.keys(Total).length * 8)
  readonly #counters: SharedArrayBuffer
  readonly #banned = new BanMemory()
  readonly #worker: Worker
  readonly #options: GateOptions
  #bans: Bans | undefined
  #open = false

  private constructor(program: Program, options: GateOptions) {
    const { queue } = options
    this.program = program
    this.#options = options
    this.#divert = new Divert({ queue, resets: options.bans.reset })
    this.#counters = new SharedArrayBuffer(program.counters.length * 16)
    const workerData: ThreadData = {
      program,
      queue,
      events: this.#events.memory,
      totals: this.#totals,
      counters: this.#counters,
      banned: this.#banned.memory,
    }
    this.#worker = new Worker(new URL('./packet-thread.js', import.meta.url), { workerData })
  }

  /**
   * Opens the queue, puts bans that were kept in force, then diverts packets. Throws GateError or DivertError, and leaves
   * nothing behind, if one of them fails.
   */
  static async open(program: Program, options: GateOptions): Promise<Gate> {
    const gate = new Gate(program, options)
    await gate.#start()
    return gate
  }

  /** The bans of an open gate. */
  get bans(): Bans {
    return this.#bans!
  }

  /** Which of IPv4 and IPv6 are diverted. */
  get families(): readonly string[] {
    return this.#divert.families
  }

  /** Packets refused since the last call. */
  denials(): Generator<DropEvent> {
    return this.#events.read()
  }

  async summary(): Promise<Summary> {
    const statistics = await this.#ask({ kind: 'statistics' })
    return this.#summarize(statistics, await this.#divert.invalid(), await this.bans.ask('totals', {}))
  }

  /**
   * Takes the divert rules and the ban sets down, answers what is queued, and closes the queue. Returns the last summary.
   * Throws DivertError if the rules cannot be taken down: then they stay, and refuse new connections.
   */
  async close(): Promise<Summary> {
    let invalid = 0
    let bans: BanTotals
    let statistics: Statistics
    try {
      bans = await this.bans.ask('totals', {})
      invalid = await this.#divert.invalid()
      await Divert.remove()
    } finally {
      this.#open = false
      statistics = await this.#ask({ kind: 'stop' })
      await this.bans.close()
    }
    return this.#summarize(statistics, invalid, bans)
  }

  /** Ends the threads and leaves the rules, which then refuse new connections, and the bans until their time is up. */
  async abandon(): Promise<void> {
    this.#open = false
    await this.#worker.terminate()
    await this.bans.abandon()
  }

  async #start(): Promise<void> {
    const reply = await this.#reply(() => true)
    if (reply.kind === 'failed') throw new GateError(reply.message)
    const { onError, onBanned } = this.#options
    try {
      const data = { settings: this.#options.bans, memory: this.#banned.memory }
      this.#bans = await Bans.open(data, {
        problem: (message) => onError(new GateError(message)),
        banned: onBanned,
        ended: onError,
      })
      await this.#divert.install()
    } catch (error) {
      await this.#worker.terminate()
      await this.#bans?.close()
      throw error
    }
    this.#open = true
    this.#worker.on('message', (message: Reply) => {
      if (message.kind === 'error') onError(new GateError(message.message, message.fatal))
    })
    this.#worker.on('error', (error) =>
      onError(new GateError(`the packet thread failed: ${error.message}`, true)),
    )
    this.#worker.on('exit', () => {
      if (this.#open) onError(new GateError('the packet thread ended', true))
    })
  }

  async #ask(request: Request): Promise<Statistics> {
    this.#worker.postMessage(request)
    const reply = await this.#reply(({ kind }) => kind === 'statistics')
    return (reply as Extract<Reply, { kind: 'statistics' }>).statistics
  }

  /** The next reply that is wanted. Throws GateError if the thread ends before. */
  async #reply(wanted: (reply: Reply) => boolean): Promise<Reply> {
    const gone = new AbortController()
    const ended = () => gone.abort()
    this.#worker.once('exit', ended)
    try {
      for (;;) {
        const [reply] = (await once(this.#worker, 'message', { signal: gone.signal })) as [Reply]
        if (wanted(reply)) return reply
      }
    } catch (error) {
      throw new GateError(gone.signal.aborted ? 'the packet thread ended' : (error as Error).message)
    } finally {
      this.#worker.off('exit', ended)
    }
  }

  #summarize({ queue, windows }: Statistics, invalid: number, bans: BanTotals): Summary {
    const totals = new Float64Array(this.#totals)
    const counters = new Float64Array(this.#counters)
    const rules = this.program.rules.map(() => ({ packets: 0, bytes: 0 }))
    this.program.counters.forEach((rule, counter) => {
      rules[rule]!.packets += counters[counter * 2]!
      rules[rule]!.bytes += counters[counter * 2 + 1]!
    })
    return {
      queue,
      windows,
      rules,
      accepted: totals[Total.accepted]!,
      dropped: totals[Total.dropped]!,
      malformed: totals[Total.malformed]!,
      banned: totals[Total.banned]!,
      invalid,
      bans,
      eventsLost: this.#events.lost,
    }
  }
}
