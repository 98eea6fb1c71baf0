import { expect, test } from 'vitest'
import { openCapture } from '../../src/capture/open.js'
import type { CaptureReader } from '../../src/capture/reader.js'
import { segment } from '../support/packets.js'
import { blocks, concat, ethernet, MAGIC, pcap } from './support/build.js'
import { captureFolder } from './support/read.js'

const folder = captureFolder()
/** Too few for their garbage, if there were any, to be collected in between: 8 bytes each would be 1.6 MB. */
const PACKETS = 200_000
const FRAME = ethernet(segment('tcp', '10.0.0.7', '10.0.0.50', 11434))

const b = blocks(true)
const enhanced = b.enhanced(0, 1_700_000_000_123_456_789n, FRAME, [[2, b.n([4, 1])]])
const record = pcap([{ seconds: 1_700_000_000, fraction: 5, bytes: FRAME }], { magic: MAGIC.ns }).slice(24)
const repeated = (part: Uint8Array) => Uint8Array.from(Buffer.alloc(part.length * PACKETS, part))

test.each<[string, () => Uint8Array]>([
  ['pcap', () => concat(pcap([], { magic: MAGIC.ns }), repeated(record))],
  ['pcapng', () => concat(b.section(), b.interface(1, 0, [[9, Uint8Array.of(9)]]), repeated(enhanced))],
])('a packet of %s allocates nothing', async (name, bytes) => {
  const file = folder.put(`many.${name}`, bytes())
  const drain = (capture: CaptureReader) => {
    while (capture.next());
  }
  const growths: number[] = []
  for (let run = 0; run < 10; run++) {
    const capture = await openCapture(file)
    let grown = 0
    while (await capture.fill()) {
      const before = process.memoryUsage().heapUsed
      drain(capture)
      grown += Math.max(0, process.memoryUsage().heapUsed - before)
    }
    capture.close()
    expect(capture.number).toBe(PACKETS)
    growths.push(grown)
  }
  // A look at the heap leaves some hundred bytes itself, once every 256 KiB of the capture.
  expect(Math.min(...growths.slice(5)) / PACKETS).toBeLessThan(1)
})
