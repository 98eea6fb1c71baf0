/** From a line's write to the kernel refusing the packet: how long does it take, alone and while many lines are read? */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Bans } from '../src/queue/bans/bans.js'
import { BanMemory } from '../src/queue/bans/memory.js'
import type { Report } from './report.js'

const PEER = 'bench-banned'
const PORT = 5353
const PROBES = 200
const WARM_UP = 10
/** Milliseconds between two packets of a sender. */
const EVERY = 1
/** Milliseconds for what was let in to arrive. */
const SILENCE = 40
/** Milliseconds that a ban may take before the bench gives up. */
const PATIENCE = 30_000
const BURST = 1_000_000
/** Lines that are written at once, and milliseconds between, while others are read: 200,000 lines a second. */
const CHUNK = 2000
const PACE = 10

/** Sends what time it is each millisecond, from the address that it is told on standard input. */
const SENDER = `
  let socket, timer
  require('readline').createInterface(process.stdin).on('line', address => {
    clearInterval(timer)
    socket?.close()
    const own = socket = require('dgram').createSocket('udp4').on('error', () => {})
    own.bind(0, address, () => {
      timer = setInterval(() => {
        const bytes = Buffer.alloc(8)
        bytes.writeBigUInt64LE(process.hrtime.bigint())
        own.send(bytes, ${PORT}, '10.98.0.1')
      }, ${EVERY})
    })
  })`

/** A line of no interest. */
const LINE = '2026/11/22 - 16:32:01 INFO 200 | 12ms | 10.1.2.3 | POST "/api/generate"\n'

/** Writes such lines to a log, some at a time. */
const WRITER = `
  const [path, lines, chunk, pace] = process.argv.slice(1)
  const text = (${JSON.stringify(LINE)}).repeat(Number(chunk))
  const start = performance.now()
  let written = 0
  const timer = setInterval(() => {
    while (written < lines && written <= (performance.now() - start) / pace * chunk) {
      require('fs').appendFileSync(path, text)
      written += Number(chunk)
    }
    if (written >= lines) clearInterval(timer)
  }, 1)`

const PLACE = { file: 'bench', line: 1, column: 1 }
/** Milliseconds on the clock that all processes share. */
const monotonic = () => Number(process.hrtime.bigint()) / 1e6

export async function banLatency(report: Report): Promise<void> {
  const bench = await Bench.open()
  try {
    for (let i = 0; i < WARM_UP; i++) await bench.probe('probe')
    await tell(report, 'alone', () => bench.probe('probe'))
    await tell(report, 'a million lines in another log', () => bench.probe('probe'), bench.path('other'))
    await tell(report, 'a million lines in the same log', () => bench.probe('other'), bench.path('other'))
    const behind = LINE.repeat(BURST)
    report({
      ...FIGURE,
      case: 'behind a million lines written at once',
      value: await bench.probe('probe', behind),
    })
  } finally {
    await bench.close()
  }
}

const FIGURE = { bench: 'bans', unit: 'ms' }

/** Percentiles of many probes. busy: a log that lines are written to meanwhile. */
async function tell(
  report: Report,
  name: string,
  probe: () => Promise<number>,
  busy?: string,
): Promise<void> {
  const measured: number[] = []
  let writer: ChildProcess | undefined
  while (measured.length < PROBES) {
    if (busy !== undefined && (writer === undefined || writer.exitCode !== null))
      writer = spawn(process.execPath, ['-e', WRITER, busy, String(BURST), String(CHUNK), String(PACE)])
    measured.push(await probe())
  }
  writer?.kill('SIGKILL')
  measured.sort((a, b) => a - b)
  for (const [share, text] of [
    [0.5, 'median'],
    [0.99, '99 %'],
  ] as const)
    report({
      ...FIGURE,
      case: `line to refusal, ${name}, ${text}`,
      value: measured[Math.floor(PROBES * share)]!,
    })
}

class Bench {
  readonly #folder: string
  readonly #sender: ChildProcess
  readonly #socket: Socket
  readonly #bans: Bans
  /** Bans that were made. */
  readonly #heard: { readonly banned: number }
  #next = 1
  /** Who sent last of those who were let in, and when. */
  #last = { address: '', sent: 0 }

  private constructor(folder: string, bans: Bans, socket: Socket, heard: { readonly banned: number }) {
    this.#heard = heard
    this.#folder = folder
    this.#bans = bans
    this.#socket = socket
    this.#sender = spawn('ip', ['netns', 'exec', PEER, process.execPath, '-e', SENDER], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    socket.on('message', (bytes, { address }) => {
      this.#last = { address, sent: Number(bytes.readBigUInt64LE()) / 1e6 }
    })
  }

  static async open(): Promise<Bench> {
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
    for (const name of ['probe.log', 'other.log']) appendFileSync(join(folder, name), '')
    const ip = (line: string) => execFileSync('ip', line.split(' '))
    ip(`netns add ${PEER}`)
    ip(`link add banned0 type veth peer name banned1 netns ${PEER}`)
    ip('addr add 10.98.0.1/24 dev banned0')
    ip('link set banned0 up')
    ip('route add 10.99.0.0/16 dev banned0')
    ip(`-n ${PEER} addr add 10.98.0.2/24 dev banned1`)
    ip(`-n ${PEER} link set banned1 up`)
    ip(`-n ${PEER} route add local 10.99.0.0/16 dev lo`)
    const jail = (name: string) => ({
      name,
      position: PLACE,
      logs: [{ text: join(folder, `${name}.log`), position: PLACE }],
      failregex: [{ text: '^.*Invalid API key from <HOST>.*$', position: PLACE }],
      ignoreregex: [],
      maxRetry: 1,
      findTime: 600_000,
      banTime: 3_600_000,
      ignored: [],
      closed: { ports: [], protocols: [] },
      ipv6: 64,
      dryRun: false,
    })
    const settings = {
      folders: [],
      jails: [jail('probe'), jail('other')],
      protected: [],
      shared: undefined,
      database: join(folder, 'state', 'bans.db'),
      reset: false,
    }
    const problem = (message: string) => process.stderr.write(`${message}\n`)
    const heard = { banned: 0 }
    const memory = new BanMemory().memory
    const bans = await Bans.open(
      { settings, memory },
      {
        problem,
        banned: (made) => {
          heard.banned += made.length
        },
        ended: ({ message }) => problem(message),
      },
    )
    const socket = createSocket('udp4').bind(PORT, '10.98.0.1')
    await once(socket, 'listening')
    return new Bench(folder, bans, socket, heard)
  }

  path(log: string): string {
    return join(this.#folder, `${log}.log`)
  }

  /** Milliseconds from the write of a line until the first packet is refused. before: lines before it. */
  async probe(log: string, before = ''): Promise<number> {
    const address = `10.99.${this.#next >> 8}.${this.#next & 255}`
    this.#next++
    this.#sender.stdin!.write(`${address}\n`)
    await this.#until(() => this.#last.address === address)
    // At any phase of the clocks that are involved.
    await wait(Math.random() * 20)
    const text = `${before}2026/11/22 - 16:32:01 WARN Invalid API key from ${address}\n`
    const start = monotonic()
    appendFileSync(this.path(log), text)
    await this.#until(() => this.#heard.banned === this.#next - 1)
    await wait(SILENCE)
    return this.#last.sent + EVERY - start
  }

  async close(): Promise<void> {
    this.#sender.kill('SIGKILL')
    this.#socket.close()
    await this.#bans.close()
    execFileSync('ip', ['netns', 'delete', PEER])
    rmSync(this.#folder, { recursive: true })
  }

  async #until(holds: () => boolean): Promise<void> {
    const start = performance.now()
    while (!holds()) {
      if (performance.now() - start > PATIENCE) throw new Error('a probe was never refused')
      await wait(1)
    }
  }
}
