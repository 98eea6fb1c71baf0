// The real `portcullis run` in a host's namespace, and what it logs.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Host } from './hosts.js'
import { inside } from './network.js'

const READY_MS = 10_000
const STOP_MS = 5_000

/** One JSON line of the log. */
export interface LogLine {
  readonly event: string
  readonly [field: string]: unknown
}

export class Gate {
  readonly log: LogLine[] = []
  readonly #child: ChildProcess
  #errors = ''
  #exit: string | undefined

  constructor(host: Host, policy: string) {
    const [command, args] = inside(host, process.execPath, 'dist/src/cli/main.js', 'run', '--policy', policy)
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    createInterface(child.stdout).on('line', (line) => this.#read(line))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text
    })
    child.on('close', (code, signal) => {
      this.#exit = signal ?? `exit code ${code}`
    })
  }

  /** Resolves when portcullis judges. */
  async ready(): Promise<void> {
    const deadline = Date.now() + READY_MS
    while (!this.log.some(({ event }) => event === 'ready')) {
      if (this.#exit) throw new Error(`the engine ended before it was ready (${this.#exit})${this.#said()}`)
      if (Date.now() > deadline) throw new Error(`the engine was not ready in time${this.#said()}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  /** Ends portcullis as an administrator would; says what went wrong with that, if anything. */
  async stop(): Promise<string | undefined> {
    if (this.#exit) return `the engine ended in the middle of the demo (${this.#exit})${this.#said()}`
    const ended = once(this.#child, 'close')
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    await ended
    clearTimeout(timer)
    return this.#exit === 'exit code 0' ? undefined : `the engine ended with ${this.#exit}${this.#said()}`
  }

  #read(line: string): void {
    try {
      this.log.push(JSON.parse(line))
    } catch {
      this.#errors += `${line}\n`
    }
  }

  #said(): string {
    return this.#errors === '' ? '' : `:\n${this.#errors.trim()}`
  }
}
