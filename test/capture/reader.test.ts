import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { openCapture } from '../../src/capture/open.js'
import { Family } from '../../src/packet/packet.js'
import { segment } from '../support/packets.js'
import {
  type BuiltPacket,
  blocks,
  concat,
  ethernet,
  MAGIC,
  type PcapShape,
  pcap,
  text,
} from './support/build.js'
import { captureFolder, pieces, readAll } from './support/read.js'
import { hex, readPlainly } from './support/reference.js'

const folder = captureFolder()
const FRAME = ethernet(segment('tcp', '10.0.0.7', '10.0.0.50', 11434))
const PACKETS: BuiltPacket[] = Array.from({ length: 5 }, (_, i) => ({
  seconds: 1_700_000_000 + i,
  fraction: 123_456 * i,
  bytes: FRAME.slice(0, FRAME.length - i),
  length: FRAME.length,
}))

/** What the reader finds, after the reference has said the same. */
async function check(bytes: Uint8Array) {
  const { error, ...read } = await readAll(pieces(bytes))
  expect(read).toEqual(readPlainly(bytes))
  return { ...read, error }
}

describe('a classic capture', () => {
  const orders = [true, false].map((little) => [little ? 'little' : 'big', little] as const)
  const shapes: [string, PcapShape][] = [
    ['microseconds', { magic: MAGIC.us }],
    ['nanoseconds', { magic: MAGIC.ns }],
    ['patched by Kuznetzov', { magic: MAGIC.patched }],
    ['version 2.2, lengths the other way round', { version: [2, 2], swapped: true }],
    ['version 2.3, lengths the other way round', { version: [2, 3], swapped: true }],
    ['version 2.3', { version: [2, 3] }],
    ['version 543.0, of DG/UX', { version: [543, 0], swapped: true }],
  ]
  describe.each(orders)('in %s endian order', (_, little) => {
    test.each(shapes)('%s', async (_, shape) => {
      const { packets, end } = await check(pcap(PACKETS, { ...shape, little }))
      expect(end).toBe('whole')
      const unit = shape.magic === MAGIC.ns ? 1n : 1000n
      expect(packets.map(({ time }) => time)).toEqual(
        PACKETS.map(({ seconds, fraction }) => BigInt(seconds) * 10n ** 9n + BigInt(fraction) * unit),
      )
      expect(packets.map(({ bytes }) => bytes)).toEqual(PACKETS.map(({ bytes }) => hex(bytes)))
      expect(packets.every(({ length }) => length === FRAME.length)).toBe(true)
    })
  })

  test('of which packets are longer than the snap length: they are cut to it, as libpcap does', async () => {
    const { packets } = await check(pcap(PACKETS, { snapLength: 20 }))
    expect(packets.map(({ bytes, length }) => [bytes.length / 2, length])).toEqual(
      PACKETS.map(() => [20, FRAME.length]),
    )
  })

  test('patched: the way of a packet is known, and its snap length is 14 more', async () => {
    const packets = [0, 1, 2, 3, 4, 5].map((packetType) => ({ ...PACKETS[0]!, packetType }))
    const read = await check(pcap(packets, { magic: MAGIC.patched, snapLength: 30 }))
    expect(read.packets.map(({ direction }) => direction)).toEqual([1, 1, 1, 0, 2, 0])
    expect(read.packets[0]!.bytes.length).toBe(2 * 44)
  })

  test('whose fractions are more than a second', async () => {
    const { packets } = await check(pcap([{ seconds: 1, fraction: 3_500_000, bytes: FRAME }]))
    expect(packets[0]!.time).toBe(4_500_000_000n)
  })

  test('after 2038, and with a frame check sequence announced in the link type', async () => {
    const late = [{ seconds: 0xffffffff, fraction: 999_999, bytes: FRAME }]
    const { packets } = await check(pcap(late, { linkType: 0x24000001 }))
    expect(packets[0]).toMatchObject({ time: 4_294_967_295_999_999_000n, linkType: 1 })
  })

  test('without packets', async () =>
    expect(await check(pcap([]))).toMatchObject({ packets: [], end: 'whole' }))
})

describe('a capture of the new kind', () => {
  test.each([
    [true, false],
    [false, true],
  ])(
    'with sections of both byte orders, blocks of all kinds and several interfaces',
    async (first, second) => {
      const one = blocks(first)
      const two = blocks(second)
      const time = 1_700_000_000_123_456n
      const bytes = concat(
        one.section(),
        one.interface(1, 0, [[2, text('eth0')]]),
        one.names(),
        one.interface(101, 100, [[2, text('tun0')]]),
        one.enhanced(0, time, FRAME, [
          [1, text('a comment')],
          [2, one.n([4, 1])],
        ]),
        one.enhanced(1, time + 1n, FRAME.slice(14), [[2, one.n([4, 2])]]),
        one.packet(0, time + 2n, FRAME, [[2, one.n([4, 2])]], 1000),
        one.simple(FRAME),
        one.statistics(0),
        one.block(0x7654321, text('unknown to all')),
        two.section([1, 2]),
        two.block(0x0bad, new Uint8Array(100_000)),
        two.interface(1, 20),
        two.simple(FRAME.slice(0, 20), 60),
        two.enhanced(
          0,
          time + 3n,
          FRAME.slice(0, 20),
          [
            [1, text('ä')],
            [1, text('second')],
          ],
          60,
        ),
      )
      const { packets, end } = await check(bytes)
      expect(end).toBe('whole')
      expect(
        packets.map(({ interface: port, name, direction, comment }) => [port, name, direction, comment]),
      ).toEqual([
        [0, 'eth0', 1, 'a comment'],
        [1, 'tun0', 2, undefined],
        [0, 'eth0', 2, undefined],
        [0, 'eth0', 0, undefined],
        [2, undefined, 0, undefined],
        [2, undefined, 0, 'ä'],
      ])
      expect(packets.map(({ time }) => time / 1000n - 1_700_000_000_123_456n)).toEqual([
        0n,
        1n,
        2n,
        2n,
        2n,
        3n,
      ])
    },
  )

  const resolutions: [string, number, bigint, bigint][] = [
    ['seconds', 0, 1_700_000_000n, 1_700_000_000_000_000_000n],
    ['milliseconds', 3, 1_700_000_000_123n, 1_700_000_000_123_000_000n],
    ['microseconds', 6, 1_700_000_000_123_456n, 1_700_000_000_123_456_000n],
    ['nanoseconds', 9, 1_700_000_000_123_456_789n, 1_700_000_000_123_456_789n],
    ['tenths of a nanosecond', 10, 17_000_000_001_234_567_899n, 1_700_000_000_123_456_789n],
    ['2^-30 s', 0x80 | 30, (1_700_000_000n << 30n) + (1n << 29n), 1_700_000_000_500_000_000n],
    ['2^-10 s', 0x80 | 10, (1_700_000_000n << 10n) + 1n, 1_700_000_000_000_976_562n],
    ['2^0 s', 0x80, 1_700_000_000n, 1_700_000_000_000_000_000n],
    ['the finest of tens', 19, 12_345_678_901_234_567_890n, 1_234_567_890n],
    ['the finest of twos', 0x80 | 63, (1n << 63n) + (1n << 62n), 1_500_000_000n],
  ]
  test.each(resolutions)('counting in %s', async (_, resolution, count, nanoseconds) => {
    for (const little of [true, false]) {
      const b = blocks(little)
      const port = b.interface(1, 0, [[9, Uint8Array.of(resolution)]])
      const { packets } = await check(concat(b.section(), port, b.enhanced(0, count, FRAME)))
      expect(packets[0]!.time).toBe(nanoseconds)
    }
  })

  test.each([3600n, -3600n])('whose times are off by %s seconds', async (offset) => {
    const b = blocks(false)
    const port = b.interface(1, 0, [[14, b.n([8, offset])]])
    const bytes = concat(b.section(), port, b.enhanced(0, 1_700_000_000_000_001n, FRAME))
    expect((await check(bytes)).packets[0]!.time).toBe(1_700_000_000_000_001_000n + offset * 10n ** 9n)
  })

  test('with a block that is larger than any packet: its packet is read, its far options are passed over', async () => {
    const b = blocks(true)
    const padding = Array.from({ length: 20 }, () => [3, new Uint8Array(65_532)] as const)
    const large = b.enhanced(0, 1n, FRAME, [[1, text('near')], ...padding, [2, b.n([4, 1])]])
    const { packets } = await check(concat(b.section(), b.interface(), large, b.enhanced(0, 2n, FRAME)))
    expect(packets.map(({ comment, direction }) => [comment, direction])).toEqual([
      ['near', 0],
      [undefined, 0],
    ])
  })

  test('with the largest packet there may be', async () => {
    const b = blocks(true)
    const largest = new Uint8Array(262_144).fill(7)
    const { packets } = await check(
      concat(b.section(), b.interface(), b.enhanced(0, 1n, largest), b.simple(FRAME)),
    )
    expect(packets.map(({ bytes }) => bytes.length / 2)).toEqual([262_144, FRAME.length])
  })
})

describe('time', () => {
  test('counts from the first packet that has one, exactly', async () => {
    const b = blocks(true)
    const port = b.interface(1, 0, [[9, Uint8Array.of(9)]])
    const times = [5_000_000_001n, 5_000_000_002n, 4_999_999_999n, 9_000_000_000_000_007n]
    const packets = times.map((time) => b.enhanced(0, 1_700_000_000_000_000_000n + time, FRAME))
    const capture = await openCapture(pieces(concat(b.section(), port, b.simple(FRAME), ...packets)))
    const found: number[] = []
    expect(capture.hasTime).toBe(false)
    while (await capture.fill()) while (capture.next()) found.push(capture.packet.time[0]!)
    expect(found).toEqual([0, 0, 1, -2, 8_999_995_000_000_006])
    expect(capture.origin).toBe(1_700_000_005_000_000_001n)
  })
})

describe('a packet', () => {
  test('is a view of the buffer, and frames of other protocols hold none', async () => {
    const arp = ethernet(new Uint8Array(28), [], 0x0806)
    const frames = [FRAME, arp, ethernet(segment('udp', 'fd00::7', 'fd00::50', 53))]
    const capture = await openCapture(
      pieces(pcap(frames.map((bytes) => ({ seconds: 1, fraction: 0, bytes })))),
    )
    const families: number[] = []
    await capture.fill()
    while (capture.next()) {
      expect(capture.packet.view.buffer).toBe(capture.bytes.buffer)
      families.push(capture.packet.family)
      if (capture.packet.family !== 0) expect(capture.packet.network).toBe(capture.frame + 14)
    }
    expect(families).toEqual([Family.ipv4, 0, Family.ipv6])
    expect(capture.number).toBe(3)
  })

  test('that was cut keeps its own length', async () => {
    const packet = segment('tcp', '10.0.0.7', '10.0.0.50', 443)
    const capture = await openCapture(
      pieces(pcap([{ seconds: 1, fraction: 0, bytes: ethernet(packet).slice(0, 14 + 24), length: 54 }])),
    )
    await capture.fill()
    expect(capture.next()).toBe(true)
    expect(capture.packet.length).toBe(40)
    expect(capture.packet.end - capture.packet.network).toBe(24)
  })
})

describe('bytes come', () => {
  const b = blocks(true)
  const large = new Uint8Array(100_000)
  const both = {
    pcap: pcap([...PACKETS, { seconds: 1, fraction: 0, bytes: large }, ...PACKETS]),
    pcapng: concat(
      b.section(),
      b.interface(),
      ...PACKETS.map(({ bytes }) => b.enhanced(0, 1n, bytes)),
      b.block(99, new Uint8Array(1_000_000)),
      b.enhanced(0, 1n, large, [[1, text('large')]]),
    ),
  }
  test.each(Object.entries(both))('%s: from a file, packed or not', async (name, bytes) => {
    const expected = readPlainly(bytes)
    expect(await readAll(folder.put(`a.${name}`, bytes))).toEqual(expected)
    expect(await readAll(folder.put(`a.${name}.gz`, gzipSync(bytes)))).toEqual(expected)
    const members = concat(gzipSync(bytes.slice(0, 100)), gzipSync(bytes.slice(100)))
    expect(await readAll(folder.put(`b.${name}.gz`, members))).toEqual(expected)
    const padded = concat(gzipSync(bytes), new Uint8Array(1000))
    expect(await readAll(folder.put(`c.${name}.gz`, padded))).toEqual(expected)
  })

  test.each(Object.entries(both))('%s: in pieces of any size, packed or not', async (_, bytes) => {
    const expected = readPlainly(bytes)
    for (const sizes of [[1, 7, 500], [65_536], [300_000]]) {
      expect(await readAll(pieces(bytes, sizes))).toEqual(expected)
      expect(await readAll(pieces(gzipSync(bytes), sizes))).toEqual(expected)
    }
  })

  test('how far it got is known of files', async () => {
    const bytes = pcap(PACKETS)
    const capture = await openCapture(folder.put('progress.pcap', bytes))
    expect(capture.progress.size).toBe(bytes.length)
    while (await capture.fill()) while (capture.next());
    expect(capture.progress.position).toBe(bytes.length)
    capture.close()
    capture.close()
  })

  test('filling again and again without reading does no harm', async () => {
    const capture = await openCapture(pieces(both.pcap, [10_000]))
    for (let i = 0; i < 100; i++) await capture.fill()
    let count = 0
    do while (capture.next()) count++
    while (await capture.fill())
    expect(count).toBe(11)
  })
})
