import { median, type Report } from '../report.js'
import { Ours, Rival } from './contenders.js'
import { type Network, OPEN_ADDRESS, place } from './network.js'
import { Helper, type Programs, run } from './programs.js'

const ROUND_TRIPS = 3000
const ROUNDS = 9
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
    for (let round = 0; round < ROUNDS; round++) {
      const row: number[][] = []
      for (const address of [OPEN_ADDRESS, ours.place.address, rival.place.address])
        row.push(await roundTrips(address, network, programs))
      measured.push(row)
    }
    PERCENTILES.forEach(({ name }, p) => {
      const added = (i: number) => median(measured.map((row) => row[i]![p]! - row[0]![p]!))
      const value = added(1)
      const rivalValue = added(2)
      const none = median(measured.map((row) => row[0]![p]!))
      report({ bench: 'queue', case: `round trip without a queue, ${name}`, value: none, unit: 'µs' })
      report({
        bench: 'queue',
        case: `added round trip, ${name}`,
        value,
        unit: 'µs',
        rival: 'one-by-one C',
        rivalValue,
        ratio: rivalValue / value,
      })
    })
  } finally {
    await Promise.all([echo.stop(), rival.stop(), ours.stop()])
  }
}

/** The percentiles of many round trips, in microseconds. */
async function roundTrips(address: string, network: Network, programs: Programs): Promise<number[]> {
  const printed = await run(...network.atPeer(programs.path('ping'), PORT, address, String(ROUND_TRIPS)))
  const sorted = Float64Array.from(printed.trim().split('\n'), Number).sort()
  return PERCENTILES.map(({ share }) => sorted[Math.floor(sorted.length * share)]! / 1000)
}
