/**
 * npm run fuzz [-- --packets N --seed N]: throws malformed packets at the engine. It must not throw, must say
 * what the reference evaluator says, and must not accept what is no IP packet.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { compile } from '../src/engine/compile/compile.js'
import { Engine, Verdict } from '../src/engine/judge.js'
import { ReferenceEngine } from '../src/engine/reference/evaluate.js'
import { parsePolicy } from '../src/language/policy/load.js'
import { CtState, Packet } from '../src/packet/packet.js'
import { chapterFlows } from './chapter.js'
import { pick, random, syn } from './traffic.js'

const EXAMPLE = 'examples/ai-server.yaml'
/** Packets judged by one pair of engines: the reference remembers every time of every source. */
const ROUND = 20_000
/** Input and output, now and then another one, and one that is none. */
const HOOKS = [1, 1, 1, 1, 3, 3, 3, 3, 0, 2, 4, 5]
const STATES = [0, ...Object.values(CtState)]

const { values } = parseArgs({
  options: { packets: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
})
const packets = Number(values.packets)
const seed = Number(values.seed)
const next = random(seed)
const ruleset = parsePolicy(readFileSync(EXAMPLE, 'utf8'), EXAMPLE)
const program = compile(ruleset)
const seeds = chapterFlows(1024, seed).map(syn)
const packet = new Packet()
const counts = { accepted: 0, dropped: 0, malformed: 0 }

/** A packet with some of its bytes changed, cut short, or made longer. */
function mutate(original: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(original.length + (next() < 0.2 ? Math.floor(next() * 64) : 0))
  bytes.set(original)
  for (let changes = Math.floor(next() * 6); changes > 0; changes--) {
    // Most changes go where the headers say lengths and what comes next.
    const at = Math.floor(next() * (next() < 0.7 ? 12 : bytes.length))
    bytes[at] =
      next() < 0.5
        ? Math.floor(next() * 256)
        : pick([0, 1, 4, 6, 17, 43, 44, 51, 58, 60, 0x45, 0x4f, 0x60, 0xff], next)
  }
  return next() < 0.3 ? bytes.subarray(0, Math.floor(next() * (bytes.length + 1))) : bytes
}

function round(count: number): void {
  const engine = new Engine(program, { seeds: [1, 2], random: () => 0 })
  const reference = new ReferenceEngine(ruleset, { seeds: [1, 2], random: () => 0 })
  for (const [index, name] of ['', 'lo', 'eth0'].entries()) {
    engine.learnInterface(index, name)
    reference.interfaces.set(index, name)
  }
  for (let i = 0; i < count; i++) {
    const bytes = mutate(pick(seeds, next))
    packet.attach(bytes)
    const wellFormed = packet.parse(0, bytes.length)
    packet.hook = pick(HOOKS, next)
    packet.iif = Math.floor(next() * 4)
    packet.oif = Math.floor(next() * 4)
    packet.ctState = pick(STATES, next)
    packet.time[0]! += Math.floor(next() * 1e8)
    const accepted = packet.hook <= 4 && engine.judge(packet) === Verdict.accept
    if (packet.hook > 4) {
      if (engine.judge(packet) !== Verdict.drop) fail('accepted at a hook that is none', bytes)
    } else if (accepted !== (reference.judge(packet).verdict === 'accept'))
      fail('engine and reference differ', bytes)
    if (accepted && !wellFormed) fail('accepted though malformed', bytes)
    counts[accepted ? 'accepted' : 'dropped']++
    if (!wellFormed) counts.malformed++
  }
}

function fail(what: string, bytes: Uint8Array): never {
  process.stderr.write(
    `${what}: hook ${packet.hook}, iif ${packet.iif}, oif ${packet.oif}, ${Buffer.from(bytes).toString('hex')}\n`,
  )
  process.exit(1)
}

for (let done = 0; done < packets; done += ROUND) round(Math.min(ROUND, packets - done))
process.stdout.write(`${packets} packets, seed ${seed}: ${JSON.stringify(counts)}, no difference\n`)
