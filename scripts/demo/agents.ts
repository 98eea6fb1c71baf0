// The demo's side of agent.ts: an agent for each host, asked by name.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Outcome, Request } from './agent.js'
import type { Host } from './hosts.js'
import { inside } from './network.js'

const PROGRAM = fileURLToPath(new URL('agent.js', import.meta.url))

export type Ask = (request: Request) => Promise<Outcome>

/** Starts a host's agent, with the host's services listening. */
export async function startAgent(host: Host): Promise<Ask> {
  const child: ChildProcess = spawn(...inside(host, process.execPath, PROGRAM), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const waiting = new Map<number, (outcome: Outcome) => void>()
  let nextId = 0
  child.on('message', ({ id, outcome }: { id: number; outcome: Outcome }) => {
    waiting.get(id)?.(outcome)
    waiting.delete(id)
  })
  child.on('exit', () => {
    for (const resolve of waiting.values()) resolve(`${host.name} died`)
  })
  const ask: Ask = (request) =>
    new Promise((resolve) => {
      const id = nextId++
      waiting.set(id, resolve)
      child.send({ id, request }, (error) => error && resolve(`${host.name} died`))
    })

  const outcome = await ask({ what: 'serve', ports: host.ports })
  if (outcome !== 'passed') throw new Error(`the services of ${host.name} could not be started: ${outcome}`)
  return ask
}
