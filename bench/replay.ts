/** How fast does `replay` judge a capture by the chapter's policy, beside tcpdump with a filter, and in what memory? */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCapture } from '../src/capture/open.js'
import { loadPolicy } from '../src/load/load.js'
import { type ReplayProgress, replay as run } from '../src/replay/replay.js'
import { writeConversations } from './replay-captures.js'
import { median, type Report } from './report.js'

const PACKETS = 1_000_000
const MANY = 10_000_000
const RUNS = 7
const POLICY = 'examples/ai-server.yaml'
const LOCAL = ['10.0.0.50/16', 'fd00:10::50/48']
/** Bytes that an answer's packet carries: of headers alone, and of a link's full size. */
const PAYLOADS = { 'headers alone': 0, 'packets of full size': 1400 }

/** The policy as pcap-filter(7) can say it: without connections, whose packets are told by their flags; without limits. */
const EXPRESSION = `(tcp[tcpflags] & (tcp-syn|tcp-ack) != tcp-syn)
  or (src net (10.0.0.0/16 or fd00:10::/48) and tcp dst port 11434)
  or (src host (10.0.0.100 or fd00:10::100) and tcp dst port 8080)
  or (src host (10.0.0.5 or fd00:10::5) and tcp dst port 22)
  or (dst host (10.0.2.10 or fd00:10:0:2::10) and tcp dst port 5432)
  or (dst host (10.0.2.11 or fd00:10:0:2::11) and tcp dst port 6379)
  or (dst host (10.0.2.12 or fd00:10:0:2::12) and tcp dst port 9200)
  or (dst host (10.0.0.1 or fd00:10::1) and tcp dst port 22)`

export async function replay(report: Report): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  try {
    for (const [name, payload] of Object.entries(PAYLOADS)) {
      const file = join(folder, 'bench.pcap')
      writeConversations(file, PACKETS, payload)
      await measure(report, name, file)
    }
    await overMany(report, join(folder, 'many.pcap'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Runs of each, one after the other, so that all see the same load; the first warms up. */
async function measure(report: Report, name: string, file: string): Promise<void> {
  const times: Record<'reading' | 'judging' | 'filtering', number[]> = {
    reading: [],
    judging: [],
    filtering: [],
  }
  const policy = loadPolicy(POLICY)
  for (let i = 0; i <= RUNS; i++) {
    const reading = await timed(() => read(file))
    const judging = await timed(() => run([file], policy, { local: LOCAL }))
    const filtering = await timed(() => filter(file))
    if (i === 0) continue
    times.reading.push(reading)
    times.judging.push(judging)
    times.filtering.push(filtering)
  }
  const rate = (milliseconds: readonly number[]) => PACKETS / median(milliseconds) / 1000
  const rivalValue = rate(times.filtering)
  const value = rate(times.judging)
  report({ bench: 'replay', case: `${name}: read`, value: rate(times.reading), unit: 'Mpkt/s' })
  report({
    bench: 'replay',
    case: `${name}: read, tracked and judged`,
    value,
    unit: 'Mpkt/s',
    rival: 'tcpdump -w /dev/null EXPRESSION',
    rivalValue,
    ratio: value / rivalValue,
  })
}

async function timed(action: () => unknown): Promise<number> {
  const start = performance.now()
  await action()
  return performance.now() - start
}

async function read(file: string): Promise<void> {
  const capture = await openCapture(file)
  while (await capture.fill()) while (capture.next());
  capture.close()
}

function filter(file: string): void {
  const args = ['-Z', 'root', '-r', file, '-w', '/dev/null', EXPRESSION]
  const { status, stderr } = spawnSync('tcpdump', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

/** Whether memory grows with the packets. */
async function overMany(report: Report, file: string): Promise<void> {
  writeConversations(file, MANY, 0)
  const early = { rss: 0, heap: 0 }
  const late = { rss: 0, heap: 0 }
  const onProgress = ({ packets }: ReplayProgress) => {
    const { rss, heapUsed } = process.memoryUsage()
    const most = packets < PACKETS ? early : late
    most.rss = Math.max(most.rss, rss)
    most.heap = Math.max(most.heap, heapUsed)
  }
  const milliseconds = await timed(() => run([file], loadPolicy(POLICY), { local: LOCAL, onProgress }))
  const name = `${MANY.toLocaleString('en')} packets`
  report({ bench: 'replay', case: name, value: MANY / milliseconds / 1000, unit: 'Mpkt/s' })
  for (const [when, { rss, heap }] of Object.entries({ 'in the first million': early, 'after it': late })) {
    report({ bench: 'replay', case: `${name}: memory ${when}`, value: rss / 2 ** 20, unit: 'MiB' })
    report({ bench: 'replay', case: `${name}: heap ${when}`, value: heap / 2 ** 20, unit: 'MiB' })
  }
}
