import { expect, test } from 'vitest'
import { Flows } from '../../../src/engine/state/flows/flows.js'
import { Fragments, Reassembly } from '../../../src/engine/state/fragments/reassembly.js'
import { CtState, Hook, Packet } from '../../../src/packet/packet.js'
import { conversations } from '../../support/conversations.js'

const PACKETS = 20_000
/** How often they come in a round: so often that what a look at the heap leaves there does not count. */
const TIMES = 10
const ROUNDS = 8

test('a packet allocates nothing: put together, tracked, confirmed or released, evicted and expired', () => {
  const steps = conversations({ seed: 10, packets: PACKETS, mode: 'forward' })
  const offsets = new Int32Array(steps.length + 1)
  steps.forEach(({ bytes }, i) => {
    offsets[i + 1] = offsets[i]! + bytes.length
  })
  const buffer = new Uint8Array(offsets.at(-1)!)
  steps.forEach(({ bytes }, i) => {
    buffer.set(bytes, offsets[i])
  })
  const flows = new Flows({ seeds: [1, 2], size: 200, accounting: true })
  const reassembly = new Reassembly({ seeds: [1, 2] })
  const packet = new Packet()
  packet.attach(buffer)
  packet.hook = Hook.prerouting
  const whole = new Packet()
  whole.attach(reassembly.buffer)
  whole.hook = Hook.prerouting
  const follow = (packet: Packet, i: number) => {
    packet.ctState = CtState.invalid
    if (flows.track(packet) && (i & 15) !== 0) flows.confirm(packet)
    else flows.release(packet)
  }
  const run = () => {
    for (let i = 0; i < steps.length; i++) {
      packet.time[0]! += 1e5
      if (!packet.parse(offsets[i]!, offsets[i + 1]! - offsets[i]!)) continue
      const said = reassembly.push(packet)
      if (said === Fragments.whole) follow(packet, i)
      else if (said === Fragments.complete) {
        whole.parse(reassembly.offset, reassembly.length)
        whole.time[0] = packet.time[0]!
        follow(whole, i)
      }
    }
    // So much that all is over.
    packet.time[0]! += 1e18
  }
  const growths = Array.from({ length: ROUNDS }, () => {
    const before = process.memoryUsage().heapUsed
    for (let time = 0; time < TIMES; time++) run()
    return process.memoryUsage().heapUsed - before
  })
  expect(flows.evicted).toBeGreaterThan(0)
  expect(reassembly.completed).toBeGreaterThan(0)
  // The first rounds run in the interpreter; the best of the rest shows what the code itself allocates.
  const least = Math.min(...growths.slice(ROUNDS / 2).filter((growth) => growth >= 0))
  expect(least / (PACKETS * TIMES)).toBeLessThan(0.1)
}, 30_000)
