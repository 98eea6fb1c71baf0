import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const SOURCES = 'bench/rivals'
const NAMES = ['one-by-one', 'batched', 'flood', 'ping'] as const
export type ProgramName = (typeof NAMES)[number]

/** Milliseconds that any step of a helper may take. */
export const PATIENCE = 20_000

const execute = promisify(execFile)

/** Something without which the bench cannot run; the message says what to do. */
export class Missing extends Error {
  override readonly name = 'Missing'
}

class NotInstalled extends Missing {}

/** Runs a command to its end; returns what it printed. */
export async function run(command: string, args: readonly string[], input?: string): Promise<string> {
  try {
    const running = execute(command, args, { timeout: PATIENCE, maxBuffer: 1 << 24 })
    running.child.stdin?.end(input)
    return (await running).stdout
  } catch (error) {
    const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string }
    if (code === 'ENOENT') throw new NotInstalled(`${command} is not installed`)
    throw new Missing(`${command} ${args.join(' ')} failed: ${stderr?.trim() || message}`)
  }
}

/** The C programs of bench/rivals, compiled for this run into a folder of their own. */
export class Programs {
  readonly #folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))

  private constructor() {}

  /** Undefined without a C compiler. */
  static async compile(): Promise<Programs | undefined> {
    const programs = new Programs()
    try {
      await Promise.all(
        NAMES.map((name) =>
          run('cc', ['-O2', '-Wall', '-Wextra', '-o', programs.path(name), `${SOURCES}/${name}.c`]),
        ),
      )
      return programs
    } catch (error) {
      programs.remove()
      if (error instanceof NotInstalled) return undefined
      throw error
    }
  }

  path(name: ProgramName): string {
    return join(this.#folder, name)
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** A program that runs in the background, and is spoken with line by line. */
export class Helper {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #name: string
  #errors = ''

  constructor(command: string, args: readonly string[]) {
    this.#name = command
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text
    })
    this.#child.on('error', ({ message }) => {
      this.#errors += message
    })
    // A helper that ended takes no more orders; the missing answer says so.
    this.#child.stdin!.on('error', () => {})
    this.#lines = createInterface(this.#child.stdout!)[Symbol.asyncIterator]()
  }

  say(line: string): void {
    this.#child.stdin!.write(`${line}\n`)
  }

  /** The next line that it prints. */
  async line(): Promise<string> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE)
    const { value, done } = await this.#lines.next()
    clearTimeout(timer)
    if (done) throw new Error(`${this.#name} ended, or was too slow: ${this.#errors.trim()}`)
    return value
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    await new Promise((resolve) => {
      this.#child.once('close', resolve)
      this.#child.kill('SIGKILL')
    })
  }
}
