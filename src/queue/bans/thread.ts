/** The ban thread: logs, the table of bans, and the kernel's sets; beside the packet thread and the main one. */
import { parentPort, workerData } from 'node:worker_threads'
import { openNetfilter } from 'node-netfilter-queue'
import { BanMemory } from './memory.js'
import type { BanQuery, BanThreadData, BanThreadReply, BanThreadRequest } from './messages.js'
import { BanService } from './service.js'

/** Bytes of requests that the kernel is to take at once: bans in the hundred thousands. */
const SEND_BUFFER = 2 ** 25

const say = (reply: BanThreadReply) => parentPort!.postMessage(reply)

function open({ settings, memory }: BanThreadData): BanService | undefined {
  try {
    return new BanService({
      settings,
      memory: new BanMemory(memory),
      socket: openNetfilter(SEND_BUFFER),
      report: (message) => say({ kind: 'problem', message }),
      banned: (bans, wouldBe) => say({ kind: 'banned', bans, wouldBe }),
    })
  } catch (error) {
    say({ kind: 'failed', message: `bans cannot be carried out: ${(error as Error).message}` })
    return undefined
  }
}

async function answer(service: BanService, query: BanQuery, ask: object): Promise<unknown> {
  switch (query) {
    case 'list':
      return service.list()
    case 'jails':
      return service.jails()
    case 'totals':
      return service.totals()
    case 'ban':
      return service.ban((ask as { requests: Parameters<BanService['ban']>[0] }).requests)
    case 'unban':
      return service.unban((ask as { source?: Parameters<BanService['unban']>[0] }).source)
    case 'stop':
      return service.close()
  }
}

const service = open(workerData as BanThreadData)
if (service !== undefined) {
  parentPort!.on('message', async ({ id, query, ask }: BanThreadRequest) => {
    say({ kind: 'answer', id, answer: await answer(service, query, ask) })
    if (query === 'stop') parentPort!.close()
  })
  say({ kind: 'ready', ready: service.ready })
} else parentPort!.close()
