/** The real command line, on the server. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { execute, SERVER, start } from './namespaces.js'

const MAIN = 'dist/src/cli/main.js'

/** Runs a command of portcullis on the server to its end. */
export function portcullis(...args: string[]): { code: number | null; output: string } {
  return execute(SERVER, 'node', MAIN, ...args)
}

export type LogLine = Record<string, unknown>

export interface RunningGate {
  readonly process: ChildProcess
  readonly log: readonly LogLine[]
  /** The first line that has been or will be logged with this event. */
  logged(event: string): Promise<LogLine>
  /** Sends a signal; returns the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>
}

/** Starts `portcullis run` on the server and waits until it judges. */
export async function openGate(policy: string, ...args: string[]): Promise<RunningGate> {
  const process = start(SERVER, 'node', MAIN, 'run', '--policy', policy, ...args)
  const log: LogLine[] = []
  const lines = createInterface(process.stdout!)
  lines.on('line', (line) => log.push(JSON.parse(line) as LogLine))
  let errors = ''
  process.stderr!.on('data', (chunk) => {
    errors += chunk
  })
  const ended = once(process, 'exit').then(([code]) => code as number | null)
  const gate: RunningGate = {
    process,
    log,
    async logged(event) {
      for (;;) {
        const line = log.find((line) => line.event === event)
        if (line !== undefined) return line
        const next = await Promise.race([once(lines, 'line').then(() => true), ended.then(() => false)])
        if (!next && !log.some((line) => line.event === event))
          throw new Error(`portcullis ended without logging ${event}: ${errors}`)
      }
    },
    end(signal) {
      process.kill(signal)
      return ended
    },
  }
  await gate.logged('ready')
  return gate
}

/** The rules of both families' mangle tables on the server. */
export function mangleRules(): string[] {
  return ['iptables', 'ip6tables'].flatMap((command) =>
    execute(SERVER, command, '-t', 'mangle', '-S')
      .output.split('\n')
      .filter((line) => line.startsWith('-A') || line.startsWith('-N')),
  )
}
