import { describe, expect, test } from 'vitest'
import type { Connections, ConnectionTuple } from '../../../src/engine/environment.js'
import { CtState } from '../../../src/packet/packet.js'
import { segment } from '../../support/packets.js'
import { rules, type Told } from '../../support/reference.js'

const udp = segment('udp', '10.0.0.7', '10.0.0.1', 9)

/** Connections of UDP from 10.0.0.7; the number of the source port is that of the flow. */
class Table implements Connections {
  readonly marks = new Map<number, number>()
  readonly words = new Map<string, number>()
  confirmed = new Set<number>()
  closing = new Set<number>()
  status: (flow: number) => number = () => 0b1110
  mark = (flow: number) => this.marks.get(flow) ?? 0
  setMark = (flow: number, mark: number) => void this.marks.set(flow, mark)
  label = (flow: number, word: number) => this.words.get(`${flow} ${word}`) ?? 0
  setLabel = (flow: number, word: number, value: number) => void this.words.set(`${flow} ${word}`, value)
  l3proto = () => 2
  protocol = () => 17
  source = (_: number, direction: number) => (direction === 0 ? 0x0a000007 : 0x0a000001)
  destination = (_: number, direction: number) => (direction === 0 ? 0x0a000001 : 0x0a000007)
  sourcePort = (flow: number, direction: number) => (direction === 0 ? flow : 9)
  destinationPort = (flow: number, direction: number) => (direction === 0 ? 9 : flow)
  packets = (_: number, direction: number) => (direction === 0 ? 3 : 1)
  bytes = (_: number, direction: number) => (direction === 0 ? 300 : 60)
  expiration = () => 30_000
  id = () => 77
  isClosing = (flow: number) => this.closing.has(flow)
  find = ({ ports }: ConnectionTuple) => (this.confirmed.has(ports >>> 16) ? ports >>> 16 : -1)
}

const TRACKED: Told = { flow: 5, ctState: CtState.established }

describe('ct keys', () => {
  test.each([
    'ct status assured',
    'ct status != assured',
    'ct direction original',
    'ct mark 0',
    'ct expiration 30s',
    'ct original ip saddr 10.0.0.7',
    'ct reply ip daddr 10.0.0.7',
    'ct original proto-src 5',
    'ct l3proto ipv4',
    'ct protocol udp',
    'ct packets 4',
    'ct original bytes 300',
    'ct avgpkt 90',
    'ct zone 0',
  ])('%s', (match) => {
    const { ask } = rules(`${match} accept`, {}, { connections: new Table() })
    expect(ask(udp, TRACKED).verdict).toBe('accept')
    // Without a connection there is no answer.
    expect(ask(udp, { flow: -1, ctState: CtState.invalid }).verdict).toBe('drop')
  })

  test('an address of the other family is not there', () => {
    const { ask } = rules('ct original ip6 saddr != ::1 accept', {}, { connections: new Table() })
    expect(ask(udp, TRACKED).verdict).toBe('drop')
  })

  test('a mark is set where there is a connection, and the rule goes on where there is none', () => {
    const connections = new Table()
    const { ask } = rules('ct mark set meta mark | 0x10 accept', {}, { connections })
    expect(ask(udp, { ...TRACKED, mark: 3 }).verdict).toBe('accept')
    expect(connections.marks).toEqual(new Map([[5, 0x13]]))
    expect(ask(udp, { flow: -1 }).verdict).toBe('accept')
    expect(connections.marks.size).toBe(1)
  })

  test('labels are added, and asked for one by one or all together', () => {
    const connections = new Table()
    const { ask } = rules(
      'ct label set 1\nct label set 100\nct label 100 ct label != 100 ct label 1 accept',
      {},
      { connections },
    )
    expect(ask(udp, TRACKED).verdict).toBe('accept')
    expect(connections.words.get('5 3')).toBe(1 << 4)
    expect(connections.words.get('5 0')).toBe(2)
  })
})

describe('ct count', () => {
  const asker = (rule: string) => {
    const connections = new Table()
    connections.status = (flow) => (connections.confirmed.has(flow) ? 0b1110 : 0)
    const { ask } = rules(`${rule} accept`, {}, { connections })
    return {
      connections,
      of: (flow: number, at: number) => ask(udp, { flow, ctState: CtState.new, at }).verdict,
    }
  }

  test('counts connections; those that were let in are not counted twice', () => {
    const { connections, of } = asker('ct count 2')
    expect(of(1, 0)).toBe('accept')
    expect(of(2, 0)).toBe('accept')
    connections.confirmed = new Set([1, 2])
    expect(of(3, 4)).toBe('drop')
    expect(of(1, 8)).toBe('accept')
    expect(of(3, 12)).toBe('drop')
  })

  test('those that are gone or closing make room', () => {
    const { connections, of } = asker('ct count over 1')
    expect([of(1, 0), of(2, 0)]).toEqual(['drop', 'accept'])
    connections.confirmed = new Set([1])
    expect(of(3, 4)).toBe('accept')
    connections.closing = new Set([1])
    expect(of(4, 8)).toBe('drop')
  })

  test('what has no connection and cannot have one is dropped', () => {
    const { ask } = rules('ct count 5 accept\naccept', {}, { connections: new Table() })
    const cut = udp.slice(0, 23)
    expect(ask(cut, { flow: -1, ctState: CtState.invalid }).verdict).toBe('drop')
    expect(ask(udp, { flow: -1, ctState: CtState.invalid }).verdict).toBe('accept')
  })
})
