/** How fast are captures read, beside tcpdump, and does it take more memory when there are more packets? */
import { spawnSync } from 'node:child_process'
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { openCaptures } from '../src/capture/merge.js'
import { openCapture } from '../src/capture/open.js'
import { PcapngWriter, PcapWriter } from '../src/capture/write.js'
import { chapterFlows } from './chapter.js'
import { median, type Report } from './report.js'
import { syn } from './traffic.js'

const PACKETS = 1_000_000
/** Captures that are read as one. */
const PARTS = 10
const RUNS = 7
const ETHERNET = 1

export async function capture(report: Report): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  try {
    const { pcap, pcapng } = write(folder)
    const gzip = `${pcap}.gz`
    await pipeline(createReadStream(pcap), createGzip(), createWriteStream(gzip))
    await measure(report, 'pcap', pcap)
    await measure(report, 'pcapng', pcapng)
    await measure(report, 'pcap, packed with gzip', gzip)
    await merged(report, folder, pcap)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Captures of small packets: SYNs of the chapter's flows, a microsecond and a bit apart. */
function write(folder: string): { pcap: string; pcapng: string } {
  const pcap = join(folder, 'bench.pcap')
  const pcapng = join(folder, 'bench.pcapng')
  const frames = chapterFlows(4096, 8).map((flow) => {
    const packet = syn(flow)
    const frame = new Uint8Array(14 + packet.length)
    new DataView(frame.buffer).setUint16(12, packet[0]! >> 4 === 6 ? 0x86dd : 0x0800)
    frame.set(packet, 14)
    return frame
  })
  const classic = new PcapWriter(pcap, ETHERNET)
  const blocks = new PcapngWriter(pcapng)
  const port = blocks.addInterface({ linkType: ETHERNET, snapLength: 262_144, name: 'eth0' })
  for (let i = 0; i < PACKETS; i++) {
    const time = i * 1234
    const seconds = 1_700_000_000 + Math.floor(time / 1e9)
    const frame = frames[i & 4095]!
    classic.write(seconds, time % 1e9, frame)
    blocks.write(port, seconds, time % 1e9, frame)
  }
  classic.close()
  blocks.close()
  return { pcap, pcapng }
}

async function measure(report: Report, name: string, file: string): Promise<void> {
  const ours: number[] = []
  const theirs: number[] = []
  // One after the other, so that both see the same load; the first run warms up.
  for (let run = 0; run <= RUNS; run++) {
    const start = performance.now()
    if ((await read(file)) !== PACKETS) throw new Error(`${file}: packets are missing`)
    if (run > 0) ours.push(performance.now() - start)
    const time = tcpdump(file)
    if (time !== undefined) theirs.push(time)
  }
  const value = PACKETS / (median(ours) * 1000)
  const rivalValue = PACKETS / (median(theirs) * 1000)
  const rival =
    theirs.length > RUNS ? { rival: 'tcpdump -w /dev/null', rivalValue, ratio: value / rivalValue } : {}
  report({ bench: 'capture', case: `${name}, file to parsed packets`, value, unit: 'Mpkt/s', ...rival })
  report({ bench: 'capture', case: `${name}: size`, value: statSync(file).size / 2 ** 20, unit: 'MiB' })
}

/** Reads and parses; how many of the packets are IP. */
async function read(file: string): Promise<number> {
  const capture = await openCapture(file)
  let found = 0
  while (await capture.fill()) while (capture.next()) if (capture.packet.family !== 0) found++
  capture.close()
  return found
}

/** Milliseconds that tcpdump takes to read and write; undefined where there is none, or it cannot read the file. */
function tcpdump(file: string): number | undefined {
  const start = performance.now()
  const { status } = spawnSync('tcpdump', ['-Z', 'root', '-r', file, '-w', '/dev/null'], { stdio: 'ignore' })
  return status === 0 ? performance.now() - start : undefined
}

/** Ten captures of the same times, so that each packet comes from another one than the last; and what memory that takes. */
async function merged(report: Report, folder: string, file: string): Promise<void> {
  const parts = Array.from({ length: PARTS }, (_, i) => {
    const part = join(folder, `part-${i}.pcap`)
    symlinkSync(file, part)
    return part
  })
  const merge = await openCaptures(parts)
  const start = performance.now()
  let early = 0
  let late = 0
  while (await merge.fill()) {
    while (merge.next());
    const { rss } = process.memoryUsage()
    if (merge.number < PACKETS) early = Math.max(early, rss)
    else late = Math.max(late, rss)
  }
  const seconds = (performance.now() - start) / 1000
  merge.close()
  const total = `${(merge.number / 1e6).toFixed(0)} million packets of ${PARTS} captures, by time`
  report({ bench: 'capture', case: total, value: merge.number / seconds / 1e6, unit: 'Mpkt/s' })
  report({ bench: 'capture', case: 'memory in the first million', value: early / 2 ** 20, unit: 'MiB' })
  report({ bench: 'capture', case: 'memory after it', value: late / 2 ** 20, unit: 'MiB' })
}
