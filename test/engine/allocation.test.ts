import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { compile } from '../../src/engine/compile/compile.js'
import { Engine } from '../../src/engine/judge.js'
import { EventRing } from '../../src/engine/state/events.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import { CtState, Packet } from '../../src/packet/packet.js'
import { environment } from '../support/environment.js'
import { segment } from '../support/packets.js'

const FILE = 'examples/ai-server.yaml'
/** Too few for their garbage, if there were any, to be collected in between: 8 bytes each would be 1.6 MB. */
const PACKETS = 200_000

test('a packet allocates nothing: parsed, judged, counted, limited, refused and written down', () => {
  const engine = new Engine(compile(parsePolicy(readFileSync(FILE, 'utf8'), FILE)), environment())
  const ring = new EventRing()
  const packet = new Packet()
  const size = 64
  const sources = [
    '10.0.0.7',
    '10.0.3.9',
    'fd00:10::9',
    '203.0.113.9',
    '2001:db8::1',
    '10.0.0.100',
    'fd00:10::5',
    '10.0.0.5',
  ]
  const buffer = new Uint8Array(sources.length * size)
  for (const [i, source] of sources.entries()) {
    const destination = source.includes(':') ? 'fd00:10::50' : '10.0.0.50'
    buffer.set(segment('tcp', source, destination, [11434, 8080, 22][i % 3]!), i * size)
  }
  packet.attach(buffer)
  packet.ctState = CtState.new
  const run = () => {
    for (let i = 0; i < PACKETS; i++) {
      packet.parse((i & 7) * size, 60)
      packet.mark = i
      packet.time[0]! += 1e7
      if (engine.judge(packet) === 0) ring.write(packet, engine.decidedBy, engine.refusedBy)
    }
  }
  const growths = Array.from({ length: 12 }, () => {
    const before = process.memoryUsage().heapUsed
    run()
    return process.memoryUsage().heapUsed - before
  })
  // The first rounds run in the interpreter; the best of the rest shows what the code itself allocates.
  const least = Math.min(...growths.slice(6).filter((growth) => growth >= 0))
  expect(least / PACKETS).toBeLessThan(0.1)
})
