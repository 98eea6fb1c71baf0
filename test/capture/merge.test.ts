import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readlinkSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CaptureMerge, openCaptures } from '../../src/capture/merge.js'
import { blocks, concat, MAGIC, pcap } from './support/build.js'
import { captureFolder } from './support/read.js'

const folder = captureFolder()
const START = 1_700_000_000

/** A capture of packets at these nanoseconds; the first byte of each is the capture's number. */
function captureAt(number: number, times: readonly number[]): Uint8Array {
  const packets = times.map((time, i) => ({
    seconds: START + Math.floor(time / 1e9),
    fraction: time % 1e9,
    bytes: Uint8Array.of(number, i),
  }))
  return pcap(packets, { magic: MAGIC.ns, linkType: 105 })
}

/** What comes: of which capture, which of its packets, and when by its own time and by that of all. */
async function readMerged(merge: CaptureMerge) {
  const packets: { capture: number; packet: number; time: number; since: number }[] = []
  while (await merge.fill())
    while (merge.next()) {
      const { bytes, frame, stamp, packet } = merge.capture
      packets.push({
        capture: bytes[frame]!,
        packet: bytes[frame + 1]!,
        time: (stamp[0]! - START) * 1e9 + stamp[1]!,
        since: packet.time[0]!,
      })
      expect(merge.number).toBe(packets.length)
    }
  merge.close()
  return packets
}

/** Our open captures, as the kernel lists them. */
const openFiles = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder.path(''))
    } catch {
      return false
    }
  }).length

describe('several captures', () => {
  test('come in the order of their times, those of equal times in the order of the captures', async () => {
    const times = fc.array(
      fc.integer({ min: 0, max: 5_000_000_000 }).map((time) => time - (time % 250_000_000)),
      { maxLength: 12 },
    )
    const many = fc.array(times, { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(many, fc.boolean(), async (captures, sorted) => {
        const lists = captures.map((times) => (sorted ? times.toSorted((a, b) => a - b) : times))
        const files = lists.map((times, i) => folder.put(`${i}.pcap`, captureAt(i, times)))
        const packets = await readMerged(await openCaptures(files))

        // The plain way: again and again the first of what is left of each.
        const left = lists.map((times, capture) => times.map((time, packet) => ({ capture, packet, time })))
        const expected: (typeof left)[number] = []
        for (;;) {
          const heads = left
            .flatMap((list) => list.slice(0, 1))
            .toSorted((a, b) => a.time - b.time || a.capture - b.capture)
          if (heads[0] === undefined) break
          expected.push(left[heads[0].capture]!.shift()!)
        }
        const origin = expected[0]?.time ?? 0
        expect(packets).toEqual(expected.map((packet) => ({ ...packet, since: packet.time - origin })))
      }),
      { numRuns: 60 },
    )
    expect(openFiles()).toBe(0)
  })

  test('of all kinds, in a folder: whatever is named as captures are', async () => {
    const path = folder.path('kinds')
    mkdirSync(path)
    const b = blocks(false)
    const nanoseconds = b.interface(105, 0, [[9, Uint8Array.of(9)]])
    const ng = concat(
      b.section(),
      nanoseconds,
      b.enhanced(0, BigInt(START) * 10n ** 9n + 5n, Uint8Array.of(1, 0)),
    )
    folder.put('kinds/a.pcap', captureAt(0, [3, 9]))
    folder.put('kinds/b.pcapng', ng)
    folder.put('kinds/c.pcap12', captureAt(2, [4]))
    folder.put('kinds/d.cap.gz', gzipSync(captureAt(3, [1])))
    folder.put('kinds/notes.txt', new Uint8Array(10))
    const merge = await openCaptures([path])
    expect(merge.files.map((file) => file.slice(path.length + 1))).toEqual([
      'a.pcap',
      'b.pcapng',
      'c.pcap12',
      'd.cap.gz',
    ])
    const packets = await readMerged(merge)
    expect(packets.map(({ capture, since }) => [capture, since])).toEqual([
      [3, 0],
      [0, 2],
      [2, 3],
      [1, 4],
      [0, 8],
    ])
    expect(merge.origin).toBe(BigInt(START) * 10n ** 9n + 1n)
  })

  test('that follow each other are open one at a time', async () => {
    const files = Array.from({ length: 30 }, (_, i) =>
      folder.put(`row-${i}.pcap`, captureAt(i, [10 * i, 10 * i + 5])),
    )
    const merge = await openCaptures(files.toReversed())
    let most = 0
    let count = 0
    while (await merge.fill())
      while (merge.next()) {
        count++
        most = Math.max(most, openFiles())
      }
    // The one that ended is closed when the next is asked for.
    expect([count, most]).toEqual([60, 1])
    expect(merge.progress).toEqual({ position: 30 * 60, size: 30 * 60 })
    expect(openFiles()).toBe(0)
  })

  test('that are cut are told, and the others go on', async () => {
    const whole = folder.put('whole.pcap', captureAt(0, [1, 4, 6]))
    const cut = folder.put('cut.pcap', captureAt(1, [2, 5]).slice(0, -1))
    const none = folder.put('none.pcap', captureAt(2, [7]).slice(0, -1))
    const merge = await openCaptures([whole, cut, none])
    const packets = await readMerged(merge)
    expect(packets.map(({ capture }) => capture)).toEqual([0, 1, 0, 0])
    expect(merge.truncated.map(({ file, packets }) => [file, packets])).toEqual([
      [none, 0],
      [cut, 1],
    ])
  })

  test('of which one is damaged end with its error, and leave nothing open', async () => {
    const good = folder.put('good.pcap', captureAt(0, [1, 9]))
    const damaged = captureAt(1, [2, 3])
    damaged.fill(0xff, 24 + 18 + 8, 24 + 18 + 12)
    const bad = folder.put('bad.pcap', damaged)
    const merge = await openCaptures([good, bad])
    await expect(readMerged(merge)).rejects.toThrow(
      /bad\.pcap: byte 42: packet 2 says that 4,294,967,295 bytes/,
    )
    merge.close()
    await expect(openCaptures([good, folder.put('text.pcap', new Uint8Array(9))])).rejects.toThrow(
      'it is no capture',
    )
    expect(openFiles()).toBe(0)
  })

  test('that overlap in time are not too many', async () => {
    const files = Array.from({ length: 257 }, (_, i) => folder.put(`over-${i}.pcap`, captureAt(0, [i, 1000])))
    const merge = await openCaptures(files)
    await expect(readMerged(merge)).rejects.toThrow('over-256.pcap: more than 256 captures overlap in time')
    merge.close()
    expect((await readMerged(await openCaptures(files.slice(1)))).length).toBe(512)
    expect(openFiles()).toBe(0)
  })

  test('that come through pipes are opened once', async () => {
    const files = [captureAt(0, [2, 3]), captureAt(1, [1, 4])].map((bytes, i) =>
      folder.put(`pipe-${i}`, bytes),
    )
    const code = `import { openCaptures } from './dist/src/capture/merge.js'
      const merge = await openCaptures(process.argv.slice(1))
      let order = ''
      while (await merge.fill()) while (merge.next()) order += merge.capture.bytes[merge.capture.frame]
      merge.close()
      console.log(order)`
    const script = `"$0" --input-type=module -e "$1" <(cat "$2") - < <(cat "$3")`
    const output = execFileSync('bash', ['-c', script, process.execPath, code, ...files], {
      encoding: 'utf8',
    })
    expect(output).toBe('1001\n')
  })

  test('without any packet', async () => {
    const merge = await openCaptures([folder.put('no.pcap', captureAt(0, []))])
    expect(await readMerged(merge)).toEqual([])
    expect(merge.origin).toBe(0n)
  })

  test('of which one has no times: it comes first, and the origin is that of the others', async () => {
    const b = blocks(true)
    const timeless = folder.put(
      'timeless.pcapng',
      concat(b.section(), b.interface(105), b.simple(Uint8Array.of(1, 0))),
    )
    const merge = await openCaptures([folder.put('timed.pcap', captureAt(0, [7, 9])), timeless])
    expect((await readMerged(merge)).map(({ capture, since }) => [capture, since])).toEqual([
      [1, 0],
      [0, 0],
      [0, 2],
    ])
  })
})
