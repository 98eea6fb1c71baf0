import { setTimeout as sleep } from 'node:timers/promises'
import { median, type Report } from '../report.js'
import { type Contender, Ours, Rival, type VerdictName } from './contenders.js'
import { type Network, PEER_LINK, type Place, place } from './network.js'
import { Helper, type Programs } from './programs.js'

/** Packets that the queue is filled with; fewer, if the receive buffer may not be as large as they need. */
const FILL = 32_768
const WARM_UP = 3
const ROUNDS = 11

/** SYNs to port 11434: of the internal network, each source a few times a run only; and of strangers. */
const TRAFFIC: Readonly<Record<VerdictName, { first: string; sources: number }>> = {
  accept: { first: '10.0.4.0', sources: 60_000 },
  drop: { first: '198.51.0.0', sources: 60_000 },
}
const PORT = 11434

/** Fills the queue of a consumer that does not read, then lets it go: the sender's speed has no part in it. */
export async function drain(report: Report, network: Network, programs: Programs): Promise<void> {
  await network.divertFlood()
  // A process that lives on: to fork one each time would have our next packets fault on every page they touch.
  const flood = new Helper(...network.atPeer(programs.path('flood'), PEER_LINK))
  const contenders: Contender[] = []
  try {
    contenders.push(await Ours.start(place(0)))
    contenders.push(await Rival.start(place(1), programs, 'one-by-one'))
    contenders.push(await Rival.start(place(2), programs, 'batched'))
    for (const verdict of ['accept', 'drop'] as const) {
      const [ours, oneByOne, batched] = await rates(verdict, contenders, network, flood)
      const figure = { bench: 'queue', case: `drain, ${verdict}`, value: ours!, unit: 'packets/s' }
      report({ ...figure, rival: 'one-by-one C', rivalValue: oneByOne!, ratio: ours! / oneByOne! })
      report({ ...figure, rival: 'batched C', rivalValue: batched!, ratio: ours! / batched! })
    }
  } finally {
    await Promise.all([flood.stop(), ...contenders.map((contender) => contender.stop())])
  }
}

/** Packets a second of each contender: they take turns, so that what else the machine does hits all alike. */
async function rates(
  verdict: VerdictName,
  contenders: readonly Contender[],
  network: Network,
  flood: Helper,
): Promise<number[]> {
  const measured: number[][] = contenders.map(() => [])
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    for (const [i, contender] of contenders.entries()) {
      const count = await fill(verdict, round, contender.place, network, flood)
      const rate = count / ((await contender.drain(count, verdict)) / 1e9)
      const left = network.state(contender.place)?.waiting
      if (left !== 0) throw new Error(`${left} packets were left without a verdict`)
      if (round >= WARM_UP) measured[i]!.push(rate)
    }
  }
  return measured.map(median)
}

/** Returns how many packets wait: whatever the kernel dropped for want of room does not count. */
async function fill(
  verdict: VerdictName,
  round: number,
  place: Place,
  network: Network,
  flood: Helper,
): Promise<number> {
  const { first, sources } = TRAFFIC[verdict]
  flood.say([FILL, first, sources, round * FILL, place.address, PORT].join(' '))
  await flood.line()
  for (let before = -1; ; ) {
    const waiting = network.state(place)?.waiting ?? 0
    if (waiting === before) {
      if (waiting === 0) throw new Error('no packet of the flood reached the queue')
      return waiting
    }
    before = waiting
    await sleep(5)
  }
}
