import { readFileSync } from 'node:fs'
import { parseNft } from '../../src/language/nft/load.js'
import { parsePolicy } from '../../src/language/policy/load.js'
import type { Ruleset } from '../../src/ruleset/model.js'
import { chapterFlows } from '../chapter.js'
import { pick, random, syn } from '../traffic.js'
import { Gate } from './gate.js'
import { mutate } from './mutate.js'
import { shapes } from './shapes.js'

const POLICY = 'examples/ai-server.yaml'
const EVERYTHING = 'bench/fuzz/everything.nft'
/** Packets judged by one pair of evaluators: the reference remembers every time of every source. */
const ROUND = 20_000
/** Sent, and received on lo, eth0 and eth1. */
const INTERFACES = [0, 0, 1, 2, 2, 2, 2, 3]

/** Thrown for the first packet of which the evaluators say different things. */
export class Difference extends Error {}

/**
 * Throws malformed packets at a host that judges by the tree, and at one that judges by the reference: both must say the
 * same, and neither may throw. Returns how many packets ended in which way.
 */
export function fuzz(packets: number, seed: number): Map<string, number> {
  const rulesets: readonly Ruleset[] = [
    parsePolicy(readFileSync(POLICY, 'utf8'), POLICY),
    parseNft(readFileSync(EVERYTHING, 'utf8'), EVERYTHING),
  ]
  const next = random(seed)
  const originals = [...chapterFlows(512, seed).map(syn), ...shapes(512, next)]
  const ends = new Map<string, number>()
  for (let done = 0; done < packets; done += ROUND) {
    const ruleset = rulesets[(done / ROUND) % rulesets.length]!
    round(ruleset, originals, next, Math.min(ROUND, packets - done), ends)
  }
  return ends
}

function round(
  ruleset: Ruleset,
  originals: readonly Uint8Array[],
  next: () => number,
  count: number,
  ends: Map<string, number>,
): void {
  const tree = new Gate('tree', ruleset)
  const reference = new Gate('reference', ruleset)
  let time = 0
  for (let i = 0; i < count; i++) {
    const bytes = mutate(pick(originals, next), next)
    const interfaceIndex = pick(INTERFACES, next)
    time += Math.floor(next() * 1e8)
    const said = tree.judge(bytes, interfaceIndex, time)
    const plain = reference.judge(bytes, interfaceIndex, time)
    if (said !== plain) {
      const hex = Buffer.from(bytes).toString('hex')
      const says = [said, plain].map((text, j) => `${text}, by ${[tree, reference][j]!.evaluator.decider()}`)
      throw new Difference(`packet ${i} of a round, interface ${interfaceIndex}, ${hex}:\n${says.join('\n')}`)
    }
    const end = said.slice(0, said.indexOf(','))
    ends.set(end, (ends.get(end) ?? 0) + 1)
  }
}
