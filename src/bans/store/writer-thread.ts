/** The thread that writes bans to a disk. */
import { parentPort, workerData } from 'node:worker_threads'
import { BanStore } from './sqlite.js'
import type { WriteReport, WriteRequest } from './writer.js'

const store = new BanStore(workerData as string, (problem) =>
  parentPort!.postMessage({ problem, failing: store.failing } satisfies WriteReport),
)

parentPort!.on('message', (request: WriteRequest) => {
  if (request.kind === 'keep') store.keep(request.bans)
  else if (request.kind === 'drop') store.drop(request.bans)
  else if (request.kind === 'place') store.keepPlace(request.path, request.place)
  else {
    store.close(Date.now())
    parentPort!.close()
  }
})
