import { gzipSync } from 'node:zlib'
import { blocks, concat, MAGIC, numbers, pcap, text } from './build.js'

const FRAME = new Uint8Array(60).fill(1)
const packets = Array.from({ length: 3 }, (_, seconds) => ({ seconds, fraction: 0, bytes: FRAME }))
const ORDERS = [true, false]

/** Captures that are damaged, cut, or made to do harm: each has something wrong with it. */
export function hostileCaptures(): [name: string, bytes: Uint8Array][] {
  return [...classic(), ...ofBlocks(), ...heavyCaptures()]
}

/** Those of them that make work. */
export function heavyCaptures(): [name: string, bytes: Uint8Array][] {
  return [...packed(), ...large()]
}

function classic(): [string, Uint8Array][] {
  const lengths = [262_145, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff]
  return [
    ['nothing', new Uint8Array(0)],
    ['zeros', new Uint8Array(100_000)],
    ['ones', new Uint8Array(100_000).fill(0xff)],
    ['text', text('a,b,c\n'.repeat(10_000))],
    ...[1, 3, 4, 12, 23].map((length): [string, Uint8Array] => [
      `a header of ${length} bytes`,
      pcap([]).slice(0, length),
    ]),
    ...[25, 39, 40, 99].map((length): [string, Uint8Array] => [
      `a capture of ${length} bytes`,
      pcap(packets).slice(0, length),
    ]),
    ...ORDERS.flatMap((little) =>
      Object.entries(MAGIC).flatMap(([name, magic]) =>
        lengths.map((length): [string, Uint8Array] => {
          const bytes = pcap(packets, { little, magic })
          const record = magic === MAGIC.patched ? 84 : 76
          bytes.set(numbers(little, [4, length]), 24 + record + 8)
          return [`${name}, ${little ? 'little' : 'big'} endian: captured ${length} bytes`, bytes]
        }),
      ),
    ),
    ...[
      [0, 0],
      [1, 9],
      [2, 5],
      [3, 0],
      [543, 1],
      [0xffff, 0xffff],
    ].map(([major, minor]): [string, Uint8Array] => [
      `version ${major}.${minor}`,
      pcap(packets, { version: [major!, minor!] }),
    ]),
    [
      'lengths the other way round',
      pcap([{ seconds: 0, fraction: 0, bytes: FRAME, length: 0xffffffff }], {
        version: [2, 3],
        swapped: true,
      }).slice(0, -1),
    ],
    [
      'a length of 4 GiB in 2.2',
      pcap([{ seconds: 0, fraction: 0, bytes: FRAME, length: 0xffffffff }], { version: [2, 2] }),
    ],
  ]
}

function ofBlocks(): [string, Uint8Array][] {
  return ORDERS.flatMap((little) => {
    const b = blocks(little)
    const start = concat(b.section(), b.interface())
    const claim = (length: number, type = 6) =>
      concat(start, b.n([4, type], [4, length]), new Uint8Array(200))
    const port = (code: number, value: Uint8Array) => concat(b.section(), b.interface(1, 0, [[code, value]]))
    const packet = (captured: number, length: number, room = 60) =>
      concat(start, b.block(6, b.n([4, 0], [8, 0], [4, captured], [4, length]), new Uint8Array(room)))
    const cases: [string, Uint8Array][] = [
      ...[0, 4, 8, 11, 13, 14, 0x1000004, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffc].map(
        (length): [string, Uint8Array] => [`a block of ${length} bytes`, claim(length)],
      ),
      ['a block of 16 MiB that is not there', claim(0x1000000)],
      ['an unknown block of 16 MiB that is not there', claim(0x1000000, 0x99)],
      ['a section within nothing', b.section().slice(0, 11)],
      ['a section of no length', concat(b.n([4, 0x0a0d0d0a], [4, 0], [4, 0x1a2b3c4d]), new Uint8Array(40))],
      ['a section that begins again in another order', concat(start, b.section().fill(0, 8, 12))],
      ['no interface', concat(b.section(), b.enhanced(0, 0n, FRAME))],
      ['no interface for a simple packet', concat(b.section(), b.simple(FRAME))],
      ['interface 4,294,967,295', concat(start, b.enhanced(0xffffffff, 0n, FRAME))],
      ['interface 65,535', concat(start, b.packet(0xffff, 0n, FRAME))],
      ['captured 4,294,967,295 bytes', packet(0xffffffff, 60)],
      ['captured more than there is', packet(64, 64)],
      ['captured more than is allowed', packet(262_145, 262_145, 262_148)],
      ['a simple packet of 4 GiB', concat(start, b.block(3, b.n([4, 0xffffffff]), FRAME))],
      ['a resolution of 10^-127', port(9, Uint8Array.of(127))],
      ['a resolution of 2^-127', port(9, Uint8Array.of(255))],
      ['a resolution of no length', port(9, new Uint8Array(0))],
      ['an offset of three bytes', port(14, new Uint8Array(3))],
      [
        'the ends of time',
        concat(
          b.section(),
          b.interface(1, 0, [
            [9, Uint8Array.of(0)],
            [14, b.n([8, 2n ** 63n - 1n])],
          ]),
          b.enhanced(0, 2n ** 64n - 1n, FRAME),
          b.n([4, 6]),
        ),
      ],
      [
        'the beginning of time',
        concat(
          b.section(),
          b.interface(1, 0, [[14, b.n([8, -(2n ** 63n)])]]),
          b.enhanced(0, 0n, FRAME),
          b.enhanced(0, 2n ** 64n - 1n, FRAME).slice(0, -1),
        ),
      ],
      [
        'options that go on behind the block',
        concat(start, b.block(6, b.n([4, 0], [8, 0], [4, 0], [4, 0], [2, 2], [2, 0xffff])), b.n([4, 1])),
      ],
      ['a trailer that differs', concat(start, b.simple(FRAME).fill(0, 72))],
    ]
    return cases.map(([name, bytes]): [string, Uint8Array] => [
      `${name}, ${little ? 'little' : 'big'} endian`,
      bytes,
    ])
  })
}

function packed(): [string, Uint8Array][] {
  const b = blocks(true)
  const good = gzipSync(pcap(packets))
  const passedOver = b.block(0x99, new Uint8Array(8_000_000))
  return [
    ['gzip without anything', Uint8Array.of(0x1f, 0x8b)],
    ['gzip of an unknown method', concat(Uint8Array.of(0x1f, 0x8b, 9), new Uint8Array(50))],
    ['gzip of nothing', gzipSync(new Uint8Array(0))],
    ['gzip that was cut', good.subarray(0, good.length >> 1)],
    ['gzip with a wrong checksum', concat(good.subarray(0, -8), new Uint8Array(8))],
    ['gzip with something behind it', concat(good, text('and more'))],
    ['gzip within gzip', gzipSync(good)],
    ['a little gzip that becomes 40 MB of nothing', gzipSync(new Uint8Array(40_000_000))],
    [
      'a little gzip that becomes 40 MB of blocks to pass over',
      gzipSync(concat(b.section(), ...Array.from({ length: 5 }, () => passedOver), b.n([4, 6]))),
    ],
  ]
}

function large(): [string, Uint8Array][] {
  const b = blocks(true)
  const many = (count: number, part: Uint8Array) => Uint8Array.from(Buffer.alloc(count * part.length, part))
  const named = b.interface(1, 0, [[2, new Uint8Array(60_000).fill(0x78)]])
  const comments = Array.from({ length: 200 }, () => [1, new Uint8Array(65_532)] as const)
  return [
    ['packets without bytes', concat(pcap([]), new Uint8Array(8_000_001))],
    ['blocks without anything', concat(b.section(), many(500_000, b.block(0x99)), b.n([4, 6]))],
    ['sections without anything', concat(many(200_000, b.section()), b.n([4, 6]))],
    ['interfaces without end', concat(b.section(), many(100_000, b.interface()))],
    ['interfaces of long names', concat(b.section(), many(300, named), b.n([4, 6]))],
    [
      'a packet with 13 MB of comments, cut',
      concat(b.section(), b.interface(), b.enhanced(0, 0n, FRAME, comments).slice(0, -1)),
    ],
  ]
}
