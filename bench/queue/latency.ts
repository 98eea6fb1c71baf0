import { median, type Report } from '../report.js'
import { Ours, Rival } from './contenders.js'
import { type Network, OPEN_ADDRESS, place } from './network.js'
import { Helper, type Programs, run } from './programs.js'

const ROUND_TRIPS = 2000
const ROUNDS = 11
/** Milliseconds after which a slow machine is spared the rounds that are left. */
const ENOUGH = 12_000
/** The web UI. */
const PORT = '8080'

const PERCENTILES = [
  { name: 'median', share: 0.5 },
  { name: '99 %', share: 0.99 },
] as const

/** A byte to and fro over TCP, both packets queued at the gate: what does that add to no queue at all? */
export async function latency(report: Report, network: Network, programs: Programs): Promise<void> {
  await network.divertAll()
  const ours = await Ours.start(place(0))
  const rival = await Rival.start(place(1), programs, 'one-by-one')
  const echo = new Helper(programs.path('ping'), [PORT])
  try {
    await echo.line()
    ours.run()
    rival.run()
    const measured: number[][][] = []
    const start = performance.now()
    for (let round = 0; round < ROUNDS && performance.now() - start < ENOUGH; round++) {
      const row: number[][] = []
      for (const address of [OPEN_ADDRESS, ours.place.address, rival.place.address])
        row.push(await roundTrips(address, network, programs))
      measured.push(row)
    }
    PERCENTILES.forEach(({ name }, p) => {
      const [none, value, rivalValue] = [0, 1, 2].map((i) => median(measured.map((row) => row[i]![p]!)))
      tell(report, name, none!, value! - none!, rivalValue! - none!)
    })
  } finally {
    await Promise.all([echo.stop(), rival.stop(), ours.stop()])
  }
}

function tell(report: Report, name: string, none: number, value: number, rivalValue: number): void {
  const added = { bench: 'queue', case: `round trip, added, ${name}`, value, unit: 'µs' }
  report({ bench: 'queue', case: `round trip without a queue, ${name}`, value: none, unit: 'µs' })
  // Where noise is more than what is added, a ratio says nothing.
  if (value > 0 && rivalValue > 0)
    report({ ...added, rival: 'one-by-one C', rivalValue, ratio: rivalValue / value })
  else report(added)
}

/** The percentiles of many round trips, in microseconds. */
async function roundTrips(address: string, network: Network, programs: Programs): Promise<number[]> {
  const printed = await run(...network.atPeer(programs.path('ping'), PORT, address, String(ROUND_TRIPS)))
  const sorted = Float64Array.from(printed.trim().split('\n'), Number).sort()
  return PERCENTILES.map(({ share }) => sorted[Math.floor(sorted.length * share)]! / 1000)
}
