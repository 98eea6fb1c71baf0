import { setTimeout as sleep } from 'node:timers/promises'
import { median, type Report } from '../report.js'
import { type Contender, Ours, Rival } from './contenders.js'
import { type Network, type Place, place } from './network.js'
import type { Programs } from './programs.js'
import { type Kind, Sender } from './traffic.js'

/** Packets that the queue is filled with; fewer, if the receive buffer may not be as large as they need. */
const FILL = 32_768
const WARM_UP = 3
const ROUNDS = 11
/** Milliseconds after which a slow machine is spared the rounds that are left. */
const ENOUGH = 12_000

/** Fills the queue of a consumer that does not read, then lets it go: the sender's speed has no part in it. */
export async function drain(report: Report, network: Network, programs?: Programs): Promise<void> {
  await network.divertFlood()
  const sender = new Sender(network, programs)
  const contenders: Contender[] = []
  try {
    contenders.push(await Ours.start(place(0)))
    if (programs !== undefined) {
      contenders.push(await Rival.start(place(1), programs, 'one-by-one'))
      contenders.push(await Rival.start(place(2), programs, 'batched'))
    }
    for (const kind of sender.kinds) {
      const [value, ...rivals] = await rates(kind, contenders, network, sender)
      const figure = { bench: 'queue', case: `drain, ${kind.name}`, value: value!, unit: 'packets/s' }
      if (rivals.length === 0) report(figure)
      rivals.forEach((rivalValue, i) => {
        const rival = contenders[i + 1]!.name
        report({ ...figure, rival, rivalValue, ratio: value! / rivalValue })
      })
    }
  } finally {
    await Promise.all([sender.stop(), ...contenders.map((contender) => contender.stop())])
  }
}

/** Packets a second of each contender: they take turns, so that what else the machine does hits all alike. */
async function rates(
  kind: Kind,
  contenders: readonly Contender[],
  network: Network,
  sender: Sender,
): Promise<number[]> {
  const measured: number[][] = contenders.map(() => [])
  const start = performance.now()
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    for (const [i, contender] of contenders.entries()) {
      await sender.send(FILL, kind, round * FILL, contender.place.address)
      const count = await settled(network, contender.place)
      const rate = count / ((await contender.drain(count, kind.verdict)) / 1e9)
      const left = network.state(contender.place)?.waiting
      if (left !== 0) throw new Error(`${contender.name} left ${left} packets without a verdict`)
      if (round >= WARM_UP) measured[i]!.push(rate)
    }
    if (round >= WARM_UP && performance.now() - start > ENOUGH) break
  }
  return measured.map(median)
}

/** Returns how many packets wait: what the kernel dropped for want of room does not count. */
async function settled(network: Network, place: Place): Promise<number> {
  for (let before = -1; ; ) {
    const waiting = network.state(place)?.waiting ?? 0
    if (waiting === before) {
      if (waiting === 0) throw new Error('no packet reached the queue')
      return waiting
    }
    before = waiting
    await sleep(5)
  }
}
