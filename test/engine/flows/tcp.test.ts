import { describe, expect, test } from 'vitest'
import { TcpState } from '../../../src/engine/state/flows/timeouts.js'
import { type Line, TcpPair, Tracker } from '../../support/tracker.js'

const OPEN: Line[] = [
  ['c', 'S'],
  ['s', 'SA'],
  ['c', 'A'],
]

const SCALE = (shift: number) => [1, 3, 3, shift]
const stateOf = ({ tracker }: TcpPair) => tracker.flows.state(tracker.flow)
const lives = ({ tracker }: TcpPair) => tracker.flows.expiration(tracker.flow) / 1000

describe('the states of TCP and how long they last', () => {
  test.each<[keyof typeof TcpState, number, Line[]]>([
    ['synSent', 120, [['c', 'S']]],
    ['synReceived', 60, OPEN.slice(0, 2)],
    ['established', 432_000, OPEN],
    ['finWait', 120, [...OPEN, ['c', 'FA']]],
    ['closeWait', 60, [...OPEN, ['c', 'FA'], ['s', 'A']]],
    ['lastAck', 30, [...OPEN, ['c', 'FA'], ['s', 'A'], ['s', 'FA']]],
    ['timeWait', 120, [...OPEN, ['c', 'FA'], ['s', 'A'], ['s', 'FA'], ['c', 'A']]],
    ['close', 10, [...OPEN, ['c', 'RA']]],
    [
      'synSent2',
      120,
      [
        ['c', 'S'],
        ['s', 'S'],
      ],
    ],
  ])('%s: %i s', (state, seconds, lines) => {
    const pair = new TcpPair()
    pair.say(...lines)
    expect([stateOf(pair), lives(pair)]).toEqual([TcpState[state], seconds])
  })

  test('data that nobody has acknowledged: 300 s', () => {
    const pair = new TcpPair()
    pair.say(...OPEN, ['c', 'PA', { length: 10 }])
    expect(lives(pair)).toBe(300)
    pair.say(['s', 'A'])
    expect(lives(pair)).toBe(432_000)
  })

  test('a window of 0: 300 s', () => {
    const pair = new TcpPair()
    pair.say(...OPEN, ['s', 'A', { window: 0 }])
    expect(lives(pair)).toBe(300)
  })

  test('the same ACK for the fourth time: 300 s', () => {
    const pair = new TcpPair()
    const same: Line = ['s', 'A']
    pair.say(...OPEN, same, same, same)
    expect(lives(pair)).toBe(432_000)
    pair.say(same)
    expect(lives(pair)).toBe(300)
    pair.say(['s', 'A', { window: 999 }])
    expect(lives(pair)).toBe(432_000)
  })

  test('two RSTs out of the windows, one from each side: 300 s', () => {
    const pair = new TcpPair()
    pair.say(...OPEN, ['c', 'PA', { length: 10 }], ['s', 'A'], ['c', 'A'])
    const { tracker } = pair
    const flow = tracker.flow
    expect(pair.say(['c', 'RA', { seq: 900_000 }])).toEqual(['invalid'])
    expect(tracker.flows.expiration(flow)).toBe(432_000_000)
    expect(pair.say(['s', 'RA', { seq: 900_000 }])).toEqual(['invalid'])
    expect(tracker.flows.expiration(flow)).toBe(300_000)
  })

  test('the handshake’s last ACK makes it ASSURED', () => {
    const pair = new TcpPair()
    const { tracker } = pair
    pair.say(...OPEN.slice(0, 2))
    expect(tracker.flows.status(tracker.flow)).toBe(2 | 8)
    pair.say(...OPEN.slice(2))
    expect(tracker.flows.status(tracker.flow)).toBe(2 | 4 | 8)
  })

  test('a challenge ACK to a SYN does not end what waits for its last ACK', () => {
    const pair = new TcpPair()
    pair.say(...OPEN, ['c', 'FA'], ['s', 'A'], ['s', 'FA'])
    expect(pair.say(['c', 'S', { absoluteSeq: 1 }], ['s', 'A'])).toEqual(['established', 'established'])
    expect(stateOf(pair)).toBe(TcpState.lastAck)
    pair.say(['c', 'A'])
    expect(stateOf(pair)).toBe(TcpState.timeWait)
  })

  test('timeouts are options', () => {
    const pair = new TcpPair(new Tracker({ timeouts: { tcp_syn_sent: 7, tcp_close: 0.5 } }))
    pair.say(['c', 'S'])
    expect(lives(pair)).toBe(7)
    pair.say(['s', 'SA'], ['c', 'R'])
    expect(lives(pair)).toBe(0.5)
  })
})

describe('windows', () => {
  test('are scaled if both sides say so', () => {
    const pair = new TcpPair()
    pair.say(['c', 'S', { options: SCALE(7) }], ['s', 'SA', { options: SCALE(7) }], ['c', 'A'], ['s', 'A'])
    // The server's window is 1000 << 7 from here on.
    expect(pair.say(['c', 'PA', { seq: 100_000, length: 10 }])).toEqual(['established'])
    expect(pair.say(['c', 'PA', { seq: 400_000, length: 10 }])).toEqual(['invalid'])
  })

  test('are not scaled if only one does', () => {
    const pair = new TcpPair()
    pair.say(['c', 'S', { options: SCALE(7) }], ['s', 'SA'], ['c', 'A'], ['s', 'A'])
    expect(pair.say(['c', 'PA', { seq: 100_000, length: 10 }])).toEqual(['invalid'])
  })

  test('a shift above 14 is 14', () => {
    const pair = new TcpPair()
    pair.say(
      ['c', 'S', { options: SCALE(255) }],
      ['s', 'SA', { options: SCALE(255) }],
      ['c', 'A'],
      ['s', 'A'],
    )
    expect(pair.say(['c', 'PA', { seq: 1000 << 14, length: 10 }])).toEqual(['established'])
  })

  test('a selective acknowledgement of what was never sent is invalid', () => {
    const sack = (edge: number) => [1, 1, 5, 10, 0, 0, 0, 0, 0, 0, edge >> 8, edge & 255]
    const permitted = [1, 1, 4, 2]
    const pair = new TcpPair()
    pair.say(['c', 'S', { options: permitted }], ['s', 'SA', { options: permitted }], ['c', 'A'])
    expect(pair.say(['s', 'A', { options: sack(1001) }], ['s', 'A', { options: sack(1002) }])).toEqual([
      'established',
      'invalid',
    ])
  })

  test.each([0, 1, 0x7fffffff, 0x80000000, 0xfffffff0])('sequence numbers go round: from %i', (start) => {
    const pair = new TcpPair(new Tracker(), [40000, 80], [start, start])
    const data: Line[] = Array.from({ length: 6 }, () => ['c', 'PA', { length: 800 }] as Line)
    const acks: Line[] = data.flatMap((line) => [line, ['s', 'A'] as Line])
    expect(pair.say(...OPEN, ...acks, ['c', 'FA'], ['s', 'FA'], ['c', 'A'])).not.toContain('invalid')
  })
})

describe('headers', () => {
  test('with PSH, ECE and CWR or without', () => {
    const pair = new TcpPair()
    expect(pair.say(['c', 'SEC'], ['s', 'SAE'], ['c', 'APEC'])).toEqual(['new', 'established', 'established'])
  })

  test('that are cut short or say so are invalid', () => {
    const tracker = new Tracker({ checksum: false })
    const syn = new TcpPair().bytes('c', 'S')
    for (let length = 20; length < 40; length++) {
      const cut = syn.slice(0, length)
      new DataView(cut.buffer).setUint16(2, length)
      expect(tracker.say(cut)).toBe('invalid')
    }
    const header = (bytes: number) => syn.with(32, bytes << 2)
    expect([tracker.say(header(16)), tracker.say(header(24)), tracker.say(header(20))]).toEqual([
      'invalid',
      'invalid',
      'new',
    ])
  })

  test('a wrong checksum is invalid, in prerouting and unless nobody looks', () => {
    const bad = new TcpPair().bytes('c', 'S').with(36, 1)
    expect(new Tracker().say(bad)).toBe('invalid')
    expect(new Tracker({ checksum: false }).say(bad)).toBe('new')
    const output = new Tracker()
    output.packet.hook = 3
    expect(output.say(bad)).toBe('new')
  })
})

describe('a connection that was answered with a reset', () => {
  test('is closed, for ten seconds from then on', () => {
    const pair = new TcpPair(new Tracker())
    pair.say(...OPEN)
    const { flows, packet } = pair.tracker
    packet.flow = pair.tracker.flow
    flows.close(packet)
    expect([stateOf(pair), lives(pair)]).toEqual([TcpState.close, 10])
    pair.tracker.wait(4)
    flows.close(packet)
    pair.tracker.wait(5)
    // Its last words are still its own.
    expect(pair.say(['s', 'FA'])).toEqual(['established'])
  })

  test('is as it was if it is not in the table, or is no TCP', () => {
    const tracker = new Tracker()
    const pair = new TcpPair(tracker)
    tracker.hold(pair.bytes('c', 'S'))
    tracker.flows.close(tracker.packet)
    expect(stateOf(pair)).toBe(TcpState.synSent)
    tracker.packet.flow = -1
    tracker.flows.close(tracker.packet)
    expect(tracker.flows.entries).toBe(1)
  })
})
