/** Runs one match of xtables on packets, with a clock of the test's own. */
import { type Environment, Outcome, type Step } from '../../src/engine/environment.js'
import { createXtablesStep, XtablesContext } from '../../src/engine/xtables/step.js'
import { Hook, Packet } from '../../src/packet/packet.js'
import type { XtablesMatch } from '../../src/ruleset/xtables.js'

/** A match without its kind. */
export type Match = XtablesMatch extends infer M ? (M extends XtablesMatch ? Omit<M, 'kind'> : never) : never

export type Answer = 'no' | 'yes' | 'hotdrop'

const ANSWERS: Readonly<Record<number, Answer>> = {
  [Outcome.break]: 'no',
  [Outcome.continue]: 'yes',
  [Outcome.hotdrop]: 'hotdrop',
}

export function contextOf(environment: Partial<Environment> = {}): XtablesContext {
  return new XtablesContext({ seeds: [1, 2], random: () => 0, ...environment })
}

export interface At {
  /** Milliseconds since the clock's origin. */
  readonly ms?: number
  readonly hook?: keyof typeof Hook
  readonly flow?: number
  readonly change?: (packet: Packet) => void
}

/** A match made ready; the function says what it answers to a packet. */
export function matcher(
  match: Match,
  { family = 'ip', context = contextOf() }: { family?: 'ip' | 'ip6'; context?: XtablesContext } = {},
): (bytes: Uint8Array, at?: At) => Answer {
  const step: Step = createXtablesStep({ kind: 'xtables', ...match } as XtablesMatch, family, context)
  const packet = new Packet()
  return (bytes, { ms = 0, hook = 'input', flow = -1, change } = {}) => {
    packet.attach(bytes)
    packet.parse(0, bytes.length)
    packet.hook = Hook[hook]
    packet.flow = flow
    packet.time[0] = ms * 1e6
    change?.(packet)
    return ANSWERS[step.run(packet)]!
  }
}
