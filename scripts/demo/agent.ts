// One process in each host's namespace: it serves the host's ports and makes its connections, as main.ts asks.
import { createServer, connect as open, type Socket } from 'node:net'

export type Request =
  | { what: 'serve'; ports: readonly number[] }
  | { what: 'connect'; address: string; port: number; patience: number; keep?: boolean }
  | { what: 'talk' }

/** `passed` and answered, `dropped` without a word, or what the network said. */
export type Outcome = string

const kept: Socket[] = []

/** Every service says hello and echoes what it hears. */
function serve(port: number): Promise<void> {
  const echo = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.write('hello\n')
    socket.pipe(socket)
  })
  return new Promise((resolve, reject) => {
    echo.on('error', reject)
    echo.listen(port, '::', resolve)
  })
}

function connect({ address, port, patience, keep }: Request & { what: 'connect' }): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = open({ host: address, port })
    const finish = (outcome: Outcome) => {
      clearTimeout(timer)
      if (keep && outcome === 'passed') kept.push(socket)
      else socket.destroy()
      resolve(outcome)
    }
    const timer = setTimeout(finish, patience, 'dropped')
    socket.once('data', () => finish('passed'))
    socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message))
  })
}

/** Sends something over every connection that was kept, and waits for the echo. */
async function talk(): Promise<Outcome> {
  const echoes = kept.map((socket) => {
    return new Promise<boolean>((resolve) => {
      setTimeout(resolve, 900, false)
      socket.once('data', () => resolve(true))
      socket.write('still there?\n')
    })
  })
  const heard = await Promise.all(echoes)
  return heard.length > 0 && heard.every(Boolean) ? 'passed' : 'dropped'
}

async function answer(request: Request): Promise<Outcome> {
  if (request.what === 'connect') return connect(request)
  if (request.what === 'talk') return talk()
  await Promise.all(request.ports.map(serve))
  return 'passed'
}

process.on('message', async ({ id, request }: { id: number; request: Request }) => {
  process.send?.({ id, outcome: await answer(request).catch((error: Error) => error.message) })
})
process.on('disconnect', () => process.exit())
// A Ctrl-C is for main.ts to handle; our end follows from its end.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
