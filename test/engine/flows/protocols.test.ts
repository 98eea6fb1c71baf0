import { describe, expect, test } from 'vitest'
import { ChunkType } from '../../support/conversations/sctp.js'
import {
  type Chunk,
  icmp,
  Protocol,
  packet,
  rawPacket,
  sctp,
  tcp,
  udp,
} from '../../support/conversations/wire.js'
import { CLIENT, SERVER, TcpPair, Tracker } from '../../support/tracker.js'

const CLIENT6 = 'fd00::7'
const SERVER6 = 'fd00:1::80'

type Way = 'there' | 'back'
const ends = (way: Way, [one, other]: readonly [string, string]) =>
  way === 'there' ? { source: one, destination: other } : { source: other, destination: one }
const V4 = [CLIENT, SERVER] as const
const V6 = [CLIENT6, SERVER6] as const
const lives = (tracker: Tracker) => tracker.flows.expiration(tracker.flow) / 1000

describe.each([
  ['IPv4', V4],
  ['IPv6', V6],
])('UDP over %s', (_, hosts) => {
  const say = (tracker: Tracker, way: Way) => {
    const [sport, dport] = way === 'there' ? [5000, 53] : [53, 5000]
    return tracker.send({ ...ends(way, hosts), protocol: Protocol.udp, payload: udp(sport!, dport!, 4) })
  }

  test('is new until it is answered, and a stream from two seconds on', () => {
    const tracker = new Tracker()
    expect([say(tracker, 'there'), say(tracker, 'there')]).toEqual(['new', 'new'])
    expect([say(tracker, 'back'), say(tracker, 'there'), say(tracker, 'back')]).toEqual(
      Array(3).fill('established'),
    )
    expect([lives(tracker), tracker.flows.status(tracker.flow)]).toEqual([30, 2 | 8])
    tracker.wait(2)
    say(tracker, 'there')
    expect(lives(tracker)).toBe(30)
    tracker.wait(0.004)
    say(tracker, 'there')
    expect([lives(tracker), tracker.flows.status(tracker.flow)]).toEqual([120, 2 | 4 | 8])
  })

  test('is forgotten after 30 seconds', () => {
    const tracker = new Tracker()
    say(tracker, 'there')
    tracker.wait(29.996)
    expect(say(tracker, 'back')).toBe('established')
    tracker.wait(30)
    expect(say(tracker, 'back')).toBe('new')
  })
})

describe('headers of UDP', () => {
  const tracker = new Tracker()
  const spec = { ...ends('there', V4), protocol: Protocol.udp }
  test.each<[string, Uint8Array]>([
    ['shorter than eight bytes', packet({ ...spec, payload: udp(1, 2, 0).subarray(0, 7) })],
    ['with a length under eight', packet({ ...spec, payload: udp(1, 2, 4, 7) })],
    ['with a length over what is there', packet({ ...spec, payload: udp(1, 2, 4, 13) })],
    ['with a wrong checksum', rawPacket({ ...spec, payload: udp(1, 2, 4).with(7, 9) })],
  ])('%s: invalid', (_, bytes) => {
    expect(tracker.say(bytes)).toBe('invalid')
  })

  test('without a checksum: nobody looks', () => {
    expect(tracker.say(rawPacket({ ...spec, payload: udp(3, 4, 4) }))).toBe('new')
  })

  test('of UDP-Lite: the checksum must be there, the coverage must fit', () => {
    const lite = (coverage: number, build = packet) =>
      tracker.say(
        build({ ...spec, protocol: Protocol.udplite, payload: udp(1, 2, 8, coverage), summedAs: 17 }),
      )
    expect([0, 8, 12, 16].map((coverage) => lite(coverage))).toEqual(Array(4).fill('new'))
    expect([1, 7, 17].map((coverage) => lite(coverage))).toEqual(Array(3).fill('invalid'))
    expect(lite(8, rawPacket)).toBe('invalid')
  })
})

describe('ICMP', () => {
  const echo = (
    tracker: Tracker,
    type: number,
    id = 9,
    way: Way = 'there',
    hosts: readonly [string, string] = V4,
  ) =>
    tracker.send({
      ...ends(way, hosts),
      protocol: hosts === V6 ? Protocol.icmp6 : Protocol.icmp,
      payload: icmp(type, 0, id << 16),
    })

  test.each([
    [8, 0, V4],
    [13, 14, V4],
    [15, 16, V4],
    [17, 18, V4],
    [128, 129, V6],
    [139, 140, V6],
  ])('type %i is answered by %i', (request, reply, hosts) => {
    const tracker = new Tracker()
    expect(echo(tracker, reply, 9, 'back', hosts)).toBe('invalid')
    expect([echo(tracker, request, 9, 'there', hosts), echo(tracker, request, 9, 'there', hosts)]).toEqual([
      'new',
      'new',
    ])
    expect(echo(tracker, reply, 8, 'back', hosts)).toBe('invalid')
    expect([echo(tracker, reply, 9, 'back', hosts), echo(tracker, reply, 9, 'back', hosts)]).toEqual([
      'established',
      'established',
    ])
    expect([echo(tracker, request, 9, 'there', hosts), lives(tracker)]).toEqual(['established', 30])
  })

  test('nothing else begins a flow', () => {
    const tracker = new Tracker()
    for (const type of [1, 2, 6, 7, 9, 10, 19, 42, 253, 255]) expect(echo(tracker, type)).toBe('invalid')
    for (const type of [138, 141, 142, 144, 145, 150, 153, 200, 255])
      expect(echo(tracker, type, 0, 'there', V6)).toBe('invalid')
    expect(tracker.flows.entries).toBe(0)
  })

  test('of the other IP version is invalid', () => {
    const tracker = new Tracker()
    const message = { payload: icmp(8, 0, 1) }
    expect(tracker.send({ ...message, ...ends('there', V6), protocol: Protocol.icmp })).toBe('invalid')
    expect(tracker.send({ ...message, ...ends('there', V4), protocol: Protocol.icmp6 })).toBe('invalid')
  })

  test.each([130, 131, 132, 133, 134, 135, 136, 143, 151, 152])('ICMPv6 %i is untracked', (type) => {
    const tracker = new Tracker()
    expect(echo(tracker, type, 0, 'there', V6)).toBe('untracked')
    expect(tracker.flow).toBe(-1)
  })
})

describe('errors', () => {
  const error = (tracker: Tracker, type: number, quoted: Uint8Array, to = CLIENT, from = '10.9.9.9') =>
    tracker.send({
      source: from,
      destination: to,
      protocol: to.includes(':') ? Protocol.icmp6 : Protocol.icmp,
      payload: icmp(type, 1, 0, quoted),
    })

  test.each([3, 4, 5, 11, 12])('type %i about a flow is related, from whomever it comes', (type) => {
    const pair = new TcpPair()
    const { tracker } = pair
    const syn = pair.bytes('c', 'S')
    expect(error(tracker, type, syn)).toBe('invalid')
    expect(tracker.say(syn)).toBe('new')
    const flow = tracker.flow
    tracker.wait(5)
    expect(error(tracker, type, syn)).toBe('related')
    expect([tracker.flow, tracker.direction]).toEqual([flow, 1])
    // It changes nothing.
    expect([lives(tracker), tracker.flows.status(flow)]).toEqual([115, 8])
  })

  test('about what the server sent belong to the original direction', () => {
    const pair = new TcpPair()
    pair.say(['c', 'S'])
    const answer = pair.bytes('s', 'SA')
    pair.tracker.say(answer)
    expect(error(pair.tracker, 3, answer, SERVER)).toBe('related')
    expect(pair.tracker.direction).toBe(0)
  })

  test('sent to somebody else, or of what cannot be read, are invalid', () => {
    const pair = new TcpPair()
    const { tracker } = pair
    const syn = pair.bytes('c', 'S')
    tracker.say(syn)
    expect(error(tracker, 3, syn, SERVER)).toBe('invalid')
    expect(error(tracker, 3, syn.subarray(0, 23))).toBe('invalid')
    expect(error(tracker, 3, syn.subarray(0, 24))).toBe('related')
    expect(error(tracker, 3, syn.subarray(0, 12))).toBe('invalid')
    expect(error(tracker, 3, syn.with(7, 1))).toBe('invalid')
    expect(error(tracker, 1, syn)).toBe('invalid')
  })

  test('about errors, or about what has no partner, are invalid', () => {
    const tracker = new Tracker()
    const ping = packet({ ...ends('there', V4), protocol: Protocol.icmp, payload: icmp(8, 0, 1) })
    tracker.say(ping)
    expect(error(tracker, 3, ping)).toBe('related')
    const answer = packet({ ...ends('there', V4), protocol: Protocol.icmp, payload: icmp(3, 0, 0, ping) })
    expect(error(tracker, 3, answer)).toBe('invalid')
  })

  test('in IPv6 every type below 128 is one', () => {
    const tracker = new Tracker()
    const datagram = packet({ ...ends('there', V6), protocol: Protocol.udp, payload: udp(1, 2, 4) })
    tracker.say(datagram)
    for (const type of [0, 1, 2, 3, 4, 100, 127])
      expect(error(tracker, type, datagram, CLIENT6, 'fd00:9::9')).toBe('related')
  })

  test('a redirect of IPv6 comes from a neighbour and quotes a packet in an option', () => {
    const tracker = new Tracker()
    const datagram = packet({ ...ends('there', V6), protocol: Protocol.udp, payload: udp(1, 2, 4) })
    tracker.say(datagram)
    const redirect = (source: string, ttl: number, code = 0, option = [4, 8]) => {
      const body = new Uint8Array(32 + 8 + datagram.length)
      body.set(option, 32)
      body.set(datagram, 40)
      return tracker.send({
        source,
        destination: CLIENT6,
        ttl,
        protocol: Protocol.icmp6,
        payload: icmp(137, code, 0, body),
      })
    }
    expect(redirect('fe80::1', 255)).toBe('related')
    expect(redirect('fd00::1', 255)).toBe('invalid')
    expect(redirect('fe80::1', 64)).toBe('invalid')
    expect(redirect('fe80::1', 255, 1)).toBe('invalid')
    expect(redirect('fe80::1', 255, 0, [2, 8])).toBe('invalid')
    expect(redirect('fe80::1', 255, 0, [4, 0])).toBe('invalid')
  })
})

describe('SCTP', () => {
  const { init, initAck, cookieEcho, cookieAck, data, shutdown, shutdownAck, shutdownComplete } = ChunkType
  const tagged = (tag: number) => {
    const value = new Uint8Array(16)
    new DataView(value.buffer).setUint32(0, tag)
    return value
  }
  const chunks = (tracker: Tracker, way: Way, tag: number, ...list: Chunk[]) => {
    const [sport, dport] = way === 'there' ? [5000, 36412] : [36412, 5000]
    return tracker.send({
      ...ends(way, V4),
      protocol: Protocol.sctp,
      payload: sctp(sport!, dport!, tag, list),
    })
  }
  const open = (tracker: Tracker) => [
    chunks(tracker, 'there', 0, { type: init, value: tagged(111) }),
    chunks(tracker, 'back', 111, { type: initAck, value: tagged(222) }),
    chunks(tracker, 'there', 222, { type: cookieEcho }, { type: data }),
    chunks(tracker, 'back', 111, { type: cookieAck }),
  ]

  test('an association opens, carries data and ends', () => {
    const tracker = new Tracker()
    expect(open(tracker)).toEqual(['new', 'established', 'established', 'established'])
    expect([lives(tracker), tracker.flows.status(tracker.flow)]).toEqual([210, 2 | 4 | 8])
    expect(chunks(tracker, 'there', 222, { type: data })).toBe('established')
    expect(chunks(tracker, 'there', 222, { type: shutdown })).toBe('established')
    expect(chunks(tracker, 'back', 111, { type: shutdownAck })).toBe('established')
    expect(lives(tracker)).toBe(3)
    expect(chunks(tracker, 'there', 222, { type: shutdownComplete })).toBe('established')
    expect(lives(tracker)).toBe(10)
  })

  test('packets with a wrong tag are invalid', () => {
    const tracker = new Tracker()
    open(tracker)
    expect(chunks(tracker, 'there', 223, { type: data })).toBe('invalid')
    expect(chunks(tracker, 'back', 222, { type: data })).toBe('invalid')
  })

  test.each([
    ['DATA', data],
    ['ABORT', ChunkType.abort],
    ['SHUTDOWN COMPLETE', shutdownComplete],
    ['COOKIE ACK', cookieAck],
  ])('%s does not begin a flow', (_, type) => {
    const tracker = new Tracker()
    expect(chunks(tracker, 'there', 0, { type })).toBe('invalid')
    expect(tracker.flows.entries).toBe(0)
  })

  test('chunks that must be alone or first, of no length, or none at all: invalid', () => {
    const tracker = new Tracker()
    expect(chunks(tracker, 'there', 0, { type: init, value: tagged(1) }, { type: data })).toBe('invalid')
    expect(chunks(tracker, 'there', 0, { type: data }, { type: cookieEcho })).toBe('invalid')
    expect(chunks(tracker, 'there', 0)).toBe('invalid')
    const empty = sctp(5000, 36412, 0, [{ type: init, value: tagged(1) }])
    new DataView(empty.buffer).setUint16(14, 0)
    const unchecked = new Tracker({ checksum: false })
    expect(unchecked.send({ ...ends('there', V4), protocol: Protocol.sctp, payload: empty })).toBe('invalid')
  })

  test('a wrong checksum is invalid', () => {
    const payload = sctp(5000, 36412, 0, [{ type: init, value: tagged(1) }])
    payload[8]! ^= 1
    const spec = { ...ends('there', V4), protocol: Protocol.sctp, payload }
    expect(new Tracker().send(spec)).toBe('invalid')
    expect(new Tracker({ checksum: false }).send(spec)).toBe('new')
  })
})

describe('other protocols', () => {
  const say = (
    tracker: Tracker,
    way: Way,
    protocol: number,
    payload: Uint8Array,
    hosts = V4 as readonly [string, string],
  ) => tracker.send({ ...ends(way, hosts), protocol, payload })

  test.each([2, 4, 33, 50, 51, 89, 253])('%i: an entry for each pair of hosts', (protocol) => {
    const tracker = new Tracker()
    const any = new Uint8Array(4)
    expect([say(tracker, 'there', protocol, any), say(tracker, 'back', protocol, any)]).toEqual([
      'new',
      'established',
    ])
    expect([lives(tracker), tracker.flows.entries]).toEqual([600, 1])
  })

  test('GRE without call ids', () => {
    const tracker = new Tracker()
    const plain = Uint8Array.of(0, 0, 8, 0)
    expect([say(tracker, 'there', 47, plain), lives(tracker)]).toEqual(['new', 30])
    say(tracker, 'back', 47, plain)
    say(tracker, 'back', 47, plain)
    expect([lives(tracker), tracker.flows.status(tracker.flow)]).toEqual([180, 2 | 4 | 8])
  })

  test('GRE with call ids: each is a flow, and never answered', () => {
    const tracker = new Tracker()
    const call = (id: number) => Uint8Array.of(0x30, 1, 0x88, 0x0b, 0, 0, 0, id)
    expect([1, 2, 1].map((id) => say(tracker, 'there', 47, call(id)))).toEqual(['new', 'new', 'new'])
    expect(say(tracker, 'back', 47, call(1))).toBe('new')
    expect(tracker.flows.entries).toBe(3)
    expect(say(tracker, 'there', 47, call(1).with(3, 0))).toBe('invalid')
  })

  test('IPv6: over extension headers, authentication too, but not past "no next header"', () => {
    const tracker = new Tracker()
    const datagram = udp(1, 2, 4)
    const behind = (extensions: number[], protocol = Protocol.udp as number) =>
      tracker.send({ ...ends('there', V6), protocol, payload: datagram, extensions })
    expect([behind([0]), behind([43, 60]), behind([])]).toEqual(['new', 'new', 'new'])
    expect(tracker.flows.entries).toBe(1)
    expect(behind([60], 59)).toBe('invalid')
    const authenticated = Uint8Array.of(17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, ...udp(1, 2, 4))
    expect(tracker.send({ ...ends('there', V6), protocol: 51, payload: authenticated })).toBe('new')
    expect(tracker.flows.entries).toBe(1)
  })

  test('later fragments are invalid, and those that a socket sends are left alone', () => {
    const tracker = new Tracker()
    const fragment = (fragmentOffset: number, hosts: readonly [string, string]) =>
      tracker.send({
        ...ends('there', hosts),
        protocol: Protocol.udp,
        payload: udp(1, 2, 8),
        fragmentOffset,
        moreFragments: true,
      })
    expect([fragment(8, V4), fragment(8, V6)]).toEqual(['invalid', 'invalid'])
    expect([fragment(0, V4), fragment(0, V6)]).toEqual(['new', 'new'])
    tracker.packet.hook = 3
    expect([fragment(0, V4), fragment(0, V6)]).toEqual(['invalid', 'new'])
  })

  test('what is marked untracked already stays so', () => {
    const tracker = new Tracker()
    const { packet: view, flows } = tracker
    const syn = new TcpPair().bytes('c', 'S')
    view.attach(syn)
    view.parse(0, syn.length)
    view.ctState = 64
    expect([flows.track(view), view.fields[6], view.flow, flows.entries]).toEqual([true, 64, -1, 0])
  })

  test('a host that talks with itself from one port', () => {
    const tracker = new Tracker()
    const self = { source: CLIENT, destination: CLIENT, protocol: Protocol.udp, payload: udp(7, 7, 4) }
    expect([tracker.send(self), tracker.send(self)]).toEqual(['new', 'established'])
    const syn = tcp({ sport: 7, dport: 7, seq: 1, flags: 2 })
    expect(tracker.send({ ...self, protocol: Protocol.tcp, payload: syn })).toBe('new')
  })
})
