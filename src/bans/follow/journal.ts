import { type ChildProcess, spawn } from 'node:child_process'
import type { TakeLines } from './stream.js'

/** Milliseconds until journalctl is started again when it ended. */
const RESTART_MS = 5000
/** Characters of an entry; longer ones are passed over. */
const LONGEST_ENTRY = 2 ** 18

export interface JournalOptions {
  /** Matches of journalctl(1): those of a list go together, lists are alternatives. */
  readonly matches: readonly (readonly string[])[]
  /** The entry that was read last; undefined: only new ones are. */
  readonly cursor?: string | undefined
  /** Takes whole lines: date, host, program[pid]: message. */
  readonly take: TakeLines
  readonly report: (problem: string) => void
}

/** Follows systemd's journal by journalctl. */
export class JournalFollower {
  readonly #options: JournalOptions
  #cursor: string | undefined
  #child: ChildProcess | undefined
  #restart: NodeJS.Timeout | undefined
  #rest = ''
  #skipping = false
  #closed = false
  longEntries = 0

  constructor(options: JournalOptions) {
    this.#options = options
    this.#cursor = options.cursor
    this.#start()
  }

  /** The entry that was read last. */
  get cursor(): string | undefined {
    return this.#cursor
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#restart)
    this.#child?.kill()
  }

  #start(): void {
    const from = this.#cursor === undefined ? ['--lines=0'] : [`--after-cursor=${this.#cursor}`]
    const matches = this.#options.matches.flatMap((match, index) => (index === 0 ? match : ['+', ...match]))
    const child = spawn(
      'journalctl',
      ['--output=json', '--follow', '--no-pager', '--quiet', ...from, ...matches],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    this.#child = child
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    child.on('error', (error) => this.#ended(error.message))
    child.on('exit', (code) => this.#ended(`journalctl ended (${code ?? 'by a signal'})`))
  }

  #ended(reason: string): void {
    if (this.#closed || this.#restart?.hasRef()) return
    this.#options.report(`the journal cannot be read: ${reason}`)
    this.#restart = setTimeout(() => {
      this.#restart = undefined
      this.#start()
    }, RESTART_MS)
  }

  #read(text: string): void {
    const entries = (this.#rest + text).split('\n')
    this.#rest = entries.pop()!
    const lines: string[] = []
    for (const entry of entries) {
      if (this.#skipping) this.#skipping = false
      else lines.push(...this.#lineOf(entry))
    }
    if (this.#rest.length > LONGEST_ENTRY) {
      this.#rest = ''
      if (!this.#skipping) this.longEntries++
      this.#skipping = true
    }
    if (lines.length > 0) this.#options.take(Buffer.from(lines.join('')))
  }

  #lineOf(text: string): string[] {
    let entry: Record<string, unknown>
    try {
      entry = JSON.parse(text) as Record<string, unknown>
    } catch {
      return []
    }
    const { __CURSOR, __REALTIME_TIMESTAMP, _HOSTNAME, MESSAGE } = entry
    if (typeof __CURSOR === 'string') this.#cursor = __CURSOR
    const message = textOf(MESSAGE)
    const time = Number(__REALTIME_TIMESTAMP) / 1000
    if (message === undefined || !(time < 8.64e15)) return []
    const program = textOf(entry.SYSLOG_IDENTIFIER) ?? textOf(entry._COMM) ?? ''
    const pid = textOf(entry.SYSLOG_PID) ?? textOf(entry._PID)
    const from = [textOf(_HOSTNAME), `${program}${pid === undefined ? '' : `[${pid}]`}:`].join(' ')
    return [`${new Date(time).toISOString()} ${from} ${message.replaceAll('\n', ' ')}\n`]
  }
}

/** A field's text: journalctl writes what is no text as a list of bytes, and what is too long as null. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return Array.isArray(value) ? Buffer.from(value as number[]).toString() : undefined
}
