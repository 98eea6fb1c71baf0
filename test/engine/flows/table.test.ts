import { describe, expect, test } from 'vitest'
import { Flows } from '../../../src/engine/state/flows/flows.js'
import { Packet } from '../../../src/packet/packet.js'
import { icmp, Protocol, packet, udp } from '../../support/conversations/wire.js'
import { CLIENT, SERVER, TcpPair, Tracker } from '../../support/tracker.js'

const datagram = (sport: number, dport = 53) =>
  packet({ source: CLIENT, destination: SERVER, protocol: Protocol.udp, payload: udp(sport, dport, 4) })
const answer = (port: number) =>
  packet({ source: SERVER, destination: CLIENT, protocol: Protocol.udp, payload: udp(53, port, 4) })

/** Both ways, and two seconds on: an ASSURED flow. */
function assure(tracker: Tracker, port: number): void {
  tracker.say(datagram(port))
  tracker.say(answer(port))
  tracker.wait(2.1)
  tracker.say(datagram(port))
}

describe('a full table', () => {
  test('lets newcomers in for those that were not answered', () => {
    const tracker = new Tracker({ size: 4 })
    for (let port = 1; port <= 4; port++) expect(tracker.say(datagram(port))).toBe('new')
    // Eight buckets, of which a table of four entries has no more: there is always one.
    for (let port = 5; port <= 50; port++) {
      expect(tracker.say(datagram(port))).toBe('new')
      expect(tracker.alive).toBe(true)
      expect(tracker.flows.entries).toBe(4)
    }
    expect(tracker.flows.evicted).toBe(46)
    expect(tracker.flows.dropped).toBe(0)
  })

  test('of ASSURED flows lets nobody in: the packet is dropped, and not invalid', () => {
    const tracker = new Tracker({ size: 4 })
    for (let port = 1; port <= 4; port++) assure(tracker, port)
    tracker.say(datagram(9))
    expect([tracker.alive, tracker.flow]).toEqual([false, -1])
    expect([tracker.flows.dropped, tracker.flows.invalid, tracker.flows.entries]).toEqual([1, 0, 4])
    expect(tracker.say(answer(3))).toBe('established')
  })

  test('of expired flows lets everybody in', () => {
    const tracker = new Tracker({ size: 4 })
    for (let port = 1; port <= 4; port++) assure(tracker, port)
    tracker.wait(130)
    for (let port = 11; port <= 14; port++) expect(tracker.say(datagram(port))).toBe('new')
    expect([tracker.flows.evicted, tracker.flows.dropped, tracker.flows.entries]).toEqual([0, 0, 4])
  })

  test('does not take what a packet under way holds', () => {
    const tracker = new Tracker({ size: 1 })
    const held = new Packet()
    tracker.say(datagram(1))
    tracker.hold(datagram(1), held)
    tracker.say(datagram(2))
    expect(tracker.alive).toBe(false)
    tracker.flows.release(held)
    tracker.say(datagram(2))
    expect(tracker.alive).toBe(true)
  })

  test('nearly full, connections at their end go when they are looked at', () => {
    const tracker = new Tracker({ size: 100 })
    for (let port = 1; port <= 96; port++) {
      const pair = new TcpPair(tracker, [port, 80])
      pair.say(['c', 'S'], ['s', 'SA'], ['c', 'A'])
      if (port <= 50) pair.say(['c', 'FA'])
    }
    expect(tracker.flows.entries).toBe(96)
    // A minute, so that all are looked at; every other one has long to live.
    for (let i = 0; i < 600; i++) tracker.wait(0.1).say(answer(9))
    expect(tracker.flows.entries).toBeLessThan(96)
    expect(tracker.flows.evicted).toBeGreaterThan(0)
    expect(tracker.flows.entries).toBeGreaterThanOrEqual(46)
  })
})

describe('time', () => {
  test('entries that expired are collected as packets come, whatever those are', () => {
    const tracker = new Tracker()
    for (let port = 1; port <= 500; port++) tracker.say(datagram(port))
    expect(tracker.flows.entries).toBe(500)
    for (let i = 0; i < 1000; i++) tracker.wait(0.1).say(icmpReply())
    expect(tracker.flows.entries).toBe(0)
  })

  test('that steps back stands still', () => {
    const tracker = new Tracker()
    tracker.wait(1000).say(datagram(1))
    tracker.wait(-900).say(datagram(1))
    expect(tracker.flows.expiration(tracker.flow)).toBe(30_000)
    tracker.wait(929)
    expect(tracker.say(answer(1))).toBe('established')
  })

  // The kernel's jiffies go round after 198 days.
  test.each([1, 12.4, 49.7, 99.5, 198.9, 397.7, 3650])(
    'that leaps by %d days outlasts every entry',
    (days) => {
      const tracker = new Tracker()
      const pair = new TcpPair(tracker)
      pair.say(['c', 'S'], ['s', 'SA'], ['c', 'A'])
      tracker.say(datagram(1))
      tracker.wait(days * 86400)
      expect(tracker.say(answer(1))).toBe('new')
      expect(pair.say(['c', 'A'])).toEqual([days < 5 ? 'established' : 'new'])
    },
  )

  test('that passes slowly does not bring back what has expired', () => {
    const tracker = new Tracker()
    tracker.say(datagram(1))
    for (let day = 0; day < 250; day += 10) tracker.wait(864_000).say(icmpReply())
    expect(tracker.flows.entries).toBe(0)
  })

  test('may be any: negative, or of this century', () => {
    for (const start of [-1e18, 0, 1.8e18]) {
      const tracker = new Tracker()
      tracker.packet.time[0] = start
      expect([tracker.say(datagram(1)), tracker.say(answer(1))]).toEqual(['new', 'established'])
      tracker.wait(31)
      expect(tracker.say(answer(1))).toBe('new')
    }
  })

  function icmpReply() {
    return packet({ source: SERVER, destination: CLIENT, protocol: Protocol.icmp, payload: icmp(0, 0, 1) })
  }
})

describe('packets that are under way at the same time', () => {
  const [one, other] = [new Packet(), new Packet()]

  test('two of a new flow of UDP are both new, and both pass', () => {
    const tracker = new Tracker({ accounting: true })
    const { flows } = tracker
    expect([tracker.hold(datagram(1), one), tracker.hold(datagram(1), other)]).toEqual(['new', 'new'])
    expect(flows.entries).toBe(2)
    expect([flows.confirm(one), flows.confirm(other)]).toEqual([true, true])
    expect([flows.entries, flows.inserted, flows.clashes]).toEqual([1, 1, 0])
    tracker.say(answer(1))
    expect([
      flows.packets(tracker.flow, 0),
      flows.bytes(tracker.flow, 0),
      flows.packets(tracker.flow, 1),
    ]).toEqual([2, 64, 1])
  })

  test('so do two of UDP that cross', () => {
    const tracker = new Tracker()
    tracker.hold(datagram(1), one)
    tracker.hold(answer(1), other)
    expect([tracker.flows.confirm(one), tracker.flows.confirm(other)]).toEqual([true, true])
    expect(tracker.flows.entries).toBe(1)
  })

  test('of two of a new flow of TCP or ICMP the second is dropped', () => {
    const echo = packet({
      source: CLIENT,
      destination: SERVER,
      protocol: Protocol.icmp,
      payload: icmp(8, 0, 1),
    })
    for (const bytes of [new TcpPair().bytes('c', 'S'), echo]) {
      const { flows } = (() => {
        const tracker = new Tracker()
        tracker.hold(bytes, one)
        tracker.hold(bytes, other)
        return tracker
      })()
      expect([flows.confirm(one), flows.confirm(other)]).toEqual([true, false])
      expect([flows.entries, flows.clashes]).toEqual([1, 1])
    }
  })

  test('what left the table stays for those who hold it, and its place is nobody else’s', () => {
    const tracker = new Tracker()
    const { flows } = tracker
    const pair = new TcpPair(tracker)
    pair.say(['c', 'S'])
    const { flow } = tracker
    const generation = flows.generation(flow)
    flows.setMark(flow, 77)
    tracker.hold(pair.bytes('s', 'RA'), one)
    expect([one.flow, flows.mark(flow), flows.status(flow) & 512]).toEqual([flow, 77, 512])
    tracker.say(datagram(1))
    expect(tracker.flow).not.toBe(flow)
    flows.confirm(one)
    expect(flows.generation(flow)).not.toBe(generation)
    tracker.say(datagram(2))
    expect(tracker.flow).toBe(flow)
    expect(flows.mark(flow)).toBe(0)
  })

  test('to confirm or release twice does nothing', () => {
    const tracker = new Tracker()
    tracker.hold(datagram(1), one)
    expect([tracker.flows.confirm(one), tracker.flows.confirm(one)]).toEqual([true, true])
    tracker.flows.release(one)
    tracker.hold(datagram(2), one)
    tracker.flows.release(one)
    tracker.flows.release(one)
    expect(tracker.flows.entries).toBe(1)
  })
})

describe('what an entry tells', () => {
  test('of a TCP connection', () => {
    const tracker = new Tracker()
    const { flows } = tracker
    new TcpPair(tracker).say(['c', 'S'])
    const { flow } = tracker
    expect([flows.protocol(flow), flows.l3proto(flow)]).toEqual([6, 2])
    expect([0, 1].map((direction) => flows.source(flow, direction, 0))).toEqual([0x0a000007, 0x0a010050])
    expect([0, 1].map((direction) => flows.destination(flow, direction, 0))).toEqual([0x0a010050, 0x0a000007])
    expect([0, 1].map((direction) => flows.sourcePort(flow, direction))).toEqual([40000, 80])
    expect([0, 1].map((direction) => flows.destinationPort(flow, direction))).toEqual([80, 40000])
    expect(flows.status(flow)).toBe(8)
    expect(flows.isClosing(flow)).toBe(false)
    // Nothing is counted unless it is asked for.
    expect([flows.packets(flow, 0), flows.bytes(flow, 0)]).toEqual([0, 0])
  })

  test('of an echo: its id, and type and code', () => {
    const tracker = new Tracker()
    const { flows } = tracker
    tracker.send({
      source: CLIENT,
      destination: SERVER,
      protocol: Protocol.icmp,
      payload: icmp(8, 3, 0x12340001),
    })
    expect([0, 1].map((direction) => flows.sourcePort(tracker.flow, direction))).toEqual([0x1234, 0x1234])
    expect([0, 1].map((direction) => flows.destinationPort(tracker.flow, direction))).toEqual([
      0x0803, 0x0003,
    ])
  })

  test('of an IPv6 flow: four words an address', () => {
    const tracker = new Tracker()
    const { flows } = tracker
    tracker.send({
      source: '2001:db8::1',
      destination: 'fd00::2',
      protocol: Protocol.udp,
      payload: udp(1, 2, 0),
    })
    expect(flows.l3proto(tracker.flow)).toBe(10)
    expect([0, 1, 2, 3].map((word) => flows.source(tracker.flow, 0, word))).toEqual([0x20010db8, 0, 0, 1])
    expect([0, 1, 2, 3].map((word) => flows.source(tracker.flow, 1, word) >>> 0)).toEqual([
      0xfd000000, 0, 0, 2,
    ])
  })

  test('marks and labels are the entry’s own, and gone with it', () => {
    const tracker = new Tracker({ size: 1 })
    const { flows } = tracker
    tracker.say(datagram(1))
    flows.setMark(tracker.flow, -1)
    flows.setLabel(tracker.flow, 3, 0x80000001 | 0)
    expect([0, 1, 2, 3].map((word) => flows.label(tracker.flow, word))).toEqual([0, 0, 0, -2147483647])
    expect(flows.status(tracker.flow)).toBe(8)
    tracker.say(datagram(2))
    expect([flows.mark(tracker.flow), flows.label(tracker.flow, 3)]).toEqual([0, 0])
  })

  test('an id of its own', () => {
    const tracker = new Tracker({ size: 4 })
    const ids = new Set<number>()
    for (let port = 1; port <= 100; port++) {
      tracker.say(datagram(port))
      ids.add(tracker.flows.id(tracker.flow))
    }
    expect(ids.size).toBe(100)
  })

  test('packets and bytes, of both directions', () => {
    const tracker = new Tracker({ accounting: true })
    const { flows } = tracker
    const pair = new TcpPair(tracker)
    // A SYN sent again is not counted, as the kernel does it.
    pair.say(['c', 'S'], ['c', 'S', { absoluteSeq: 1000 }], ['s', 'SA'], ['c', 'PA', { length: 100 }])
    const count = [0, 1].map((direction) => [
      flows.packets(tracker.flow, direction),
      flows.bytes(tracker.flow, direction),
    ])
    expect(count).toEqual([
      [2, 180],
      [1, 40],
    ])
  })
})

describe('options that cannot be', () => {
  test.each([0, -1, 1.5, Number.NaN, 2 ** 24 + 1])('a size of %d', (size) => {
    expect(() => new Flows({ size, seeds: [1, 2] })).toThrow(RangeError)
  })

  test.each([-1, Number.NaN, 2_000_000])('a timeout of %d s', (udp) => {
    expect(() => new Flows({ seeds: [1, 2], timeouts: { udp } })).toThrow(/timeout udp/)
  })
})

describe('a tuple', () => {
  const there = { kind: 0x211, ports: (40000 << 16) | 53, addresses: words(CLIENT, SERVER) }
  const back = { kind: 0x211, ports: (53 << 16) | 40000, addresses: words(SERVER, CLIENT) }

  test('leads to its connection in either direction, once that is in the table and until it expires', () => {
    const tracker = new Tracker()
    const { flows, packet } = tracker
    const find = (seconds: number) =>
      [there, back].map((tuple) => flows.find(tuple, packet.time[0]! + seconds * 1e9))
    tracker.hold(datagram(40000))
    expect(find(0)).toEqual([-1, -1])
    flows.confirm(packet)
    expect(find(0)).toEqual([tracker.flow, tracker.flow])
    expect(flows.find({ ...there, kind: 0x206 }, 0)).toBe(-1)
    expect(find(29)).toEqual([tracker.flow, tracker.flow])
    expect(find(31)).toEqual([-1, -1])
  })

  test('of an ICMP message that nobody answers leads nowhere', () => {
    const tracker = new Tracker()
    tracker.say(datagram(40000))
    const ports = (1 << 16) | (3 << 8)
    expect(tracker.flows.find({ ...there, kind: 0x201, ports }, 0)).toBe(-1)
  })
})

function words(source: string, destination: string): Int32Array {
  const word = (address: string) => address.split('.').reduce((all, byte) => (all << 8) | Number(byte), 0)
  return Int32Array.of(word(source), 0, 0, 0, word(destination), 0, 0, 0)
}
