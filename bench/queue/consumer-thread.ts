/** Our consumer, as src/queue/packet-thread has it, but with a larger queue, and reading only when told to. */
import { parentPort, workerData } from 'node:worker_threads'
import { interfaceName, openQueue } from 'node-netfilter-queue'
import { Engine } from '../../src/engine/judge.js'
import type { Program } from '../../src/engine/program.js'
import { EventRing } from '../../src/engine/state/events.js'
import { BanMemory } from '../../src/queue/bans/memory.js'
import { Consumer } from '../../src/queue/consumer.js'
import { liveEnvironment } from '../../src/queue/environment.js'

export interface ThreadData {
  readonly program: Program
  readonly queue: number
  readonly maxLength: number
  readonly receiveBuffer: number
  readonly copyRange: number
  readonly events: SharedArrayBuffer
  readonly totals: SharedArrayBuffer
}

/** Answer `count` packets, and say how long it took. */
export interface Order {
  readonly count: number
}

export interface Done {
  readonly nanoseconds: number
}

const { program, queue: number, events, totals, ...options } = workerData as ThreadData

const engine = new Engine(program, liveEnvironment())
let left = Number.POSITIVE_INFINITY
let start = 0n

const queue = openQueue({ number, ...options }, (count) => {
  consumer.judge(count)
  left -= count
  // Ticks of the callback run when its verdicts have left.
  if (left <= 0) process.nextTick(finish)
})
const nameOf = (index: number) => interfaceName(index) ?? ''
const consumer = new Consumer(
  queue.batch,
  engine,
  new EventRing(events),
  new Float64Array(totals),
  new BanMemory(),
  nameOf,
)

function finish(): void {
  const nanoseconds = Number(process.hrtime.bigint() - start)
  queue.pause()
  parentPort!.postMessage({ nanoseconds } satisfies Done)
}

parentPort!.on('message', ({ count }: Order) => {
  left = count
  start = process.hrtime.bigint()
  queue.resume()
})
queue.pause()
parentPort!.postMessage('ready')
