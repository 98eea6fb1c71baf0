/** Explanations beside what the engine says of the same packets. */
import fc from 'fast-check'
import { createEvaluator } from '../../src/engine/host/evaluators.js'
import { Explainer } from '../../src/explain/explain.js'
import { TrialHost, type Way } from '../../src/explain/host.js'
import { CtState } from '../../src/packet/packet.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { packets } from './language/packets.js'
import { ADDRESSES4, ADDRESSES6, INTERFACE_NAMES } from './language/values.js'
import { packetOf } from './packets.js'

export interface Occasion {
  readonly bytes: Uint8Array
  readonly way: Way
  /** Nanoseconds since the packet before. */
  readonly pause: number
}

const name = fc.constantFrom(...INTERFACE_NAMES.filter((one) => one !== 'lo'))
const OWN = [ADDRESSES4[0]!, ADDRESSES6[0]!]

const way: fc.Arbitrary<Way> = fc.record(
  {
    direction: fc.constantFrom('in' as const, 'in' as const, 'out' as const, 'forward' as const),
    addresses: fc.constantFrom(
      [],
      OWN.map((address) => ({ address, length: 24 })),
    ),
    iif: name,
    oif: name,
    state: fc.constantFrom(...Object.values(CtState)),
  },
  { requiredKeys: ['direction', 'addresses'] },
)

export const occasion: fc.Arbitrary<Occasion> = fc.record({
  bytes: packets(),
  way,
  pause: fc.constantFrom(0, 1000, 4_000_000, 200_000_000, 1_000_000_000, 61_000_000_000),
})

/** What the engine says of packets one after the other, and what their explanations say. */
export function sayBoth(
  ruleset: Ruleset,
  occasions: readonly Occasion[],
): { engine: string[]; explained: string[] } {
  const interfaces = { interfaces: INTERFACE_NAMES }
  const explainer = new Explainer(ruleset, interfaces)
  const host = new TrialHost(
    ruleset,
    (environment, names) => createEvaluator('tree', ruleset, environment, names),
    interfaces,
  )
  const engine: string[] = []
  const explained: string[] = []
  let time = 0
  for (const { bytes, way, pause } of occasions) {
    time += pause
    const { verdict, rule, chain, steps } = explainer.explain(packetOf(bytes), way, time)
    const last = steps.findLast((step) => step.kind !== 'chain' && step.verdict !== undefined)
    const decider = last?.kind === 'rule' ? last.rule : last?.kind === 'policy' ? last.chain : undefined
    const isTold = decider === (rule ?? chain)
    explained.push(`${verdict}${isTold ? '' : ', but not by who decided'}`)
    const packet = packetOf(bytes)
    packet.time[0] = time
    host.evaluator.begin()
    engine.push(host.judge(packet, way))
  }
  return { engine, explained }
}
