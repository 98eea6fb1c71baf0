/** What does a look at the limiter take, and would `lru-cache` do as its table of sources? */
import { LRUCache } from 'lru-cache'
import { Window } from '../src/engine/state/window.js'
import { Column, Family, Packet } from '../src/packet/packet.js'
import { nanoseconds, type Report } from './report.js'
import { random } from './traffic.js'

const OPERATIONS = 1_000_000
const RATE = 20
/** Milliseconds. */
const PER = 60_000

export function window(report: Report): void {
  for (const sources of [1000, 10_000, 100_000, 1_000_000]) {
    const order = accesses(sources)
    const value = typed(sources, order)
    const rivalValue = cached(sources, order)
    report({
      bench: 'window',
      case: `${sources.toLocaleString('en')} sources`,
      value,
      unit: 'ns/packet',
      rival: 'lru-cache',
      rivalValue,
      ratio: rivalValue / value,
    })
  }
}

/** Which source each packet comes from: any, equally often. */
function accesses(sources: number): Int32Array {
  const next = random(sources)
  return Int32Array.from({ length: OPERATIONS }, () => 0x0a000000 + Math.floor(next() * sources))
}

function typed(sources: number, order: Int32Array): number {
  const spec = { name: 'bench', rate: RATE, per: PER, strict: false, size: sources, prefix4: 32, prefix6: 64 }
  const window = new Window(spec, [1, 2])
  const packet = new Packet()
  packet.fields[Column.nfproto] = Family.ipv4
  return nanoseconds(
    (count) => {
      for (let i = 0; i < count; i++) {
        packet.fields[Column.saddr4] = order[i]!
        packet.time[0]! += 1e5
        window.admit(packet)
      }
    },
    OPERATIONS,
    5,
  )
}

interface Ring {
  readonly stamps: Float64Array
  count: number
  oldest: number
}

/** The same window over a table of lru-cache: rings by address. */
function cached(sources: number, order: Int32Array): number {
  const table = new LRUCache<number, Ring>({ max: sources })
  let now = 0
  const admit = (address: number) => {
    let ring = table.get(address)
    if (ring === undefined) {
      ring = { stamps: new Float64Array(RATE), count: 0, oldest: 0 }
      table.set(address, ring)
    }
    if (ring.count < RATE) {
      ring.stamps[ring.count++] = now
      return true
    }
    if (now - ring.stamps[ring.oldest]! < PER * 1e6) return false
    ring.stamps[ring.oldest] = now
    ring.oldest = ring.oldest + 1 === RATE ? 0 : ring.oldest + 1
    return true
  }
  return nanoseconds(
    (count) => {
      for (let i = 0; i < count; i++) {
        now += 1e5
        admit(order[i]!)
      }
    },
    OPERATIONS,
    5,
  )
}
