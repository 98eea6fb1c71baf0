import type { Batch } from 'node-netfilter-queue'
import { expect, test } from 'vitest'
import { compile } from '../../src/engine/compile/compile.js'
import { Engine } from '../../src/engine/judge.js'
import { EventRing } from '../../src/engine/state/events.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import { BanMemory } from '../../src/queue/bans/memory.js'
import { Consumer, Total } from '../../src/queue/consumer.js'
import { STATES } from '../../src/queue/marks.js'
import { environment } from '../support/environment.js'
import { segment } from '../support/packets.js'

const [NEW, RELATED] = STATES
const POLICY = `
inbound:
  - allow: ollama
    port: tcp/11434
    from: [10.0.0.0/16, fd00::/48]
    interface: eth*
outbound: []
`

interface Queued {
  bytes: Uint8Array
  mark: number
  iif?: number
}

/** A batch as the addon hands it over. */
function batchOf(packets: readonly Queued[]): Batch {
  const count = packets.length
  const buffer = new Uint8Array(count * 2048)
  const words = () => new Uint32Array(count)
  const offset = Uint32Array.from(packets, (_, i) => i * 2048)
  packets.forEach(({ bytes }, i) => {
    buffer.set(bytes, i * 2048)
  })
  const length = Uint32Array.from(packets, ({ bytes }) => bytes.length)
  const mark = Uint32Array.from(packets, ({ mark }) => mark)
  return {
    buffer,
    offset,
    length,
    trueLength: length,
    mark,
    id: words(),
    hook: new Uint8Array(count).fill(1),
    protocol: new Uint16Array(count),
    inputInterface: Uint32Array.from(packets, ({ iif = 2 }) => iif),
    outputInterface: words(),
    hardwareAddress: new Uint8Array(count * 8),
    hardwareAddressLength: new Uint8Array(count),
    timestamp: new Float64Array(count),
    checksum: new Uint8Array(count),
    uid: words(),
    gid: words(),
    conntrackInfo: words(),
    now: new Float64Array(1),
    verdict: new Uint8Array(count),
    verdictMark: mark.slice(),
  }
}

function consume(packets: readonly Queued[], names = new Map([[2, 'eth0']]), banned = new BanMemory()) {
  const batch = batchOf(packets)
  const events = new EventRing()
  const totals = new Float64Array(4)
  const engine = new Engine(compile(parsePolicy(POLICY, 'p.yaml')), environment())
  const consumer = new Consumer(batch, engine, events, totals, banned, (index) => names.get(index) ?? '')
  consumer.judge(packets.length)
  return { batch, consumer, totals, events: [...events.read()], verdicts: Array.from(batch.verdict) }
}

const syn = (source: string, port = 11434) =>
  segment('tcp', source, source.includes(':') ? 'fd00::50' : '10.0.0.50', port)

test('new connections are judged, in both IP versions', () => {
  const { verdicts, totals } = consume([
    { bytes: syn('10.0.0.7'), mark: NEW.mark },
    { bytes: syn('10.1.0.7'), mark: NEW.mark },
    { bytes: syn('fd00::7'), mark: NEW.mark },
    { bytes: syn('10.0.0.7', 22), mark: NEW.mark },
  ])
  expect(verdicts).toEqual([1, 0, 1, 0])
  expect([totals[Total.accepted], totals[Total.dropped], totals[Total.malformed]]).toEqual([2, 2, 0])
})

test('the state comes with the mark; without one, nothing matches that asks for it', () => {
  const { verdicts } = consume([
    { bytes: syn('203.0.113.9', 1), mark: RELATED.mark },
    { bytes: syn('10.0.0.7'), mark: 0 },
    { bytes: syn('10.0.0.7'), mark: 0x0f000000 },
  ])
  expect(verdicts).toEqual([1, 0, 0])
})

test('who is banned is refused, whatever the policy says', () => {
  const banned = new BanMemory()
  banned.add(32, 32, 0x0a000007n)
  banned.add(128, 64, 0xfd00n << 112n)
  const packets = ['10.0.0.7', '10.0.0.8', 'fd00::7', 'fd00:0:0:1::7'].map((source) => ({
    bytes: syn(source),
    mark: NEW.mark,
  }))
  const { verdicts, totals, events } = consume(packets, undefined, banned)
  expect(verdicts).toEqual([0, 1, 0, 1])
  expect([totals[Total.dropped], totals[Total.banned], events]).toEqual([2, 2, []])
})

test('accepted packets get their own mark back, without our bits', () => {
  const { batch } = consume([{ bytes: syn('10.0.0.7'), mark: NEW.mark | 0x80000042 }])
  expect(batch.verdictMark[0]).toBe(0x80000042)
})

test('what is no IP packet is dropped, counted and told', () => {
  const { verdicts, totals, events } = consume([
    { bytes: new Uint8Array(0), mark: NEW.mark },
    { bytes: syn('10.0.0.7').slice(0, 19), mark: NEW.mark },
    { bytes: new Uint8Array(60).fill(0xff), mark: NEW.mark },
  ])
  expect(verdicts).toEqual([0, 0, 0])
  expect(totals[Total.malformed]).toBe(3)
  expect(events.map(({ family }) => family)).toEqual([0, 0, 0])
})

test('interfaces are asked for their names once, and again on request', () => {
  const names = new Map([[2000, 'eth1']])
  const { batch, consumer, verdicts } = consume(
    [{ bytes: syn('10.0.0.7'), mark: NEW.mark, iif: 2000 }],
    names,
  )
  expect(verdicts).toEqual([1])
  const again = () => {
    batch.verdict.fill(0)
    consumer.judge(1)
    return batch.verdict[0]
  }
  names.set(2000, 'wlan0')
  expect(again()).toBe(1)
  consumer.refreshInterfaces()
  expect(again()).toBe(0)
  names.clear()
  consumer.refreshInterfaces()
  expect(again()).toBe(0)
})

test('refused packets become events', () => {
  const { events } = consume([{ bytes: syn('fd00:1::9', 22), mark: NEW.mark }])
  expect(events).toHaveLength(1)
  expect(events[0]).toMatchObject({
    hook: 1,
    family: 10,
    l4proto: 6,
    sourcePort: 40000,
    destinationPort: 22,
    iif: 2,
    length: 60,
  })
  expect(Array.from(events[0]!.source, (word) => word >>> 0)).toEqual([0xfd000001, 0, 0, 9])
  expect(Array.from(events[0]!.destination, (word) => word >>> 0)).toEqual([0xfd000000, 0, 0, 0x50])
})
