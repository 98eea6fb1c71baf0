import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { CaptureError } from '../../src/capture/error.js'
import { openCaptures } from '../../src/capture/merge.js'
import { PcapngWriter, PcapWriter } from '../../src/capture/write.js'
import { blocks, concat, numbers, pcap, text } from './support/build.js'
import { captureFolder, pieces, readAll } from './support/read.js'

const folder = captureFolder()
const FRAME = new Uint8Array(60)
const b = blocks(true)
const packets = Array.from({ length: 3 }, (_, i) => ({ seconds: i, fraction: 0, bytes: FRAME }))

const message = async (bytes: Uint8Array) => (await readAll(pieces(bytes))).error?.message.split('\n')

describe('an error says what is wrong, where, how much was good, and what to do', () => {
  test('a captured length out of bounds', async () => {
    const bytes = pcap([...packets, { seconds: 9, fraction: 0, bytes: FRAME }])
    bytes.set(numbers(true, [4, 0xfffffff0]), 24 + 3 * 76 + 8)
    expect(await message(bytes)).toEqual([
      'the stream: byte 252: packet 4 says that 4,294,967,280 bytes of it were captured',
      '   the 3 packets before it are good',
      '   262,144 are the most there can be: the capture is damaged here',
    ])
  })

  test('a block length out of bounds', async () => {
    const bytes = concat(b.section(), b.interface(), b.simple(FRAME), b.n([4, 6], [4, 0x7ffffffc], [4, 0]))
    expect(await message(bytes)).toEqual([
      'the stream: byte 124: a block says that it is 2,147,483,644 bytes long',
      '   the packet before it is good',
      '   it must be a multiple of 4, at least 12 and at most 16,777,216: the capture is damaged here',
    ])
  })

  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /it is empty$/],
    ['a text', text('Received: from'), /it is no capture\n {3}captures are known as pcap and pcapng/],
    ['one byte', text('x'), /it is no capture/],
    ['half a header', pcap([]).slice(0, 20), /byte 20: it ends within its header/],
    ['a version to come', pcap([], { version: [2, 5] }), /version 2\.5 of classic captures is not known/],
    ['a section to come', b.section([2, 0]), /version 2\.0 of pcapng is not known/],
    ['a section without a byte order', concat(b.section().fill(7, 8, 12)), /without saying its byte order/],
    ['a section header too short', b.block(0x0a0d0d0a, b.n([4, 0x1a2b3c4d])), /section header is too short/],
    [
      'an interface too short',
      concat(b.section(), b.block(1, b.n([4, 1]))),
      /interface description is too short/,
    ],
    [
      'a packet too short',
      concat(b.section(), b.interface(), b.block(6, b.n([4, 0]))),
      /packet is too short/,
    ],
    ['a simple packet too short', concat(b.section(), b.interface(), b.block(3)), /packet is too short/],
    [
      'a packet without an interface',
      concat(b.section(), b.enhanced(0, 1n, FRAME)),
      /packet 1 is of interface 0/,
    ],
    [
      'an interface of the section before',
      concat(b.section(), b.interface(), b.section(), b.simple(FRAME)),
      /packet 1 is of interface 0, which nothing before it describes/,
    ],
    [
      'another length behind a block',
      concat(b.section(), b.interface().fill(9, 16)),
      /a block of 20 bytes tells another length at its end/,
    ],
    [
      'a packet longer than its block',
      concat(b.section(), b.interface(), b.block(6, b.n([4, 0], [8, 0], [4, 61], [4, 61]), FRAME)),
      /61 bytes of it were captured\n.*\n {3}60 are the most there can be in its block/,
    ],
    [
      'a packet longer than its snap length',
      concat(b.section(), b.interface(1, 40), b.enhanced(0, 1n, FRAME)),
      /60 bytes of it were captured\n.*\n {3}40 are the most/,
    ],
    [
      'units of time too small',
      concat(b.section(), b.interface(1, 0, [[9, Uint8Array.of(20)]])),
      /units of 10\^-20 seconds/,
    ],
    [
      'units of time too small, in twos',
      concat(b.section(), b.interface(1, 0, [[9, Uint8Array.of(0xff)]])),
      /units of 2\^-127 seconds/,
    ],
    [
      'an option of another length than it has',
      concat(b.section(), b.interface(1, 0, [[9, new Uint8Array(2)]])),
      /option 9 of an interface is 2 bytes long, not 1/,
    ],
    ['damaged gzip data', gzipSync(pcap(packets)).fill(0xff, 20, 40), /its gzip data are damaged: /],
    ['gzip within gzip', gzipSync(gzipSync(pcap(packets))), /it is no capture/],
  ])('%s', async (_, bytes, expected) => {
    const { error, end } = await readAll(pieces(bytes))
    expect(end).toBe('wrong')
    expect(error!.message).toMatch(expected)
  })

  test('as many interfaces as fill the memory', async () => {
    const port = b.interface(1, 0, [[2, text('eth0')]])
    const bytes = concat(b.section(), ...Array.from({ length: 16_385 }, () => port))
    expect((await readAll(pieces(bytes))).error!.message).toMatch('there are more than 16,384 interfaces')
  })

  test('the name of an interface is cut', async () => {
    const port = b.interface(1, 0, [[2, text('x'.repeat(60_000))]])
    const { packets } = await readAll(pieces(concat(b.section(), port, b.simple(FRAME))))
    expect(packets[0]!.name).toBe('x'.repeat(256))
  })
})

describe('a capture that was cut', () => {
  test.each([
    ['in a packet', pcap(packets).slice(0, -1), 2],
    ['in a record', pcap(packets).slice(0, 24 + 76 + 10), 1],
    ['in a block', concat(b.section(), b.interface(), b.simple(FRAME), b.simple(FRAME)).slice(0, -1), 1],
    ['in what is passed over', concat(b.section(), b.block(9, new Uint8Array(1e6))).slice(0, -1), 0],
    ['before its end, packed', gzipSync(pcap(packets)).slice(0, -8), 3],
  ])('%s: says so, and how many packets were good', async (_, bytes, good) => {
    const { packets, end, error } = await readAll(pieces(bytes))
    expect(end).toBe('cut')
    expect(packets.length).toBe(good)
    expect(error!.packets).toBe(good)
    expect(error!.message).toMatch(
      /: the capture is cut: it(s gzip data end early| ends in the middle of a record)\n/,
    )
  })
})

describe('files', () => {
  test.each([
    ['that is not there', '/nowhere/a.pcap', '/nowhere/a.pcap: there is no such file'],
    ['that is a folder', '/', '/: it is a folder'],
  ])('one %s', async (_, file, expected) => {
    expect((await readAll(file)).error?.message).toBe(expected)
  })

  test('that cannot be written', () => {
    expect(() => new PcapWriter('/nowhere/a.pcap', 1)).toThrow(
      new CaptureError('/nowhere/a.pcap', 'there is no such file'),
    )
    const full = new PcapngWriter('/dev/full')
    full.addInterface({ linkType: 1, snapLength: 0xffff })
    expect(() => full.close()).toThrow('/dev/full: the disk is full')
  })

  test('a folder without captures, and one that is not there', async () => {
    mkdirSync(folder.path('empty'))
    await expect(openCaptures([folder.path('empty')])).rejects.toThrow('there is no capture in this folder')
    await expect(openCaptures(['/nowhere'])).rejects.toThrow('/nowhere: there is no such file')
  })

  test('a stream that fails', async () => {
    async function* failing() {
      yield pcap(packets)
      throw new Error('the line is dead')
    }
    const { packets: read, error } = await readAll(failing())
    expect(read.length).toBe(3)
    expect(error!.message).toMatch(
      /^the stream: byte 252: the line is dead\n {3}the 3 packets before it are good/,
    )
  })
})

describe('standard input', () => {
  const code = `import { openCapture } from './dist/src/capture/open.js'
    const capture = await openCapture('-')
    while (await capture.fill()) while (capture.next());
    console.log(capture.number, capture.truncated?.message ?? 'whole')
    capture.close()`

  test.each<[string, Uint8Array, string]>([
    ['a capture', pcap(packets), '3 whole\n'],
    ['a packed one', gzipSync(pcap(packets)), '3 whole\n'],
    ['one that was cut', pcap(packets).slice(0, -1), '2 standard input: byte 176: the capture is cut: '],
  ])('%s comes through a pipe', async (_, bytes, expected) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', code])
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    child.stdin.end(bytes)
    await new Promise((resolve) => child.once('close', resolve))
    expect(output.startsWith(expected)).toBe(true)
  })
})

test('the writers refuse what nobody could read', () => {
  const wide = new PcapngWriter(folder.path('refused.pcapng'))
  const port = wide.addInterface({ linkType: 1, snapLength: 100 })
  expect(() => wide.write(port, 1, 0, new Uint8Array(101))).toThrow('101 bytes of a packet, and 100 at most')
  expect(() => wide.write(port + 1, 1, 0, FRAME)).toThrow('60 bytes of a packet, and 0 at most')
  expect(() => wide.write(port, -1, 0, FRAME)).toThrow('-1 seconds from 1970')
  expect(() => wide.write(port, 18_446_744_073, 0, FRAME)).toThrow('cannot be written in this format')
  expect(() => wide.addInterface({ linkType: 65_536, snapLength: 100 })).toThrow(
    'link type 65536 does not fit',
  )
  wide.close()
  const classic = new PcapWriter(folder.path('refused.pcap'), 1)
  expect(() => classic.write(1, 0, new Uint8Array(262_145))).toThrow('262,145 bytes of a packet, and 262,144')
  expect(() => classic.write(2 ** 32, 0, FRAME)).toThrow('cannot be written in this format')
  classic.close()
})
