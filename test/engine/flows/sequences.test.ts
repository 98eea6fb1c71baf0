import { describe, expect, test } from 'vitest'
import { type Line, TcpPair, Tracker } from '../../support/tracker.js'

const HANDSHAKE: Line[] = [
  ['c', 'S'],
  ['s', 'SA'],
  ['c', 'A'],
]

/** A connection that is open, on which the client has sent and the server has acknowledged something. */
function open(tracker?: Tracker): TcpPair {
  const pair = new TcpPair(tracker)
  pair.say(...HANDSHAKE, ['c', 'PA', { length: 100 }], ['s', 'A'])
  return pair
}

describe('what ct state is in common sequences of TCP', () => {
  const NEW = 'new'
  const EST = 'established'
  const INV = 'invalid'

  test('a handshake and data', () => {
    expect(new TcpPair().say(...HANDSHAKE, ['c', 'PA', { length: 10 }], ['s', 'A'])).toEqual([
      NEW,
      EST,
      EST,
      EST,
      EST,
    ])
  })

  test('SYNs without an answer are all new, and the entry lives from the first one on', () => {
    const pair = new TcpPair()
    expect(pair.say(['c', 'S', { seq: 0 }])).toEqual([NEW])
    pair.tracker.wait(100)
    expect(pair.say(['c', 'S', { seq: 0 }], ['c', 'S', { seq: 0 }])).toEqual([NEW, NEW])
    expect(pair.tracker.flows.expiration(pair.tracker.flow)).toBe(20_000)
    pair.tracker.wait(21)
    // It has expired: this one begins another.
    expect(pair.say(['c', 'S', { seq: 0 }])).toEqual([NEW])
    expect(pair.tracker.flows.inserted).toBe(2)
  })

  test('a SYN in an open connection passes and changes nothing', () => {
    expect(new TcpPair().say(...HANDSHAKE, ['c', 'S', { absoluteSeq: 1000 }])).toEqual([NEW, EST, EST, EST])
  })

  test('refused: the entry goes with the RST, and the next SYN is new', () => {
    const pair = new TcpPair()
    expect(pair.say(['c', 'S'], ['s', 'RA'])).toEqual([NEW, EST])
    expect(pair.tracker.flows.entries).toBe(0)
    expect(pair.say(['c', 'S', { absoluteSeq: 1000 }])).toEqual([NEW])
  })

  test('refused by anybody: any RST that the windows let pass ends an unanswered SYN', () => {
    const pair = new TcpPair()
    expect(pair.say(['c', 'S'], ['s', 'RA', { absoluteSeq: 999999, absoluteAck: 1001 }])).toEqual([NEW, EST])
    expect(pair.tracker.flows.entries).toBe(0)
  })

  test('an ACK before the SYN-ACK is invalid', () => {
    expect(new TcpPair().say(['c', 'S'], ['c', 'A'])).toEqual([NEW, INV])
  })

  test('half-open: an ACK instead of a SYN-ACK, the RST it asks for, and the SYN again', () => {
    const pair = new TcpPair()
    const lines: Line[] = [
      ['c', 'S'],
      ['s', 'A', { absoluteSeq: 777, absoluteAck: 424242 }],
      ['c', 'R', { absoluteSeq: 424242 }],
      ['c', 'S', { absoluteSeq: 1000 }],
    ]
    expect(pair.say(...lines)).toEqual([NEW, EST, EST, NEW])
  })

  test.each(['SA', 'FA', 'R', 'RA', '', 'F', 'U', 'SF', 'SR', 'SRA', 'FPU'])(
    '%s comes first: invalid',
    (flags) => {
      const pair = new TcpPair()
      expect(pair.say(['c', flags])).toEqual([INV])
      expect(pair.tracker.flow).toBe(-1)
      expect(pair.tracker.flows.entries).toBe(0)
    },
  )

  test.each(['A', 'PA'])('%s comes first: picked up, and windows are not checked', (flags) => {
    const pair = new TcpPair()
    expect(pair.say(['c', flags, { length: 10 }], ['s', 'A'])).toEqual([NEW, EST])
    expect(pair.say(['c', 'PA', { seq: 10_000_000, length: 10 }], ['s', 'A', { ack: -5_000_000 }])).toEqual([
      EST,
      EST,
    ])
  })

  test('what is picked up lives 300 s until it is answered, and is ASSURED by the next ACK', () => {
    const pair = new TcpPair()
    const { flows } = pair.tracker
    pair.say(['c', 'A'])
    expect(flows.expiration(pair.tracker.flow)).toBe(300_000)
    pair.say(['s', 'A'])
    expect(flows.status(pair.tracker.flow) & 4).toBe(0)
    pair.say(['c', 'A'])
    expect(flows.status(pair.tracker.flow) & 4).toBe(4)
    expect(flows.expiration(pair.tracker.flow)).toBe(432_000_000)
  })

  test('without loose nothing is picked up', () => {
    expect(new TcpPair(new Tracker({ loose: false })).say(['c', 'A'], ['c', 'PA', { length: 1 }])).toEqual([
      INV,
      INV,
    ])
  })

  test('closed in order; a SYN to what waits in TIME_WAIT begins anew', () => {
    const pair = open()
    expect(pair.say(['c', 'FA'], ['s', 'A'], ['s', 'FA'], ['c', 'A'])).toEqual([EST, EST, EST, EST])
    expect(pair.tracker.flows.isClosing(pair.tracker.flow)).toBe(true)
    expect(
      pair.say(
        ['c', 'S', { absoluteSeq: 90_000 }],
        ['s', 'SA', { absoluteSeq: 80_000, absoluteAck: 90_001 }],
      ),
    ).toEqual([NEW, EST])
    expect(pair.tracker.flows.entries).toBe(1)
  })

  test('a SYN of the server in TIME_WAIT is new, and roles are exchanged', () => {
    const pair = open()
    pair.say(['c', 'FA'], ['s', 'A'], ['s', 'FA'], ['c', 'A'])
    expect(pair.say(['s', 'S', { absoluteSeq: 70_000 }])).toEqual([NEW])
    expect(pair.tracker.direction).toBe(0)
    expect(pair.say(['c', 'SA', { absoluteSeq: 1, absoluteAck: 70_001 }])).toEqual([EST])
    expect(pair.tracker.direction).toBe(1)
  })

  test('after a RST of the server the client’s SYN passes by, and the SYN-ACK to it makes it the connection', () => {
    const pair = open()
    expect(pair.say(['s', 'R'])).toEqual([EST])
    expect(pair.say(['c', 'S', { absoluteSeq: 500_000 }])).toEqual([EST])
    expect(pair.say(['s', 'SA', { absoluteSeq: 600_000, absoluteAck: 500_001 }])).toEqual([EST])
    pair.next[0] = 500_001
    pair.next[1] = 600_001
    expect(pair.say(['c', 'A'], ['c', 'PA', { length: 10 }], ['s', 'A'])).toEqual([EST, EST, EST])
  })

  test('after a RST of the client its SYN is new', () => {
    expect(open().say(['c', 'R'], ['c', 'S', { absoluteSeq: 500_000 }])).toEqual([EST, NEW])
  })

  test('a SYN within a connection, the challenge to it, the RST that answers it, and the SYN again', () => {
    const pair = open()
    const challenged = pair.next[0]
    expect(pair.say(['c', 'S', { absoluteSeq: 500_000 }], ['s', 'A'])).toEqual([EST, EST])
    expect(pair.say(['c', 'R', { absoluteSeq: challenged }], ['c', 'S', { absoluteSeq: 500_000 }])).toEqual([
      EST,
      NEW,
    ])
  })

  test('a SYN of the server or a SYN-ACK of the client within a connection is invalid', () => {
    expect(open().say(['s', 'S', { absoluteSeq: 1 }], ['c', 'SA', { seq: 0 }])).toEqual([INV, INV])
  })

  test('both open at once', () => {
    const pair = new TcpPair()
    const lines: Line[] = [
      ['c', 'S'],
      ['s', 'S'],
      ['c', 'SA', { absoluteSeq: 1000 }],
      ['s', 'SA', { absoluteSeq: 5000 }],
      ['c', 'A'],
      ['s', 'A'],
    ]
    expect(pair.say(...lines)).toEqual([NEW, EST, EST, EST, EST, EST])
  })

  test('RSTs: below what the peer has acknowledged and far above the window they are invalid', () => {
    const pair = open()
    expect(pair.say(['c', 'R', { seq: -1 }], ['c', 'R', { seq: 100_000 }])).toEqual([INV, INV])
    expect(pair.tracker.flows.entries).toBe(1)
  })

  test('a RST within the window but not where it is expected leaves the connection open, for ten seconds', () => {
    const pair = open()
    expect(pair.say(['c', 'R', { seq: 5 }])).toEqual([EST])
    const { flows, flow } = pair.tracker
    expect([flows.state(flow), flows.expiration(flow)]).toEqual([3, 10_000])
    expect(pair.say(['s', 'A', { ack: 5 }])).toEqual([EST])
    expect(flows.expiration(flow)).toBe(432_000_000)
  })

  test('a little beyond the window passes without effect, more is invalid', () => {
    const pair = open()
    const { flows } = pair.tracker
    expect(pair.say(['c', 'PA', { seq: 1001, length: 10 }])).toEqual([EST])
    expect(flows.expiration(pair.tracker.flow)).toBe(432_000_000)
    expect(pair.say(['c', 'PA', { seq: 3000, length: 10 }])).toEqual([INV])
  })

  test('an acknowledgement of what was never sent is invalid', () => {
    expect(open().say(['s', 'A', { ack: 1 }])).toEqual([INV])
  })

  test('old data and old acknowledgements pass', () => {
    const pair = open()
    expect(pair.say(['c', 'PA', { absoluteSeq: 1001, length: 50 }], ['s', 'A', { ack: -100 }])).toEqual([
      EST,
      EST,
    ])
  })

  test('an ACK after the entry has expired picks it up as new', () => {
    const pair = open()
    pair.tracker.wait(432_001)
    expect(pair.say(['c', 'A'])).toEqual([NEW])
  })

  test('liberal: whatever the windows say passes', () => {
    const pair = open(new Tracker({ liberal: true }))
    expect(pair.say(['c', 'PA', { seq: 900_000, length: 10 }], ['s', 'A', { ack: 500_000 }])).toEqual([
      EST,
      EST,
    ])
  })

  test('a SYN-ACK that was dropped has still answered', () => {
    const pair = new TcpPair()
    expect(pair.say(['c', 'S'], ['s', 'SA', { dropped: true }], ['c', 'S', { absoluteSeq: 1000 }])).toEqual([
      NEW,
      EST,
      EST,
    ])
  })

  test('a SYN that was dropped leaves nothing: the next one is new', () => {
    const pair = new TcpPair()
    expect(pair.say(['c', 'S', { dropped: true }])).toEqual([NEW])
    expect(pair.tracker.flows.entries).toBe(0)
    expect(pair.say(['s', 'SA', { absoluteAck: 1001 }], ['c', 'S', { absoluteSeq: 1000 }])).toEqual([
      INV,
      NEW,
    ])
  })
})
