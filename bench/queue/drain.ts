import { setTimeout as sleep } from 'node:timers/promises'
import { median, type Report } from '../report.js'
import { type Contender, Ours, Rival, type VerdictName } from './contenders.js'
import { type Network, PEER_LINK, place } from './network.js'
import { type Programs, run } from './programs.js'

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
  const contenders: Contender[] = []
  try {
    contenders.push(await Ours.start(place(0)))
    contenders.push(await Rival.start(place(1), programs, 'one-by-one'))
    contenders.push(await Rival.start(place(2), programs, 'batched'))
    for (const verdict of ['accept', 'drop'] as const) {
      const [ours, oneByOne, batched] = await rates(verdict, contenders, network, programs)
      const figure = { bench: 'queue', case: `drain, ${verdict}`, value: ours!, unit: 'packets/s' }
      report({ ...figure, rival: 'one-by-one C', rivalValue: oneByOne!, ratio: ours! / oneByOne! })
      report({ ...figure, rival: 'batched C', rivalValue: batched!, ratio: ours! / batched! })
    }
  } finally {
    for (const contender of contenders) await contender.stop()
  }
}

/** Packets a second of each contender: they take turns, so that what else the machine does hits all alike. */
async function rates(
  verdict: VerdictName,
  contenders: readonly Contender[],
  network: Network,
  programs: Programs,
): Promise<number[]> {
  const measured: number[][] = contenders.map(() => [])
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    for (const [i, contender] of contenders.entries()) {
      const count = await fill(verdict, round, contender, network, programs)
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
  { place }: Contender,
  network: Network,
  programs: Programs,
): Promise<number> {
  const { first, sources } = TRAFFIC[verdict]
  const numbers = [FILL, first, sources, round * FILL].map(String)
  await run(...network.atPeer(programs.path('flood'), PEER_LINK, ...numbers, place.address, String(PORT)))
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
