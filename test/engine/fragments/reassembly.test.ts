import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  Fragments,
  Reassembly,
  type ReassemblyOptions,
} from '../../../src/engine/state/fragments/reassembly.js'
import { Packet } from '../../../src/packet/packet.js'
import { packet as build, Protocol, rawPacket, udp, type WireSpec } from '../../support/conversations/wire.js'

const V4 = { source: '10.0.0.2', destination: '10.0.0.1', protocol: Protocol.udp }
const V6 = { source: 'fd00::2', destination: 'fd00::1', protocol: Protocol.udp }
const NAMES = Object.keys(Fragments)

class Reader {
  readonly reassembly: Reassembly
  readonly packet = new Packet()
  #seconds = 0

  constructor(options: Partial<ReassemblyOptions> = {}) {
    this.reassembly = new Reassembly({ seeds: [1, 2], ...options })
    this.packet.hook = 0
  }

  wait(seconds: number): void {
    this.#seconds += seconds
  }

  push(bytes: Uint8Array, captured = bytes.length): string {
    const { packet } = this
    packet.attach(bytes)
    packet.parse(0, captured)
    packet.time[0] = this.#seconds * 1e9
    return NAMES[this.reassembly.push(packet)]!
  }

  get datagram(): Uint8Array {
    const { buffer, offset, length } = this.reassembly
    return buffer.slice(offset, offset + length)
  }
}

/** A datagram of a data length, whole, and a function that makes fragments of it: of bytes `start` up to `end`. */
function datagram(spec: Omit<WireSpec, 'payload'>, length: number) {
  const payload = udp(1000, 2000, length - 8)
  for (let i = 8; i < payload.length; i++) payload[i] = i
  const whole = build({ id: 7, ...spec, payload })
  const header = whole.length - length
  const data = whole.subarray(header)
  const piece = (start: number, end: number, more = end < length, extra: Partial<WireSpec> = {}) =>
    rawPacket({
      id: 7,
      ...spec,
      payload: data.subarray(start, end),
      fragmentOffset: start,
      moreFragments: more,
      ...extra,
    })
  return { whole, piece }
}

describe.each([
  ['IPv4', V4],
  ['IPv6', V6],
])('datagrams of %s', (name, spec) => {
  const { whole, piece } = datagram(spec, 100)

  test('in order, backwards, and from the middle', () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [1, 0, 2],
    ]) {
      const reader = new Reader()
      const pieces = [piece(0, 40), piece(40, 80), piece(80, 100)]
      expect(order.map((i) => reader.push(pieces[i]!))).toEqual(['held', 'held', 'complete'])
      expect(reader.datagram).toEqual(whole)
      expect([reader.reassembly.waiting, reader.reassembly.completed]).toEqual([0, 1])
    }
  })

  test('whole packets are left alone', () => {
    expect(new Reader().push(whole)).toBe('whole')
  })

  test('what came already is left out, even if it came in pieces', () => {
    const reader = new Reader()
    expect([reader.push(piece(0, 16)), reader.push(piece(16, 32)), reader.push(piece(8, 24))]).toEqual([
      'held',
      'held',
      'discarded',
    ])
    expect([reader.push(piece(32, 100)), reader.datagram]).toEqual(['complete', whole])
  })

  test('any overlap spoils all of it', () => {
    const reader = new Reader()
    reader.push(piece(0, 16))
    reader.push(piece(32, 48))
    expect([reader.push(piece(8, 40)), reader.reassembly.waiting]).toEqual(['discarded', 0])
    // So does one with two pieces that fit, but did not come in their order.
    reader.push(piece(16, 32))
    reader.push(piece(0, 16))
    expect([reader.push(piece(8, 24)), reader.reassembly.waiting]).toEqual(['discarded', 0])
    reader.push(piece(0, 16))
    expect([reader.push(piece(8, 100)), reader.reassembly.waiting]).toEqual(['discarded', 0])
  })

  test('other datagrams are other datagrams', () => {
    const reader = new Reader()
    reader.push(piece(0, 48))
    expect(reader.push(piece(48, 100, false, { id: 8 }))).toBe('held')
    expect(reader.push(piece(48, 100, false, { source: spec.destination }))).toBe('held')
    reader.packet.hook = 3
    expect(reader.push(piece(48, 100))).toBe('held')
    reader.packet.hook = 0
    expect(reader.push(piece(48, 100))).toBe('complete')
    expect(reader.datagram).toEqual(whole)
  })

  const seconds = name === 'IPv4' ? 30 : 60
  test(`${seconds} seconds after its first fragment it is forgotten`, () => {
    const reader = new Reader()
    reader.push(piece(0, 48))
    reader.wait(seconds - 0.004)
    expect([reader.push(piece(48, 64)), reader.reassembly.waiting]).toEqual(['held', 1])
    reader.wait(0.004)
    expect([reader.push(piece(64, 100)), reader.reassembly.waiting]).toEqual(['held', 1])
    reader.push(piece(0, 48))
    expect(reader.push(piece(48, 64))).toBe('complete')
  })

  test('memory is bounded: past the threshold all fragments are discarded until time is over', () => {
    const reader = new Reader({ highThreshold: 8192 })
    const answers = Array.from({ length: 1000 }, (_, id) => reader.push(piece(0, 48, true, { id: id + 1 })))
    const held = answers.lastIndexOf('held') + 1
    expect(held).toBeGreaterThan(5)
    expect(held).toBeLessThan(20)
    expect(answers.slice(held)).toEqual(Array(1000 - held).fill('discarded'))
    expect(reader.push(piece(48, 100, false, { id: 1 }))).toBe('discarded')
    reader.wait(61)
    expect([reader.push(piece(0, 48)), reader.push(piece(48, 100)), reader.reassembly.waiting]).toEqual([
      'held',
      'complete',
      0,
    ])
  })

  test('the congestion mark of one is the datagram’s, unless they contradict each other', () => {
    const ecn = (...values: number[]) => {
      const reader = new Reader()
      const said = values.map((tos, i) => reader.push(piece(i * 48, i === 1 ? 100 : 48, i < 1, { tos })))
      const { datagram } = reader
      const field = name === 'IPv4' ? datagram[1]! : (datagram[1]! >> 4) | ((datagram[0]! & 15) << 4)
      return said[1] === 'complete' ? field : said[1]
    }
    expect([ecn(0, 0), ecn(1, 2), ecn(2, 3), ecn(1, 3), ecn(3, 3)]).toEqual([0, 1, 3, 3, 3])
    expect([ecn(0, 3), ecn(0, 1), ecn(2, 0)]).toEqual(['discarded', 'discarded', 'discarded'])
  })

  test('what a capture has cut is as long as it was, and as much of it is there as can be', () => {
    const reader = new Reader()
    const header = whole.length - 100
    const first = piece(0, 48)
    reader.push(first)
    const second = piece(48, 100)
    expect(reader.push(second, second.length - 30)).toBe('complete')
    expect(reader.reassembly.length).toBe(header + 70)
    expect(reader.datagram).toEqual(whole.subarray(0, header + 70))
  })
})

describe('fragments of IPv4', () => {
  const { whole, piece } = datagram(V4, 100)

  test('a bit beyond, or another, end spoils all of it', () => {
    const reader = new Reader()
    reader.push(piece(80, 100))
    expect([reader.push(piece(64, 72, false)), reader.reassembly.waiting]).toEqual(['discarded', 0])
    reader.push(piece(64, 80, false))
    expect([reader.push(piece(80, 96, true)), reader.reassembly.waiting]).toEqual(['discarded', 0])
  })

  test('of no length spoil all of it', () => {
    const reader = new Reader()
    reader.push(piece(0, 48))
    expect([reader.push(piece(48, 48, true)), reader.reassembly.waiting]).toEqual(['discarded', 0])
  })

  test('in the middle end at a multiple of eight', () => {
    const reader = new Reader()
    expect([reader.push(piece(0, 53)), reader.push(piece(48, 100)), reader.datagram]).toEqual([
      'held',
      'complete',
      whole,
    ])
  })

  test('of another protocol belong to another datagram', () => {
    const reader = new Reader()
    reader.push(piece(0, 48))
    expect(reader.push(piece(48, 100, false, { protocol: 6 }))).toBe('held')
  })

  test('come in a header like the first one’s, options and all', () => {
    const reader = new Reader()
    const { whole, piece } = datagram({ ...V4, options: 8 }, 100)
    reader.push(piece(48, 100, false, { options: 0, ttl: 9 }))
    expect([reader.push(piece(0, 48)), reader.datagram]).toEqual(['complete', whole])
  })

  test('may not be fragmented again if the longest may not', () => {
    const unbreakable = (...which: boolean[]) => {
      const reader = new Reader()
      which.forEach((set, i) => {
        const bytes = piece(i * 64, i === 1 ? 100 : 64)
        if (set) bytes[6]! |= 0x40
        reader.push(bytes)
      })
      return reader.datagram[6]
    }
    expect([unbreakable(false, false), unbreakable(true, false), unbreakable(false, true)]).toEqual([
      0, 0x40, 0,
    ])
  })

  test('too many others of the source in between: it begins again', () => {
    const others = (count: number) => {
      const reader = new Reader()
      reader.push(piece(0, 48))
      for (let id = 100; id < 100 + count; id++) reader.push(piece(0, 48, true, { id }))
      return reader.push(piece(48, 100))
    }
    expect([others(63), others(64)]).toEqual(['complete', 'held'])
  })

  test('longer than a packet may be are discarded', () => {
    const reader = new Reader()
    const huge = (start: number, end: number, more: boolean) =>
      rawPacket({
        ...V4,
        id: 1,
        payload: new Uint8Array(end - start),
        fragmentOffset: start,
        moreFragments: more,
      })
    expect(reader.push(huge(0, 32768, true))).toBe('held')
    expect([reader.push(huge(32768, 65528, false)), reader.reassembly.waiting]).toEqual(['discarded', 0])
  })
})

describe('fragments of IPv6', () => {
  const { whole, piece } = datagram(V6, 100)

  test('alone: the header goes', () => {
    const reader = new Reader()
    expect([reader.push(piece(0, 100)), reader.datagram]).toEqual(['complete', whole])
  })

  test('behind other extension headers', () => {
    const reader = new Reader()
    const { whole, piece } = datagram({ ...V6, extensions: [0, 60] }, 100)
    expect([reader.push(piece(48, 100)), reader.push(piece(0, 48)), reader.datagram]).toEqual([
      'held',
      'complete',
      whole,
    ])
  })

  test('first ones that end within the header of their protocol go on as they are', () => {
    const reader = new Reader()
    expect([reader.push(piece(0, 4)), reader.push(piece(0, 4, false)), reader.reassembly.waiting]).toEqual([
      'whole',
      'whole',
      0,
    ])
    expect(reader.push(piece(0, 8))).toBe('held')
  })

  test('in the middle that do not end at a multiple of eight go on as they are, and spoil the rest', () => {
    const reader = new Reader()
    reader.push(piece(0, 48))
    expect([reader.push(piece(48, 60)), reader.reassembly.waiting]).toEqual(['whole', 0])
  })

  test('with another end, or of no length, are discarded, and the rest waits', () => {
    const reader = new Reader()
    reader.push(piece(80, 100))
    expect([reader.push(piece(64, 72, false)), reader.push(piece(48, 48, true))]).toEqual([
      'discarded',
      'discarded',
    ])
    expect([reader.push(piece(0, 80)), reader.datagram]).toEqual(['complete', whole])
  })

  test('to neighbours are each interface’s own', () => {
    const local = datagram({ ...V6, destination: 'fe80::1' }, 100)
    const reader = new Reader()
    reader.packet.iif = 1
    reader.push(local.piece(0, 48))
    reader.packet.iif = 2
    expect(reader.push(local.piece(48, 100))).toBe('held')
    reader.packet.iif = 1
    expect(reader.push(local.piece(48, 100))).toBe('complete')
  })
})

test('cut anywhere and shuffled, a datagram is what it was', () => {
  const property = fc.property(
    fc.constantFrom(V4, V6),
    fc.integer({ min: 16, max: 3000 }),
    fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 40 }),
    fc.integer(),
    (spec, length, cuts, seed) => {
      const { whole, piece } = datagram(spec, length)
      const places = [...new Set(cuts.map((cut) => cut * 8))]
        .filter((cut) => cut < length)
        .sort((a, b) => a - b)
      const bounds = [0, ...places, length]
      const pieces = bounds.slice(1).map((end, i) => piece(bounds[i]!, end))
      if (pieces.length === 1) return
      const shuffled = pieces.map((bytes, i) => [Math.imul(seed + i, 0x9e3779b1), bytes] as const)
      shuffled.sort(([a], [b]) => a - b)
      const reader = new Reader()
      const said = shuffled.map(([, bytes]) => reader.push(bytes))
      expect(said).toEqual([...Array(pieces.length - 1).fill('held'), 'complete'])
      expect(reader.datagram).toEqual(whole)
    },
  )
  fc.assert(property, { numRuns: 300, seed: 8 })
})
