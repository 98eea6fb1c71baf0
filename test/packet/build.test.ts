import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAddress } from '../../src/packet/address.js'
import { buildPacket } from '../../src/packet/build.js'
import { crcHolds } from '../../src/packet/checksum.js'
import { Column, Packet } from '../../src/packet/packet.js'
import { Protocol, tcp, packet as written } from '../support/conversations/wire.js'
import { checksum } from '../support/language/packets.js'

const ends = (source: string, destination: string) => ({
  source: parseAddress(source)!,
  destination: parseAddress(destination)!,
})

function parsed(bytes: Uint8Array): Packet {
  const packet = new Packet()
  packet.attach(bytes)
  expect(packet.parse(0, bytes.length)).toBe(true)
  return packet
}

describe('a packet that is built', () => {
  test('is one, with all that was said of it', () => {
    for (const [source, destination] of [
      ['10.0.0.7', '10.0.0.1'],
      ['fd00::7', 'fd00::1'],
    ] as const) {
      const bytes = buildPacket({
        ...ends(source, destination),
        protocol: 6,
        sport: 40000,
        dport: 22,
        flags: 18,
      })
      const { fields, present, end } = parsed(bytes)
      expect(end).toBe(bytes.length)
      expect([fields[Column.sport], fields[Column.dport], fields[Column.tcpFlags]]).toEqual([40000, 22, 18])
      expect(present & (1 << Column.tcpFlags)).not.toBe(0)
    }
    const { fields } = parsed(buildPacket({ ...ends('10.0.0.7', '10.0.0.1'), protocol: 1, type: 8, code: 1 }))
    expect([fields[Column.type], fields[Column.code]]).toEqual([8, 1])
  })

  test('has the bytes that another builder gives it', () => {
    const [source, destination] = ['10.0.0.7', '10.0.0.1']
    const payload = tcp({ sport: 40000, dport: 22, seq: 0, flags: 2 })
    expect(buildPacket({ ...ends(source, destination), protocol: 6, sport: 40000, dport: 22 })).toEqual(
      written({ source, destination, protocol: Protocol.tcp, payload }),
    )
  })

  test('of SCTP begins an association', () => {
    const packet = parsed(buildPacket({ ...ends('10.0.0.7', '10.0.0.1'), protocol: 132, sport: 5, dport: 6 }))
    expect(crcHolds(packet, packet.transport, packet.end)).toBe(true)
    expect(packet.view.getUint8(packet.transport + 12)).toBe(1)
  })

  test('of ICMPv6 goes as many hops as its type does', () => {
    const hops = (type: number) => buildPacket({ ...ends('fe80::7', 'ff02::1'), protocol: 58, type })[7]
    expect([134, 130, 128].map(hops)).toEqual([255, 1, 64])
  })

  const address = (bits: 32 | 128) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n })
  const port = fc.nat(65535)

  test('has right checksums', () => {
    const built = fc.constantFrom<32 | 128>(32, 128).chain((bits) =>
      fc.record({
        source: fc.record({ bits: fc.constant(bits), value: address(bits) }),
        destination: fc.record({ bits: fc.constant(bits), value: address(bits) }),
        protocol: fc.constantFrom(6, 17, 136, bits === 32 ? 1 : 58),
        sport: port,
        dport: port,
        flags: fc.nat(255),
        type: fc.nat(255),
        code: fc.nat(255),
      }),
    )
    fc.assert(
      fc.property(built, (description) => {
        const bytes = buildPacket(description)
        const { bits } = description.source
        const header = bits === 32 ? 20 : 40
        const segment = [...bytes.subarray(header)]
        const sums = [...bytes.subarray(bits === 32 ? 12 : 8, header)]
        const pseudo = [...sums, 0, 0, 0, segment.length, 0, 0, 0, description.protocol]
        if (bits === 32) expect(checksum([...bytes.subarray(0, header)])).toBe(0)
        // UDP writes a sum of 0 as 0xffff, which is the same.
        expect(checksum(description.protocol === 1 ? segment : [...pseudo, ...segment])).toBe(0)
      }),
      { seed: 8 },
    )
  })
})
