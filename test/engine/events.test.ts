import { expect, test } from 'vitest'
import { EventRing } from '../../src/engine/state/events.js'
import { Packet } from '../../src/packet/packet.js'
import { buildPacket, segment } from '../support/packets.js'

function packetOf(bytes: Uint8Array): Packet {
  const packet = new Packet()
  packet.attach(bytes)
  packet.parse(0, bytes.length)
  return packet
}

test('what is written at one end is read at the other, once', () => {
  const writer = new EventRing()
  const reader = new EventRing(writer.memory)
  const packet = packetOf(segment('udp', '10.0.0.7', '10.0.0.50', 53))
  packet.time[0] = 12_345_678_901
  writer.write(packet, 4, -1)
  expect([...reader.read()]).toEqual([
    {
      time: 12_345_678_901,
      decidedBy: 4,
      refusedBy: -1,
      hook: 1,
      family: 2,
      l4proto: 17,
      source: Int32Array.of(0x0a000007),
      destination: Int32Array.of(0x0a000032),
      sourcePort: 40000,
      destinationPort: 53,
      iif: 0,
      oif: 0,
      length: 28,
    },
  ])
  expect([...reader.read()]).toEqual([])
})

test('a packet without ports has none', () => {
  const ring = new EventRing()
  const spec = { source: '10.0.0.7', destination: '10.0.0.50', protocol: 47, payload: new Uint8Array(1) }
  ring.write(packetOf(buildPacket(spec)), -3, -1)
  expect([...ring.read()][0]).toMatchObject({
    l4proto: 47,
    sourcePort: -1,
    destinationPort: -1,
    decidedBy: -3,
  })
})

test('when nobody reads, the oldest stay and the rest is counted; then it goes on', () => {
  const ring = new EventRing()
  const packet = packetOf(segment('tcp', 'fd00::7', 'fd00::50', 22))
  const writeMany = (from: number, to: number) => {
    for (let rule = from; rule < to; rule++) ring.write(packet, rule, -1)
  }
  writeMany(0, 5000)
  const first = [...ring.read()].map(({ decidedBy }) => decidedBy)
  expect(first).toEqual(Array.from({ length: 4096 }, (_, i) => i))
  expect(ring.lost).toBe(904)
  for (let round = 0; round < 20; round++) {
    writeMany(round * 1000, round * 1000 + 1000)
    expect([...ring.read()].map(({ decidedBy }) => decidedBy)).toEqual(
      Array.from({ length: 1000 }, (_, i) => round * 1000 + i),
    )
  }
})
