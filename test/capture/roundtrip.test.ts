import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openCapture } from '../../src/capture/open.js'
import { PcapngWriter, PcapWriter } from '../../src/capture/write.js'
import { blocks, concat, MAGIC, type Options, pcap } from './support/build.js'
import { captureFolder, pieces, readAll } from './support/read.js'
import { hex, type ReadPacket, readPlainly } from './support/reference.js'

const folder = captureFolder()
const bytes = fc.uint8Array({ maxLength: 200 })
const nanoseconds = fc.integer({ min: 0, max: 999_999_999 })
const RUNS = { numRuns: 150 }

describe('what was written is read', () => {
  const packet = fc.record({
    port: fc.nat(2),
    seconds: fc.integer({ min: 0, max: 18_446_744_072 }),
    nanoseconds,
    bytes,
    cut: fc.nat(2000),
    direction: fc.constantFrom(0, 1, 2),
    comment: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), { nil: undefined }),
  })

  test('pcapng', async () => {
    const ports = [
      { linkType: 1, snapLength: 262_144, name: 'eth0' },
      { linkType: 101, snapLength: 1500 },
      { linkType: 276, snapLength: 200, name: 'any, ä' },
    ]
    const file = folder.path('written.pcapng')
    await fc.assert(
      fc.asyncProperty(fc.array(packet, { maxLength: 20 }), async (packets) => {
        const writer = new PcapngWriter(file)
        for (const port of ports) writer.addInterface(port)
        for (const { port, seconds, nanoseconds, bytes, cut, direction, comment } of packets) {
          const notes = {
            length: bytes.length + cut,
            direction,
            ...(comment === undefined ? {} : { comment }),
          }
          writer.write(port, seconds, nanoseconds, bytes, notes)
        }
        writer.close()
        const read = await readAll(file)
        expect(read.end).toBe('whole')
        expect(
          read.packets.map(({ time, bytes, length, interface: port, comment }) => [
            time,
            bytes,
            length,
            port,
            comment,
          ]),
        ).toEqual(
          packets.map(({ seconds, nanoseconds, bytes, cut, port, comment }) => [
            BigInt(seconds) * 10n ** 9n + BigInt(nanoseconds),
            hex(bytes),
            bytes.length + cut,
            port,
            comment,
          ]),
        )
        for (const [i, { direction }] of packets.entries())
          if (direction !== 0) expect(read.packets[i]!.direction).toBe(direction)
        expect(
          read.packets.every(
            ({ name, linkType, interface: i }) => name === ports[i]!.name && linkType === ports[i]!.linkType,
          ),
        ).toBe(true)
      }),
      RUNS,
    )
  })

  test('pcap', async () => {
    const file = folder.path('written.pcap')
    const classic = packet.map((all) => ({ ...all, seconds: all.seconds % 2 ** 32 }))
    await fc.assert(
      fc.asyncProperty(fc.array(classic, { maxLength: 20 }), async (packets) => {
        const writer = new PcapWriter(file, 113)
        for (const { seconds, nanoseconds, bytes, cut } of packets)
          writer.write(seconds, nanoseconds, bytes, bytes.length + cut)
        writer.close()
        const read = await readAll(file)
        expect(read.end).toBe('whole')
        expect(
          read.packets.map(({ time, bytes, length, linkType }) => [time, bytes, length, linkType]),
        ).toEqual(
          packets.map(({ seconds, nanoseconds, bytes, cut }) => [
            BigInt(seconds) * 10n ** 9n + BigInt(nanoseconds),
            hex(bytes),
            bytes.length + cut,
            113,
          ]),
        )
      }),
      RUNS,
    )
  })

  test('a comment over 65,535 bytes is cut between two characters', async () => {
    const writer = new PcapngWriter(folder.path('long.pcapng'))
    writer.addInterface({ linkType: 1, snapLength: 262_144 })
    const comment = 'ä'.repeat(40_000)
    for (let i = 0; i < 20; i++) writer.write(0, i, 0, new Uint8Array(262_144), { comment })
    writer.close()
    const { packets } = await readAll(folder.path('long.pcapng'))
    expect(packets.map(({ comment }) => comment)).toEqual(packets.map(() => 'ä'.repeat(32_767)))
    expect(packets.length).toBe(20)
  })
})

test('an interface without a name is not the one with an empty name', async () => {
  const b = blocks(true)
  const ports = [b.interface(1, 0, [[2, new Uint8Array(0)]]), b.interface(1)]
  const packets = [b.enhanced(0, 1n, new Uint8Array(1)), b.enhanced(1, 2n, new Uint8Array(1))]
  const capture = await openCapture(pieces(concat(b.section(), ...ports, ...packets)))
  const writer = new PcapngWriter(folder.path('names.pcapng'))
  while (await capture.fill()) while (capture.next()) writer.copy(capture)
  writer.close()
  const read = await readAll(folder.path('names.pcapng'))
  expect(read.packets.map(({ name }) => name)).toEqual(['', undefined])
})

const options = fc.array(fc.tuple(fc.constantFrom(1, 2, 3, 40_000), fc.uint8Array({ maxLength: 12 })), {
  maxLength: 3,
})
const port = fc.record({
  linkType: fc.constantFrom(0, 1, 9, 101, 113, 276),
  snapLength: fc.constantFrom(0, 150, 200, 65_535, 0xffffffff),
  name: fc.option(fc.uint8Array({ maxLength: 8 }), { nil: undefined }),
  resolution: fc.option(fc.oneof(fc.nat(19), fc.integer({ min: 128, max: 191 })), { nil: undefined }),
  offset: fc.option(fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }), { nil: undefined }),
})
const item = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('enhanced', 'packet'),
      id: fc.nat(2),
      time: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      bytes,
      options,
      length: fc.nat(70_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('simple'), bytes }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('other'),
      type: fc.integer({ min: 4, max: 0xffffffff }).filter((type) => type !== 6),
      bytes,
    }),
  },
)
const section = fc.record({
  little: fc.boolean(),
  ports: fc.array(port, { minLength: 1, maxLength: 3 }),
  items: fc.array(item, { maxLength: 8 }),
})
const blocksOf = fc.array(section, { minLength: 1, maxLength: 3 }).map((sections) =>
  concat(
    ...sections.flatMap(({ little, ports, items }) => {
      const b = blocks(little)
      return [
        b.section(),
        ...ports.map(({ linkType, snapLength, name, resolution, offset }) => {
          const list: [number, Uint8Array][] = []
          if (name !== undefined) list.push([2, name])
          if (resolution !== undefined) list.push([9, Uint8Array.of(resolution)])
          if (offset !== undefined) list.push([14, b.n([8, offset])])
          return b.interface(linkType, snapLength, list)
        }),
        ...items.map((item) => {
          if (item.kind === 'simple') return b.simple(item.bytes)
          if ('type' in item) return b.block(item.type, item.bytes)
          const { id, time, bytes, options, length } = item as Extract<typeof item, { id: number }>
          return b[item.kind as 'enhanced' | 'packet'](
            id % ports.length,
            time,
            bytes,
            options as Options,
            length,
          )
        }),
      ]
    }),
  ),
)
const records = fc
  .tuple(
    fc.array(
      fc.record({
        seconds: fc.nat(),
        fraction: fc.nat(2_000_000),
        bytes,
        length: fc.nat(2000),
        packetType: fc.nat(5),
      }),
      { maxLength: 10 },
    ),
    fc.record({
      little: fc.boolean(),
      magic: fc.constantFrom(MAGIC.us, MAGIC.ns, MAGIC.patched),
      version: fc.constantFrom<readonly [number, number]>([2, 4], [2, 3], [2, 2], [543, 0]),
      snapLength: fc.constantFrom(0, 100, 262_144, 0xffffffff),
      linkType: fc.constantFrom(1, 101, 113, 276, 0x10000001),
      swapped: fc.boolean(),
    }),
  )
  .map(([packets, shape]) => pcap(packets, shape))
const captures = fc.oneof(blocksOf, records)
const sizes = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 5 })

/** Seconds are doubles: 285 million years from 1970 they are no longer exact. */
const exact = ({ time }: ReadPacket) => Math.abs(Number(time / 10n ** 9n)) < Number.MAX_SAFE_INTEGER
const timed = (packet: ReadPacket) => (exact(packet) ? packet : { ...packet, time: 'far away' })

async function expectTheSame(bytes: Uint8Array, sizes: readonly number[]): Promise<void> {
  const { packets, end } = await readAll(pieces(bytes, sizes))
  const expected = readPlainly(bytes)
  expect({ packets: packets.map(timed), end }).toEqual({ ...expected, packets: expected.packets.map(timed) })
}

describe('the reader and the plain reference say the same', () => {
  test('of captures of all kinds, in whatever pieces they come', async () => {
    await fc.assert(fc.asyncProperty(captures, sizes, expectTheSame), { numRuns: 300 })
  })

  test('of captures that were damaged or cut', async () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 4, 255))), {
      maxLength: 4,
    })
    const damaged = fc.tuple(captures, damage, fc.option(fc.nat())).map(([bytes, damage, cut]) => {
      const copy = bytes.slice()
      for (const [at, value] of damage) copy[at % copy.length] = value
      return cut === null ? copy : copy.slice(0, cut % copy.length)
    })
    await fc.assert(fc.asyncProperty(damaged, sizes, expectTheSame), { numRuns: 500 })
  })

  test('also of what a writer copied from them', async () => {
    const file = folder.path('copied.pcapng')
    const writable = (seconds: number) => seconds >= 0 && seconds < 18_446_744_073
    const secondOf = (time: bigint) => (time < 0n ? -1 : Number(time / 10n ** 9n))
    const facts = ({ time, bytes, length, linkType, name, direction }: ReadPacket) => {
      return { time, bytes, length, linkType, name, direction }
    }
    const sound = captures.filter((bytes) => readPlainly(bytes).end === 'whole')
    await fc.assert(
      fc.asyncProperty(sound, async (bytes) => {
        const expected = readPlainly(bytes).packets.filter(({ time }) => writable(secondOf(time)))
        const writer = new PcapngWriter(file)
        const capture = await openCapture(pieces(bytes))
        while (await capture.fill())
          while (capture.next())
            if (writable(capture.stamp[0]!)) writer.copy(capture, `packet ${capture.number}`)
        writer.close()
        const { packets, end } = await readAll(file)
        expect(end).toBe('whole')
        expect(packets.map(facts)).toEqual(expected.map(facts))
        expect(packets.every(({ comment }) => comment?.startsWith('packet '))).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})
