import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Program } from '../engine/program.js'
import { type DropEvent, EventRing } from '../engine/state/events.js'
import { Total } from './consumer.js'
import { Divert } from './divert/divert.js'
import type { Reply, Request, Statistics, ThreadData } from './messages.js'

/** Something without which the gate cannot stand; the message says what to do. */
export class GateError extends Error {
  override readonly name = 'GateError'
  /** The gate is shut: nothing answers the queue any more. */
  readonly fatal: boolean

  constructor(message: string, fatal = false) {
    super(message)
    this.fatal = fatal
  }
}

/** What the gate did since it was opened. */
export interface Summary extends Statistics {
  readonly accepted: number
  readonly dropped: number
  readonly malformed: number
  /** Dropped by the divert rules, as their connection state is invalid. */
  readonly invalid: number
  readonly eventsLost: number
  /** Packets and bytes by number of the rule. */
  readonly rules: readonly { packets: number; bytes: number }[]
}

/** The live firewall: the divert rules in the kernel, and the packet thread behind the queue. */
export class Gate {
  readonly program: Program
  readonly #divert: Divert
  readonly #events = new EventRing()
  readonly #totals = new SharedArrayBuffer(Object.keys(Total).length * 8)
  readonly #counters: SharedArrayBuffer
  readonly #worker: Worker
  readonly #onError: (error: GateError) => void
  #open = false

  private constructor(program: Program, queue: number, onError: (error: GateError) => void) {
    this.program = program
    this.#divert = new Divert(queue)
    this.#counters = new SharedArrayBuffer(program.counters.length * 16)
    this.#onError = onError
    const workerData: ThreadData = {
      program,
      queue,
      events: this.#events.memory,
      totals: this.#totals,
      counters: this.#counters,
    }
    this.#worker = new Worker(new URL('./packet-thread.js', import.meta.url), { workerData })
  }

  /**
   * Opens the queue, then diverts packets to it. Throws GateError or DivertError, and leaves nothing behind,
   * if one of them fails. onError: told of what goes wrong from then on.
   */
  static async open(program: Program, queue: number, onError: (error: GateError) => void): Promise<Gate> {
    const gate = new Gate(program, queue, onError)
    await gate.#start()
    return gate
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
    return this.#summarize(await this.#ask({ kind: 'statistics' }), await this.#divert.invalid())
  }

  /**
   * Takes the divert rules down, answers what is queued, and closes the queue. Returns the last summary.
   * Throws DivertError if the rules cannot be taken down: then they stay, and refuse new connections.
   */
  async close(): Promise<Summary> {
    let invalid = 0
    let statistics: Statistics
    try {
      invalid = await this.#divert.invalid()
      await Divert.remove()
    } finally {
      this.#open = false
      statistics = await this.#ask({ kind: 'stop' })
    }
    return this.#summarize(statistics, invalid)
  }

  /** Ends the packet thread and leaves the divert rules, which then refuse new connections. */
  async abandon(): Promise<void> {
    this.#open = false
    await this.#worker.terminate()
  }

  async #start(): Promise<void> {
    const reply = await this.#reply(() => true)
    if (reply.kind === 'failed') throw new GateError(reply.message)
    try {
      await this.#divert.install()
    } catch (error) {
      await this.#worker.terminate()
      throw error
    }
    this.#open = true
    this.#worker.on('message', (message: Reply) => {
      if (message.kind === 'error') this.#onError(new GateError(message.message, message.fatal))
    })
    this.#worker.on('error', (error) =>
      this.#onError(new GateError(`the packet thread failed: ${error.message}`, true)),
    )
    this.#worker.on('exit', () => {
      if (this.#open) this.#onError(new GateError('the packet thread ended', true))
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

  #summarize({ queue, windows }: Statistics, invalid: number): Summary {
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
      invalid,
      eventsLost: this.#events.lost,
    }
  }
}
