import { describe, expect, test } from 'vitest'
import { Direction } from '../../src/capture/link.js'
import { openCaptures } from '../../src/capture/merge.js'
import { openCapture } from '../../src/capture/open.js'
import { PcapngWriter, PcapWriter } from '../../src/capture/write.js'
import { Column, Family } from '../../src/packet/packet.js'
import { segment } from '../support/packets.js'
import { blocks, concat, ethernet, MAGIC, numbers, pcap } from './support/build.js'
import { captureFolder, packetOf, readAll } from './support/read.js'
import type { ReadPacket } from './support/reference.js'
import { capinfos, run, tcpdump } from './support/tools.js'

const folder = captureFolder()
const START = 1_700_000_000
const NANOSECONDS = 10n ** 9n
const V4 = segment('udp', '10.0.0.7', '10.0.0.50', 5353)
const V6 = segment('tcp', 'fd00::7', 'fd00::50', 443)

/** Packets of many lengths, some of them cut. */
const PACKETS = Array.from({ length: 200 }, (_, i) => {
  const bytes = ethernet(concat(i % 3 === 0 ? V6 : V4, new Uint8Array((i * 7) % 1400)))
  const kept = i % 5 === 0 ? bytes.slice(0, 60) : bytes
  return { seconds: START + i, fraction: (i * 4_999) % 1e6, bytes: kept, length: bytes.length }
})

function writeNg(name: string): string {
  const file = folder.path(name)
  const writer = new PcapngWriter(file)
  writer.addInterface({ linkType: 1, snapLength: 262_144, name: 'eth0' })
  for (const [i, { seconds, fraction, bytes, length }] of PACKETS.entries())
    writer.write(0, seconds, fraction * 1000, bytes, {
      length,
      ...(i % 2 ? { comment: `rule ${i}: drop "ä"` } : {}),
    })
  writer.close()
  return file
}

function writeClassic(name: string): string {
  const file = folder.path(name)
  const writer = new PcapWriter(file, 1)
  for (const { seconds, fraction, bytes, length } of PACKETS)
    writer.write(seconds, fraction * 1000, bytes, length)
  writer.close()
  return file
}

const facts = ({ time, bytes, length }: ReadPacket) => ({ time, bytes, length })

/** The reader, tcpdump and capinfos must agree on a capture: on the number of packets, on each byte and on each time. */
async function agree(file: string, count = PACKETS.length): Promise<ReadPacket[]> {
  const { packets, end } = await readAll(file)
  expect(end).toBe('whole')
  expect(packets.length).toBe(count)
  expect(tcpdump('-r', file, '--count')).toContain(`${count} packet`)
  const info = capinfos(file)
  expect(info.packets).toBe(count)
  expect(info.bytes).toBe(packets.reduce((sum, { length }) => sum + length, 0))
  const copy = folder.path('copy.pcap')
  tcpdump('-r', file, '-w', copy, '--time-stamp-precision=nano')
  expect((await readAll(copy)).packets.map(facts)).toEqual(packets.map(facts))
  return packets
}

describe('tcpdump, capinfos and the reader agree on captures', () => {
  test.each<[string, () => string]>([
    ['of our writer, pcapng', () => writeNg('a.pcapng')],
    ['of our writer, pcap', () => writeClassic('a.pcap')],
    ...[true, false].flatMap((little): [string, () => string][] => {
      const order = little ? 'little' : 'big'
      const put = (name: string, bytes: Uint8Array) => folder.put(`${name}-${order}`, bytes)
      return [
        [`in microseconds, ${order} endian`, () => put('us', pcap(PACKETS, { little }))],
        [`in nanoseconds, ${order} endian`, () => put('ns', pcap(PACKETS, { little, magic: MAGIC.ns }))],
        [`patched, ${order} endian`, () => put('patched', pcap(PACKETS, { little, magic: MAGIC.patched }))],
        [
          `of version 2.2, ${order} endian`,
          () => put('old', pcap(PACKETS, { little, version: [2, 2], swapped: true })),
        ],
        [
          `of version 2.3, ${order} endian`,
          () => put('maybe', pcap(PACKETS, { little, version: [2, 3], swapped: true })),
        ],
        [
          `that do not keep to their snap length, ${order} endian`,
          () => put('snap', pcap(PACKETS, { little, snapLength: 50 })),
        ],
        [
          `of all packet blocks, ${order} endian`,
          () => {
            const b = blocks(little)
            const parts = PACKETS.map(({ seconds, fraction, bytes, length }, i) => {
              const time = BigInt(seconds) * 1_000_000n + BigInt(fraction)
              return b[i % 2 ? 'enhanced' : 'packet'](
                i % 3,
                time,
                bytes,
                i % 7 ? [] : [[2, b.n([4, 2])]],
                length,
              )
            })
            const ports = [
              b.interface(),
              b.interface(1, 0, [[9, Uint8Array.of(6)]]),
              b.interface(1, 0, [[14, b.n([8, -60n])]]),
            ]
            return put('blocks', concat(b.section(), b.names(), ...ports, ...parts, b.statistics(0)))
          },
        ],
        [
          `counting in units of all kinds, ${order} endian`,
          () => {
            const b = blocks(little)
            const units = [0, 3, 6, 7, 9, 12, 0x80 | 10, 0x80 | 20, 0x80 | 32]
            const count = (unit: number) => (unit < 0x80 ? 10n ** BigInt(unit) : 2n ** BigInt(unit & 0x7f))
            const parts = PACKETS.map(({ seconds, bytes }, i) => {
              const unit = count(units[i % units.length]!)
              const time = BigInt(seconds - START + 1000) * unit + ((BigInt(i) * 123_456_789n) % unit)
              return b.enhanced(i % units.length, time, bytes)
            })
            return put(
              'units',
              concat(
                b.section(),
                ...units.map((unit) => b.interface(1, 0, [[9, Uint8Array.of(unit)]])),
                ...parts,
              ),
            )
          },
        ],
      ]
    }),
  ])('%s', async (_, make) => {
    await agree(make())
  })

  test.each<[string, number, (packet: Uint8Array, version: 4 | 6) => Uint8Array]>([
    ['Ethernet', 1, (packet) => ethernet(packet)],
    ['VLAN', 1, (packet) => ethernet(packet, [0x8100])],
    ['QinQ', 1, (packet) => ethernet(packet, [0x88a8, 0x8100])],
    [
      'SLL',
      113,
      (packet, v) =>
        concat(numbers(false, [2, 0], [2, 1], [2, 6], [8, 0], [2, v === 4 ? 0x800 : 0x86dd]), packet),
    ],
    [
      'SLL2',
      276,
      (packet, v) =>
        concat(
          numbers(false, [2, v === 4 ? 0x800 : 0x86dd], [2, 0], [4, 2], [2, 1], [1, 4], [1, 6], [8, 0]),
          packet,
        ),
    ],
    ['raw', 101, (packet) => packet],
    ['raw, 12', 12, (packet) => packet],
    ['null', 0, (packet, v) => concat(Uint8Array.of(v === 4 ? 2 : 24, 0, 0, 0), packet)],
    ['loop', 108, (packet, v) => concat(Uint8Array.of(0, 0, 0, v === 4 ? 2 : 24), packet)],
    ['PPP', 9, (packet, v) => concat(Uint8Array.of(0, v === 4 ? 0x21 : 0x57), packet)],
    [
      'PPP in HDLC framing',
      9,
      (packet, v) => concat(Uint8Array.of(0xff, 3, 0, v === 4 ? 0x21 : 0x57), packet),
    ],
    [
      'PPP in HDLC framing, 50',
      50,
      (packet, v) => concat(Uint8Array.of(0xff, 3, 0, v === 4 ? 0x21 : 0x57), packet),
    ],
    [
      "Cisco's HDLC",
      50,
      (packet, v) => concat(Uint8Array.of(0x0f, 0, ...(v === 4 ? [8, 0] : [0x86, 0xdd])), packet),
    ],
  ])('of %s frames, and find the same IP packets', async (_, linkType, frame) => {
    const packets = [V4, V6, V4].map((packet, i) => ({
      seconds: START + i,
      fraction: i,
      bytes: frame(packet, packet === V4 ? 4 : 6),
    }))
    const file = folder.put('link.pcap', pcap(packets, { linkType }))
    await agree(file, 3)
    const lines = tcpdump('-q', '-r', file)
      .split('\n')
      .filter((line) => line.includes(' > '))
    const found = lines.map((line) => /(IP6?) \S+ > \S+:/.exec(line)![0])
    expect(found).toEqual([
      'IP 10.0.0.7.40000 > 10.0.0.50.5353:',
      'IP6 fd00::7.40000 > fd00::50.443:',
      'IP 10.0.0.7.40000 > 10.0.0.50.5353:',
    ])
    const capture = await openCapture(file)
    const ours: [number, number][] = []
    while (await capture.fill())
      while (capture.next()) ours.push([capture.packet.family, capture.packet.fields[Column.dport]!])
    capture.close()
    expect(ours).toEqual([
      [Family.ipv4, 5353],
      [Family.ipv6, 443],
      [Family.ipv4, 5353],
    ])
  })
})

describe("Wireshark's tools", () => {
  test('know our captures for what they are', () => {
    expect(capinfos(writeNg('own.pcapng'))).toMatchObject({ type: 'pcapng', link: 'ether' })
    expect(capinfos(writeClassic('own.pcap'))).toMatchObject({ type: 'nsecpcap', link: 'ether' })
    expect(run('capinfos', '-I', folder.path('own.pcapng'))).toMatch(
      /Name = eth0\n(.*\n)*.*Time precision = nanoseconds \(9\)/,
    )
  })

  test('several interfaces and link types in one capture', () => {
    const file = folder.path('mixed.pcapng')
    const writer = new PcapngWriter(file)
    const eth0 = writer.addInterface({ linkType: 1, snapLength: 262_144, name: 'eth0' })
    const tun0 = writer.addInterface({ linkType: 101, snapLength: 1500, name: 'tun0' })
    writer.write(eth0, START, 1, ethernet(V4), { direction: Direction.inbound })
    writer.write(tun0, START, 2, V6, { comment: 'dropped by input:3' })
    writer.close()
    expect(capinfos(file)).toMatchObject({ packets: 2, bytes: ethernet(V4).length + V6.length })
  })

  test.each([
    ['pcap', 1000n],
    ['nsecpcap', 1n],
    ['modpcap', 1000n],
    ['pcapng', 1n],
  ])('editcap makes %s of our capture, with the same packets', async (format, unit) => {
    const file = folder.path(`edited.${format}`)
    run('editcap', '-F', format, writeNg('before.pcapng'), file)
    const packets = await agree(file)
    const times = PACKETS.map(
      ({ seconds, fraction }) => BigInt(seconds) * NANOSECONDS + BigInt(fraction) * 1000n,
    )
    expect(packets.map(({ time }) => time)).toEqual(times.map((time) => time - (time % unit)))
    const before = (await readAll(folder.path('before.pcapng'))).packets
    expect(packets.map(({ bytes, length }) => [bytes, length])).toEqual(
      before.map(({ bytes, length }) => [bytes, length]),
    )
    if (format === 'pcapng')
      expect(packets.map(({ comment }) => comment)).toEqual(before.map(({ comment }) => comment))
  })

  test('editcap comments a packet and cuts it', async () => {
    const file = folder.path('comment.pcapng')
    run('editcap', '-a', '3:seen by a person', '-s', '40', writeClassic('plain.pcap'), file)
    const packets = await agree(file)
    expect(packets[2]!.comment).toBe('seen by a person')
    expect(packets.every(({ bytes }) => bytes.length === 80)).toBe(true)
  })

  test('text2pcap makes a capture with directions and a name', async () => {
    const dump = ['I', 'O', 'I'].map(
      (way) => `${way} 0000 ${Buffer.from(V4).toString('hex').replace(/../g, '$& ')}\n`,
    )
    // The way stands before the packet, on a line of its own.
    const text = folder.put('dump.txt', Buffer.from(dump.map((line) => line.replace(' ', '\n')).join('\n')))
    const file = folder.path('text.pcapng')
    run('text2pcap', '-q', '-D', '-l', '101', '-N', 'wan0', text, file)
    const packets = await agree(file, 3)
    expect(packets.map(({ direction, name, linkType }) => [direction, name, linkType])).toEqual([
      [Direction.inbound, 'wan0', 101],
      [Direction.outbound, 'wan0', 101],
      [Direction.inbound, 'wan0', 101],
    ])
    expect(packets[0]!.bytes).toBe(Buffer.from(V4).toString('hex'))
  })

  test('randpkt makes packets that are anything at all', async () => {
    const file = folder.path('random.pcapng')
    for (const kind of ['eth', 'ip', 'ipv6', 'tcp', 'llc']) {
      run('randpkt', '-b', '400', '-c', '200', '-t', kind, file)
      await agree(file, 200)
    }
  })

  test('mergecap puts packets into the same order', async () => {
    const files = [0, 1, 2].map((number) => {
      const packets = PACKETS.filter((_, i) => (i * 7) % 3 === number)
      return folder.put(
        `part-${number}.pcap`,
        pcap(packets, number === 1 ? { magic: MAGIC.ns } : { little: false }),
      )
    })
    const file = folder.path('merged.pcapng')
    run('mergecap', '-w', file, ...files)
    const expected = (await readAll(file)).packets.map(facts)
    const merge = await openCaptures(files)
    const packets: ReadPacket[] = []
    while (await merge.fill()) while (merge.next()) packets.push(packetOf(merge.capture))
    merge.close()
    expect(packets.map(facts)).toEqual(expected)
    expect(packets.length).toBe(PACKETS.length)
  })
})

describe('pcap-parser, a second opinion on classic captures', () => {
  // It is no reader for us: its time is quadratic in the lengths that a hostile record claims (4 GiB of one packet in a
  // file of 80 MB: 47 s), it knows neither nanoseconds nor pcapng, tells of no cut, and is 15 times slower than ours.
  async function parsed(file: string) {
    const { parse } = await import('pcap-parser')
    const packets: unknown[] = []
    await new Promise<void>((resolve, reject) => {
      parse(file)
        .on('packet', ({ header, data }) => {
          const time =
            BigInt(header.timestampSeconds) * NANOSECONDS + BigInt(header.timestampMicroseconds) * 1000n
          packets.push({ time, bytes: data.toString('hex'), length: header.originalLength })
        })
        .on('end', resolve)
        .on('error', reject)
    })
    return packets
  }

  test.each([true, false])('little endian: %s', async (little) => {
    const file = folder.put('opinion.pcap', pcap(PACKETS, { little }))
    expect(await parsed(file)).toEqual((await readAll(file)).packets.map(facts))
  })
})
