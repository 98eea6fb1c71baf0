import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { compile } from '../../src/engine/compile/compile.js'
import { EventRing } from '../../src/engine/state/events.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import { Total } from '../../src/queue/consumer.js'
import type { Done, Order, ThreadData } from './consumer-thread.js'
import type { Place } from './network.js'
import { Helper, PATIENCE, type Programs } from './programs.js'

const EXAMPLE = 'examples/ai-server.yaml'
/** Milliseconds between two looks at the refused packets, as in `portcullis run`. */
const EVENTS_INTERVAL = 100

export type VerdictName = 'accept' | 'drop'
export type RivalName = 'one-by-one' | 'batched'

/** The same for every contender. */
export const SETTINGS = {
  maxLength: 65_536,
  receiveBuffer: 64 << 20,
  /** As in src/queue/packet-thread. */
  copyRange: 1024,
} as const

/** A consumer with a queue that it has bound, but that it reads only when told to. */
export interface Contender {
  readonly name: string
  readonly place: Place
  /** Answers that many packets; returns how long it took, in nanoseconds. */
  drain(count: number, verdict: VerdictName): Promise<number>
  /** Answers whatever comes, until it is stopped. */
  run(): void
  stop(): Promise<void>
}

export class Ours implements Contender {
  readonly name = 'Portcullis'
  readonly place: Place
  readonly #worker: Worker
  readonly #events = new EventRing()
  readonly #totals = new Float64Array(new SharedArrayBuffer(Object.keys(Total).length * 8))
  readonly #reader: NodeJS.Timeout

  private constructor(place: Place) {
    this.place = place
    const workerData: ThreadData = {
      program: compile(parsePolicy(readFileSync(EXAMPLE, 'utf8'), EXAMPLE)),
      queue: place.queue,
      events: this.#events.memory,
      totals: this.#totals.buffer as SharedArrayBuffer,
      ...SETTINGS,
    }
    this.#worker = new Worker(new URL('./consumer-thread.js', import.meta.url), { workerData })
    this.#reader = setInterval(() => this.#readEvents(), EVENTS_INTERVAL)
  }

  static async start(place: Place): Promise<Ours> {
    const ours = new Ours(place)
    try {
      await ours.#message()
      return ours
    } catch (error) {
      await ours.stop()
      throw error
    }
  }

  /** The policy decides, so the packets must be of the kind that gets this verdict. */
  async drain(count: number, verdict: VerdictName): Promise<number> {
    this.#readEvents()
    const total = verdict === 'accept' ? Total.accepted : Total.dropped
    const before = this.#totals[total]!
    this.#worker.postMessage({ count } satisfies Order)
    const { nanoseconds } = (await this.#message()) as Done
    const decided = this.#totals[total]! - before
    if (decided !== count) throw new Error(`${decided} of ${count} packets got the verdict ${verdict}`)
    return nanoseconds
  }

  run(): void {
    this.#worker.postMessage({ count: Number.POSITIVE_INFINITY } satisfies Order)
  }

  async stop(): Promise<void> {
    clearInterval(this.#reader)
    await this.#worker.terminate()
  }

  async #message(): Promise<unknown> {
    const [message] = await once(this.#worker, 'message', { signal: AbortSignal.timeout(PATIENCE) })
    return message
  }

  #readEvents(): void {
    for (const _ of this.#events.read());
  }
}

export class Rival implements Contender {
  readonly name: string
  readonly place: Place
  readonly #helper: Helper

  private constructor(place: Place, name: RivalName, path: string) {
    const { maxLength, receiveBuffer, copyRange } = SETTINGS
    this.name = `${name} C`
    this.place = place
    this.#helper = new Helper(path, [place.queue, maxLength, receiveBuffer, copyRange].map(String))
  }

  static async start(place: Place, programs: Programs, name: RivalName): Promise<Rival> {
    const rival = new Rival(place, name, programs.path(name))
    try {
      await rival.#helper.line()
      return rival
    } catch (error) {
      await rival.stop()
      throw error
    }
  }

  async drain(count: number, verdict: VerdictName): Promise<number> {
    this.#helper.say(`${count} ${verdict === 'accept' ? 1 : 0}`)
    return Number(await this.#helper.line())
  }

  run(): void {
    this.#helper.say(`${Number.MAX_SAFE_INTEGER} 1`)
  }

  async stop(): Promise<void> {
    await this.#helper.stop()
  }
}
