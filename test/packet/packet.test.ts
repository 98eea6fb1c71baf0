import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { COLUMN_WORDS, Column, type ColumnName, Packet } from '../../src/packet/packet.js'
import { bytes } from '../support/arbitrary.js'
import { buildPacket, segment } from '../support/packets.js'

function parse(packet: Uint8Array): Packet {
  const view = new Packet()
  view.attach(packet)
  view.parse(0, packet.length)
  return view
}

/** The columns that a packet has, but for the metadata, which it always has. */
function fields(packet: Packet): Partial<Record<ColumnName, number>> {
  const meta: ColumnName[] = ['ctState', 'iifname', 'oifname', 'mark']
  const present = (Object.keys(Column) as ColumnName[]).filter(
    (name) => (packet.present & (1 << Column[name])) !== 0 && !meta.includes(name),
  )
  return Object.fromEntries(present.map((name) => [name, packet.fields[Column[name]]! >>> 0]))
}

const tcpHeader = (length: number) =>
  Uint8Array.of(0x9c, 0x40, 0x2c, 0xaa, ...Array<number>(36).fill(0)).slice(0, length)

describe('IPv4', () => {
  test('a TCP segment has addresses, protocol and ports', () => {
    const packet = parse(segment('tcp', '10.0.0.7', '10.0.0.50', 11434))
    expect(fields(packet)).toEqual({
      nfproto: 2,
      l4proto: 6,
      sport: 40000,
      dport: 11434,
      type: 0x9c,
      code: 0x40,
      saddr4: 0x0a000007,
      daddr4: 0x0a000032,
      tcpFlags: 2,
    })
    expect(packet.length).toBe(40)
  })

  test('options move the transport header', () => {
    const spec = {
      source: '10.0.0.7',
      destination: '10.0.0.50',
      protocol: 6,
      payload: tcpHeader(20),
      options: 40,
    }
    expect(fields(parse(buildPacket(spec)))).toMatchObject({ sport: 40000, dport: 11434 })
  })

  test('of a fragment that is not the first, ports are read from its data, as nft does', () => {
    const spec = {
      source: '10.0.0.7',
      destination: '10.0.0.50',
      protocol: 6,
      payload: tcpHeader(20),
      fragmentOffset: 8,
    }
    const packet = parse(buildPacket(spec))
    expect(packet).toMatchObject({ transport: 20, fragmentOffset: 8, moreFragments: false })
    expect(fields(packet)).toMatchObject({ l4proto: 6, sport: 40000, dport: 11434 })
  })

  test('the first fragment has one', () => {
    const spec = {
      source: '10.0.0.7',
      destination: '10.0.0.50',
      protocol: 6,
      payload: tcpHeader(20),
      moreFragments: true,
    }
    const packet = parse(buildPacket(spec))
    expect(packet).toMatchObject({ fragmentOffset: 0, moreFragments: true })
    expect(fields(packet)).toMatchObject({ dport: 11434 })
  })

  test.each([
    [0, []],
    [1, ['type']],
    [2, ['type', 'code', 'sport']],
    [3, ['type', 'code', 'sport']],
    [4, ['type', 'code', 'sport', 'dport']],
  ])('of a transport header of %i bytes, only what is there is present', (length, names) => {
    const spec = { source: '10.0.0.7', destination: '10.0.0.50', protocol: 6, payload: tcpHeader(length) }
    const rest = Object.keys(fields(parse(buildPacket(spec))))
    expect(rest.filter((name) => ['type', 'code', 'sport', 'dport'].includes(name)).sort()).toEqual(
      [...names].sort(),
    )
  })

  test('padding behind the packet is not seen', () => {
    const short = buildPacket({
      source: '10.0.0.7',
      destination: '10.0.0.50',
      protocol: 6,
      payload: tcpHeader(2),
    })
    const padded = new Uint8Array(60)
    padded.set(short)
    expect(fields(parse(padded))).not.toHaveProperty('dport')
  })

  test.each([
    ['19 bytes', (p: Uint8Array) => p.slice(0, 19)],
    ['version 5', (p: Uint8Array) => p.with(0, 0x55)],
    ['a header length of 16', (p: Uint8Array) => p.with(0, 0x44)],
    ['a header longer than the packet', (p: Uint8Array) => p.with(0, 0x4f)],
    ['a total length under the header', (p: Uint8Array) => p.with(3, 19)],
    ['no bytes', () => new Uint8Array(0)],
  ])('%s are no packet', (_, change) => {
    const bytes = change(segment('tcp', '10.0.0.7', '10.0.0.50', 22))
    const packet = new Packet()
    packet.attach(bytes)
    expect(packet.parse(0, bytes.length)).toBe(false)
    expect(packet.present).toBe(0)
  })
})

describe('IPv6', () => {
  const base = { source: 'fd00::7', destination: 'fd00::50', protocol: 6, payload: tcpHeader(20) }

  test('a TCP segment has addresses, protocol and ports', () => {
    const packet = parse(buildPacket(base))
    expect(fields(packet)).toMatchObject({ nfproto: 10, l4proto: 6, sport: 40000, dport: 11434 })
    const words = Array.from(packet.fields.slice(Column.saddr6, Column.saddr6 + 4), (word) => word >>> 0)
    expect(words).toEqual([0xfd000000, 0, 0, 7])
  })

  test('extension headers are walked', () => {
    const packet = parse(buildPacket({ ...base, extensions: [0, 43, 60, 44] }))
    expect(fields(packet)).toMatchObject({ l4proto: 6, dport: 11434 })
  })

  test.each([
    [41, false],
    [42, true],
  ])('an authentication header cut at byte %i is one if its first two bytes are there', (end, known) => {
    const whole = buildPacket({ ...base, extensions: [51] })
    const packet = new Packet()
    packet.attach(whole)
    packet.parse(0, end)
    expect('l4proto' in fields(packet)).toBe(known)
  })

  test('the walk stops at an authentication header, as nft does', () => {
    const packet = parse(buildPacket({ ...base, extensions: [51] }))
    expect(fields(packet).l4proto).toBe(51)
  })

  test('of a fragment that is not the first, ports are read from the flow label, as nft does', () => {
    const packet = parse(buildPacket({ ...base, fragmentOffset: 16 }))
    expect(packet).toMatchObject({ transport: 0, fragmentOffset: 16 })
    expect(fields(packet)).toMatchObject({ l4proto: 6, sport: 0x6000, dport: 0 })
  })

  test.each([
    [41, false],
    [42, true],
    [44, true],
  ])('of a header cut at byte %i, what follows is known if its first two bytes are there', (end, known) => {
    const whole = buildPacket({ ...base, extensions: [60] })
    const packet = new Packet()
    packet.attach(whole)
    expect(packet.parse(0, end)).toBe(true)
    expect('l4proto' in fields(packet)).toBe(known)
    expect(fields(packet)).not.toHaveProperty('dport')
  })
})

test('a capture that was cut keeps the length of the packet', () => {
  const whole = segment('tcp', '10.0.0.7', '10.0.0.50', 22)
  const packet = new Packet()
  packet.attach(whole)
  expect(packet.parse(0, 22)).toBe(true)
  expect(packet.length).toBe(40)
  expect(fields(packet)).not.toHaveProperty('dport')
})

test('no bytes make it throw, or see behind the packet', () => {
  fc.assert(
    fc.property(fc.oneof(bytes, fc.uint8Array({ maxLength: 120 })), fc.nat(20), (content, before) => {
      // The same packet between other bytes must be seen the same.
      const buffer = new Uint8Array(before + content.length + 64).fill(0xaa)
      buffer.set(content, before)
      const alone = parse(content)
      const among = new Packet()
      among.attach(buffer)
      among.parse(before, content.length)
      expect(among.present).toBe(alone.present)
      for (let word = 0; word < COLUMN_WORDS; word++) {
        if ((alone.present & (1 << word)) !== 0) expect(among.fields[word]).toBe(alone.fields[word])
      }
      expect(alone.end).toBeLessThanOrEqual(content.length)
    }),
    { numRuns: 5000 },
  )
})
