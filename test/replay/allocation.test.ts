import { expect, test } from 'vitest'
import { openCapture } from '../../src/capture/open.js'
import { loadPolicy } from '../../src/load/load.js'
import { ReplayHost } from '../../src/replay/host.js'
import { parseLocal } from '../../src/replay/local.js'
import { Tally } from '../../src/replay/tally.js'

/** Times that each packet of the example is judged in a round, and rounds until the code is compiled, at most. */
const TIMES = 100
const ROUNDS = 40
/** Bytes for a packet: a boxed number would be 12 or 16. */
const NOTHING = 0.1

test('a packet of a capture allocates nothing: tracked, judged and counted', async () => {
  const seeds = [1, 2] as const
  const host = new ReplayHost(loadPolicy('examples/ai-server.yaml').ruleset, {
    ...parseLocal(['10.0.0.50/16', 'fd00:10::50/48']),
    ...{ forward: false, checksums: false, assume: {}, origin: 0n, timeZone: 'UTC', seeds, random: () => 0 },
  })
  const tally = new Tally(host.evaluator.deciders, host.flows.size, seeds)
  const { evaluator } = host
  let packets = 0
  let least = Number.POSITIVE_INFINITY
  // The first rounds run in the interpreter; the best shows what the code itself allocates.
  for (let round = 0; round < ROUNDS && least > NOTHING; round++) {
    const capture = await openCapture('examples/ai-server.pcapng')
    while (await capture.fill()) {
      const before = process.memoryUsage().heapUsed
      const first = packets
      while (capture.next()) {
        for (let i = 0; i < TIMES; i++) {
          const outcome = host.judge(capture)
          const { decider, flow, direction, state } = evaluator
          tally.add(host.packet, outcome, decider, flow, direction, state)
        }
        packets += TIMES
      }
      const growth = (process.memoryUsage().heapUsed - before) / (packets - first)
      if (packets - first > 10_000 && growth >= 0) least = Math.min(least, growth)
    }
    capture.close()
  }
  expect(least).toBeLessThan(NOTHING)
})
