import { describe, expect, test } from 'vitest'
import { segment } from '../../support/packets.js'
import { FakeConnections, type FakeFlow, fakeFlow } from '../../support/xtables-connections.js'
import { type Answer, contextOf, matcher } from '../../support/xtables-run.js'

const ASSURED = 4
const packet = segment('tcp', '10.0.0.7', '10.0.0.1', 80)

/** A connlimit, connections to try it with, and how many it says a packet's source has: `drop` where it drops. */
function counter() {
  const connections = new FakeConnections()
  const context = contextOf({ connections })
  const matches = Array.from({ length: 8 }, (_, count) =>
    matcher({ name: 'connlimit', count, above: true, mask: 32, side: 'source' }, { context }),
  )
  const open = (changes: Partial<FakeFlow> = {}) =>
    connections.flows.push(fakeFlow({ sourcePort: [connections.flows.length, 80], ...changes })) - 1
  const count = (flow: number, ms: number): number | 'drop' => {
    const answers = matches.map((match): Answer => match(packet, { flow, ms }))
    if (answers.includes('hotdrop')) return 'drop'
    return answers.filter((answer) => answer === 'yes').length
  }
  /** The first packet of a connection that is then let in. */
  const connect = (ms: number): [flow: number, count: number | 'drop'] => {
    const flow = open()
    const counted = count(flow, ms)
    connections.flows[flow]!.confirmed = true
    return [flow, counted]
  }
  return { flows: connections.flows, open, count, connect }
}

describe('connlimit', () => {
  test('counts the connections of a source, each of them once', () => {
    const { connect, count } = counter()
    const [first, one] = connect(0)
    expect([one, connect(0)[1], connect(20)[1]]).toEqual([1, 2, 3])
    expect(count(first, 40)).toBe(3)
  })

  test('an attempt that was refused counts until the next tick', () => {
    const { connect, count, open } = counter()
    connect(0)
    expect([count(open(), 20), count(open(), 20), count(open(), 20)]).toEqual([2, 3, 4])
    expect(count(open(), 24)).toBe(2)
  })

  test('within a tick no more than 64 are added without a look at those there', () => {
    const { count, open } = counter()
    for (let i = 0; i < 64; i++) count(open(), 0)
    expect(count(open(), 0)).toBe(1)
  })

  test('a connection that is closing no longer counts when a new one comes', () => {
    const { connect, flows } = counter()
    const [first] = connect(0)
    connect(0)
    flows[first]!.closing = true
    expect(connect(20)[1]).toBe(2)
  })

  test('packets of a young connection look no further than itself; those of an old one look at all', () => {
    const { connect, count, flows } = counter()
    const [first] = connect(0)
    const [second] = connect(0)
    const [third] = connect(0)
    flows[second]!.confirmed = false
    expect(count(first, 20)).toBe(3)
    flows[first]!.status = ASSURED
    expect(count(first, 40)).toBe(2)
    expect(count(third, 60)).toBe(2)
  })

  test('a young connection that began before the rule is added, an old one is not', () => {
    const { connect, count, open } = counter()
    connect(0)
    expect(count(open({ confirmed: true }), 20)).toBe(2)
    expect(count(open({ confirmed: true, status: ASSURED }), 40)).toBe(2)
  })

  test("a source's last connection drops its own packets once it is closing, as in the kernel", () => {
    const { connect, count, flows } = counter()
    const [only] = connect(0)
    flows[only]!.status = ASSURED
    expect(count(only, 20)).toBe(1)
    flows[only]!.closing = true
    expect(count(only, 40)).toBe('drop')
    expect(connect(60)[1]).toBe(1)
  })

  test('the first packet of a source counts, of whatever connection', () => {
    const { count, open } = counter()
    expect(count(open({ confirmed: true, status: ASSURED }), 0)).toBe(1)
  })

  test('packets of no connection count as one that ends at once; without ports they are dropped', () => {
    const { count } = counter()
    expect([count(-1, 0), count(-1, 0), count(-1, 20)]).toEqual([1, 2, 1])
    const context = contextOf({ connections: new FakeConnections() })
    const match = matcher({ name: 'connlimit', count: 9, above: true, mask: 32, side: 'source' }, { context })
    expect(match(packet.slice(0, 23))).toBe('hotdrop')
  })

  test('upto is the opposite of above; the mask and the side say what is one source', () => {
    const connections = new FakeConnections([
      fakeFlow({ confirmed: true }),
      fakeFlow({ confirmed: true, sourcePort: [40001, 22] }),
    ])
    const context = contextOf({ connections })
    const match = matcher(
      { name: 'connlimit', count: 1, above: false, mask: 24, side: 'destination' },
      { context },
    )
    expect(match(segment('tcp', '10.0.0.7', '10.0.0.1', 80), { flow: 0 })).toBe('yes')
    expect(match(segment('tcp', '10.9.9.9', '10.0.0.200', 80), { flow: 1 })).toBe('no')
    expect(match(segment('tcp', '10.9.9.9', '10.0.1.200', 80), { flow: 1 })).toBe('yes')
  })
})
