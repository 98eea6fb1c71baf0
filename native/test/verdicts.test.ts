import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ACCEPT, DROP, type Queue, REPEAT } from '../index.js'
import { numbered, open, payload, rule, send, table, until } from './helpers.js'

interface Decision {
  verdict: number
  /** undefined: leave the mark as it is */
  mark: number | undefined
}

/** Runs of equal decisions, long and short, so that batch verdicts, single ones and both kinds of mark meet. */
const decisions: fc.Arbitrary<Decision[]> = fc
  .array(
    fc.record({
      verdict: fc.constantFrom(DROP, ACCEPT, ACCEPT, REPEAT),
      mark: fc.constantFrom(undefined, undefined, 0, 1, 0xffffffff),
      times: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 60 })),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .map((runs) => runs.flatMap(({ verdict, mark, times }) => Array<Decision>(times).fill({ verdict, mark })))

/** Messages that the decisions need: neighbours that do the same share one. A dropped packet has no mark. */
function messagesFor(list: Decision[]): number {
  const keys = list.map(({ verdict, mark }) => (verdict === DROP ? 'drop' : `${verdict} ${mark}`))
  return keys.filter((key, i) => key !== keys[i - 1]).length
}

function* batches<T>(list: T[]): Generator<T[]> {
  for (let i = 0; i < list.length; i += 256) yield list.slice(i, i + 256)
}

test('every packet has its own verdict and mark, in order, in as few messages as they allow', async () => {
  const MARK = 0x55
  rule(`-t raw PREROUTING -p udp --dport 9000 -j MARK --set-mark ${MARK}`)
  // The first queue decides; the second sees what the kernel made of it, in the order it happened.
  rule('-t mangle INPUT -p udp --dport 9000 -j NFQUEUE --queue-num 20')
  rule('-t filter INPUT -p udp --dport 9000 -j NFQUEUE --queue-num 21')
  let plan: Decision[] = []
  /** Numbers of the packets as they came to the first queue; repeated ones come twice. */
  const arrived: number[] = []
  const seen: { packet: number; mark: number }[] = []
  const packetOf = (queue: Queue, i: number) => Number(payload(queue, i).replace('packet ', ''))
  const deciding: Queue = open({ number: 20 }, ({ batch }, count) => {
    for (let i = 0; i < count; i++) {
      const packet = packetOf(deciding, i)
      const again = arrived.includes(packet)
      arrived.push(packet)
      batch.verdict[i] = again ? ACCEPT : plan[packet]!.verdict
      if (!again) batch.verdictMark[i] = plan[packet]!.mark ?? MARK
    }
  })
  const watching: Queue = open({ number: 21 }, ({ batch }, count) => {
    for (let i = 0; i < count; i++) seen.push({ packet: packetOf(watching, i), mark: batch.mark[i]! })
  })

  await fc.assert(
    fc.asyncProperty(decisions, async (list) => {
      plan = list
      arrived.length = 0
      seen.length = 0
      const count = (verdict: number) => list.filter((decision) => decision.verdict === verdict).length
      deciding.pause()
      await send(numbered(list.length), 9000)
      const before = deciding.statistics()
      expect(before).toMatchObject(table({ waiting: list.length }))
      deciding.resume()
      const passes = list.length - count(DROP)
      await until(() => arrived.length === list.length + count(REPEAT) && seen.length === passes, 'verdicts')

      const first = arrived.slice(0, list.length)
      const order = [
        ...first.filter((packet) => list[packet]!.verdict === ACCEPT),
        ...arrived.slice(list.length),
      ]
      expect(seen).toEqual(order.map((packet) => ({ packet, mark: list[packet]!.mark ?? MARK })))
      const after = deciding.statistics()
      expect(after.dropped - before.dropped).toBe(count(DROP))
      expect(after.accepted - before.accepted).toBe(passes)
      expect(after).toMatchObject({ verdictErrors: 0, receiveErrors: 0, ...table({ waiting: 0 }) })
      if (count(REPEAT) > 0) return
      const answered = first.map((packet) => list[packet]!)
      const messages = [...batches(answered)].reduce((sum, part) => sum + messagesFor(part), 0)
      expect(after.messagesSent - before.messagesSent).toBe(messages)
      expect(after.sendCalls - before.sendCalls).toBe(Math.ceil(list.length / 256))
    }),
    { numRuns: 60, interruptAfterTimeLimit: 10_000 },
  )
}, 30_000)
