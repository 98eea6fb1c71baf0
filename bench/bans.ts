/** How many lines a second do jails read, and how long do a hundred thousand bans take? */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openNetfilter } from 'node-netfilter-queue'
import { Traced } from '../src/bans/config/traced.js'
import { Counter } from '../src/bans/count/counter.js'
import { Filter } from '../src/bans/filter/filter.js'
import { LogScanner } from '../src/bans/scan/scanner.js'
import { BanStore } from '../src/bans/store/sqlite.js'
import { Protected } from '../src/bans/table/protected.js'
import { BanTable } from '../src/bans/table/table.js'
import { formatPrefix } from '../src/packet/address.js'
import { KernelBans } from '../src/queue/bans/kernel-bans.js'
import { median, type Report } from './report.js'

const LINES = 200_000
const RUNS = 5
const BANS = 100_000
/** Bytes of requests that the kernel is to take at once. */
const SEND_BUFFER = 2 ** 25
/** Bytes of a chunk, as logs are read. */
const CHUNK = 2 ** 18
/** The first of the filters is the one of the mission's chapter on firewalls. */
const CHAPTER = '^.*Invalid API key from <HOST>.*$'
const PREFIX = '^\\s*(?:\\S+\\s+)?(?:\\[\\d+\\]:?\\s+)?'

export function bans(report: Report): void {
  const line = (i: number) =>
    i % 100 === 0
      ? `2026/11/22 - 16:32:01 WARN Invalid API key from 10.${(i >> 14) & 255}.${(i >> 7) & 127}.7 (request ${i})`
      : `2026/11/22 - 16:32:01 INFO 200 | ${i % 977}ms | 10.1.2.3 | POST "/api/generate"`
  const log = chunks(Array.from({ length: LINES }, (_, i) => line(i)))
  report({
    bench: 'bans',
    case: "the chapter's jail, 1 % match",
    value: speed([CHAPTER], log),
    unit: 'lines/s',
  })
  const many = Array.from(
    { length: 49 },
    (_, i) => `${PREFIX}service${i}: login of <F-USER>\\S+</F-USER> failed: <HOST>$`,
  )
  report({
    bench: 'bans',
    case: '50 jails, 1 % match one',
    value: speed([CHAPTER, ...many], log),
    unit: 'lines/s',
  })
  report({ bench: 'bans', case: 'failures of ever new addresses', value: failures(), unit: 'failures/s' })
  keeping(report)
}

function chunks(lines: readonly string[]): Buffer[] {
  const found: Buffer[] = []
  let text = ''
  for (const line of lines) {
    text += `${line}\n`
    if (text.length < CHUNK) continue
    found.push(Buffer.from(text))
    text = ''
  }
  return [...found, Buffer.from(text)]
}

/** Lines a second from bytes to counted failures. */
function speed(regexes: readonly string[], log: readonly Buffer[]): number {
  const watching = regexes.map((regex) => {
    const options = new Map([['failregex', Traced.at(regex, { file: 'bench', line: 1, column: 1 })] as const])
    const filter = Filter.compile({ name: 'bench', options }, { names: false, zone: 0 }, [])!
    return { filter, findTime: 600_000 }
  })
  const times = Array.from({ length: RUNS }, () => {
    const scanner = new LogScanner(watching)
    const counter = new Counter({ maxRetry: 5, findTime: 600_000, counting: 'exact' })
    const start = performance.now()
    for (const chunk of log)
      scanner.scan(chunk, 'replay', 0, (_, { source, time, line }) =>
        counter.add(formatPrefix(source!), time, line),
      )
    return performance.now() - start
  })
  return (LINES / median(times)) * 1000
}

/** Failures a second when the table is full and each comes from an address that is new. */
function failures(): number {
  const counter = new Counter({ maxRetry: 5, findTime: 600_000, counting: 'exact' })
  const count = 1_000_000
  const start = performance.now()
  for (let i = 0; i < count; i++) counter.add(`10.${i}`, i / 100, 'Invalid API key')
  return (count / (performance.now() - start)) * 1000
}

function keeping(report: Report): void {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  const path = join(folder, 'bans.db')
  const closed = { ports: [], protocols: [] }
  const requests = Array.from({ length: BANS }, (_, i) => ({
    source: { bits: 32 as const, value: BigInt(0x0a000000 + i), length: 32 },
    jail: 'bench',
    since: 0,
    span: 3_600_000,
    lines: [`Invalid API key from somewhere (request ${i})`],
    closed,
  }))
  const timed = (name: string, work: () => void) => {
    const start = performance.now()
    work()
    report({ bench: 'bans', case: name, value: performance.now() - start, unit: 'ms' })
  }
  const problem = (text: string) => process.stderr.write(`${text}\n`)
  const inKernel = () => {
    const kernel = new KernelBans({
      socket: openNetfilter(SEND_BUFFER),
      reset: false,
      report: problem,
      clock: () => 0,
    })
    kernel.install()
    return kernel
  }
  const store = new BanStore(path, problem)
  const table = new BanTable({ protected: new Protected([]), sinks: [inKernel()] })
  table.attach(store)
  timed('100,000 bans: in force, in the kernel too', () => table.ban(requests, 0))
  timed('100,000 bans: kept', () => store.flush(0))
  store.close(0)
  const again = new BanStore(path, problem)
  const restored = new BanTable({ protected: new Protected([]), sinks: [inKernel()] })
  timed('100,000 bans: restored, in the kernel too', () => restored.restore(again.load(0).bans, 0))
  timed('100,000 bans: lifted', () => restored.unban())
  again.close(0)
  KernelBans.remove(openNetfilter())
  rmSync(folder, { recursive: true })
}
