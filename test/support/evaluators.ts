/** Both evaluators side by side: what each says of a sequence of packets, in the same words. */
import { compile } from '../../src/engine/compile/compile.js'
import type { Environment } from '../../src/engine/environment.js'
import { Engine, Verdict } from '../../src/engine/judge.js'
import { ReferenceEngine } from '../../src/engine/reference/evaluate.js'
import { Flows } from '../../src/engine/state/flows/flows.js'
import { rejectionText } from '../../src/engine/steps/reject.js'
import { Packet } from '../../src/packet/packet.js'
import type { Rule, Ruleset } from '../../src/ruleset/model.js'
import { environment } from './environment.js'

/** A packet with what its source tells of it. */
export interface Sample {
  bytes: Uint8Array
  hook: number
  iif: number
  oif: number
  mark: number
  uid: number
  priority: number
  pkttype: number
  /** Nanoseconds since the packet before. */
  pause: number
}

export interface Said {
  /** Of each packet: the verdict, who decided, and the mark that it has then. */
  readonly verdicts: readonly string[]
  /** Of each rule with counters: packets and bytes. */
  readonly counts: readonly string[]
}

/** 2026-11-22 16:00 UTC. */
const ORIGIN = 1_795_363_200_000_000_000n

function world(): { environment: Environment; flows: Flows } {
  const flows = new Flows({ size: 4096, seeds: [5, 6], accounting: true })
  const host = {
    addressType: (packet: Packet, which: 'source' | 'destination') =>
      (packet.fields[which === 'source' ? 10 : 11]! & 3) + 1,
  }
  const clock = { origin: ORIGIN, timeZone: 'Europe/Berlin' }
  return { environment: environment({ connections: flows, host, clock }), flows }
}

/** Runs the samples past one evaluator: each packet is tracked, judged, and confirmed or released. */
function run(
  samples: readonly Sample[],
  flows: Flows,
  judge: (packet: Packet) => { accepted: boolean; text: string },
): string[] {
  const packet = new Packet()
  return samples.map(({ bytes, pause, ...meta }) => {
    packet.attach(bytes)
    const isWhole = packet.parse(0, bytes.length)
    Object.assign(packet, meta, { gid: meta.uid, ctState: 0 })
    packet.time[0]! += pause
    if (isWhole) flows.track(packet)
    const { accepted, text } = judge(packet)
    if (isWhole && accepted) flows.confirm(packet)
    else if (isWhole) flows.release(packet)
    return `${text} mark ${packet.mark >>> 0} state ${packet.ctState}`
  })
}

export function treeSays(ruleset: Ruleset, samples: readonly Sample[], names: readonly string[]): Said {
  const { environment, flows } = world()
  const program = compile(ruleset)
  const engine = new Engine(program, environment)
  for (const [index, name] of names.entries()) engine.learnInterface(index, name)
  const verdicts = run(samples, flows, (packet) => {
    const verdict = engine.judge(packet)
    const accepted = verdict === Verdict.accept
    const kind = accepted
      ? 'accept'
      : engine.rejection < 0
        ? 'drop'
        : rejectionText(engine.rejection, packet.family)
    const by = engine.decidedBy
    return { accepted, text: `${kind} by ${by >= 0 ? `rule ${by}` : 'no rule'}` }
  })
  const counts = program.rules.map(() => [0, 0])
  program.counters.forEach((rule, counter) => {
    counts[rule]![0]! += engine.counters[counter * 2]!
    counts[rule]![1]! += engine.counters[counter * 2 + 1]!
  })
  return { verdicts, counts: counts.map((each) => each.join(' ')) }
}

export function referenceSays(ruleset: Ruleset, samples: readonly Sample[], names: readonly string[]): Said {
  const { environment, flows } = world()
  const reference = new ReferenceEngine(ruleset, environment)
  for (const [index, name] of names.entries()) reference.interfaces.set(index, name)
  const rules: readonly Rule[] = ruleset.tables.flatMap(({ chains }) =>
    chains.flatMap((chain) => chain.rules),
  )
  const verdicts = run(samples, flows, (packet) => {
    const { verdict, rule } = reference.judge(packet)
    const by = rule === undefined ? 'no rule' : `rule ${rules.indexOf(rule)}`
    return { accepted: verdict === 'accept', text: `${verdict} by ${by}` }
  })
  const counts = rules.map((rule) => {
    const counters = reference.countersOf(rule)
    const sum = (of: (counter: (typeof counters)[number]) => bigint) =>
      Number(counters.reduce((total, counter) => total + of(counter), 0n))
    return `${sum(({ packets }) => packets)} ${sum(({ bytes }) => bytes)}`
  })
  return { verdicts, counts }
}
