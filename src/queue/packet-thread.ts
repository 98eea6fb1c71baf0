/** The packet thread: opens the queue, judges, and answers; text is made of it elsewhere. */
import { parentPort, workerData } from 'node:worker_threads'
import { interfaceName, openQueue, type Queue, type QueueError } from 'node-netfilter-queue'
import { Engine } from '../engine/judge.js'
import { EventRing } from '../engine/state/events.js'
import { BanMemory } from './bans/memory.js'
import { Consumer } from './consumer.js'
import { liveEnvironment } from './environment.js'
import type { Reply, Request, Statistics, ThreadData } from './messages.js'

/** Bytes of a packet that are looked at: headers, and a generous chain of extension headers. */
const COPY_RANGE = 1024
/** Milliseconds between two looks at the names of interfaces. */
const REFRESH = 5000

const { program, queue: number, events, totals, counters, banned } = workerData as ThreadData
const say = (reply: Reply) => parentPort!.postMessage(reply)

const engine = new Engine(program, liveEnvironment(), new Float64Array(counters))

function open(): { queue: Queue; consumer: Consumer } | undefined {
  let consumer: Consumer | undefined
  try {
    const onError = ({ message }: Error) => say({ kind: 'error', message, fatal: queue.descriptor < 0 })
    const queue = openQueue({ number, copyRange: COPY_RANGE, onError }, (count) => consumer!.judge(count))
    const nameOf = (index: number) => interfaceName(index) ?? ''
    consumer = new Consumer(
      queue.batch,
      engine,
      new EventRing(events),
      new Float64Array(totals),
      new BanMemory(banned),
      nameOf,
    )
    return { queue, consumer }
  } catch (error) {
    say({ kind: 'failed', message: (error as QueueError).message })
    return undefined
  }
}

function statistics(queue: Queue): Statistics {
  return {
    queue: queue.statistics(),
    windows: engine.windows.map(({ sources, admitted, refused, crowded }, i) => ({
      name: program.windows[i]!.name,
      sources,
      admitted,
      refused,
      crowded,
    })),
  }
}

const opened = open()
if (opened !== undefined) {
  const { queue, consumer } = opened
  const refresh = setInterval(() => consumer.refreshInterfaces(), REFRESH)
  parentPort!.on('message', (request: Request) => {
    say({ kind: 'statistics', statistics: statistics(queue) })
    if (request.kind === 'statistics') return
    clearInterval(refresh)
    queue.close()
    parentPort!.close()
  })
  say({ kind: 'ready' })
}
