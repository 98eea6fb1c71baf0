/** What does it take to judge a packet: by the chapter's policy, and by lists of 10 to 10,000 rules? */
import { readFileSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { compile } from '../src/engine/compile/compile.js'
import { generateSearch } from '../src/engine/generate.js'
import { Engine, Verdict } from '../src/engine/judge.js'
import type { Program } from '../src/engine/program.js'
import { search } from '../src/engine/search.js'
import { parsePolicy } from '../src/language/policy/load.js'
import { parsePrefix } from '../src/packet/address.js'
import { Family, Packet } from '../src/packet/packet.js'
import type { Rule, Ruleset } from '../src/ruleset/model.js'
import { chapterFlows } from './chapter.js'
import { heapGrowth, nanoseconds, type Report } from './report.js'
import { type Flow, pick, random, Traffic } from './traffic.js'

const PACKETS = 4096
const OPERATIONS = 2_000_000
const MANY = 100_000_000
const EXAMPLE = 'examples/ai-server.yaml'

/** Heap: whether to judge MANY packets, and look at the heap before and after. */
export async function judge(report: Report, heap: boolean): Promise<void> {
  const ruleset = parsePolicy(readFileSync(EXAMPLE, 'utf8'), EXAMPLE)
  const traffic = new Traffic(chapterFlows(PACKETS, 8))
  report({ bench: 'judge', case: 'parse alone', value: parsing(traffic), unit: 'ns/packet' })
  searching(report, compile(ruleset), traffic)
  const run = measure(report, `${EXAMPLE}, bytes to verdict`, ruleset, traffic)
  if (heap) await overMany(report, run)
  for (const count of [10, 100, 1000, 10_000]) {
    measure(report, `${count.toLocaleString('en')} rules, bytes to verdict`, ...manyRules(count))
  }
}

function parsing(traffic: Traffic): number {
  const packet = new Packet()
  packet.attach(traffic.buffer)
  return nanoseconds((count) => {
    for (let i = 0; i < count; i++) traffic.parse(packet, i & (PACKETS - 1))
  }, OPERATIONS)
}

/** What a search takes that walks the program, and one by code of its own: with reading the packet's fields. */
function searching(report: Report, program: Program, traffic: Traffic): void {
  const packet = new Packet()
  packet.attach(traffic.buffer)
  const generated = generateSearch(program.code, program.chains)
  const entryOf = () => program.hooks[packet.hook * 2 + (packet.family === Family.ipv6 ? 1 : 0)]![0]!.entry
  let found = 0
  const ways = {
    'the program walked': () => search(program.code, packet.fields, entryOf(), -1),
    'code of its own': () => generated(packet.fields, entryOf()),
  }
  for (const [name, way] of Object.entries(ways)) {
    const value = nanoseconds((count) => {
      for (let i = 0; i < count; i++) {
        traffic.parse(packet, i & (PACKETS - 1))
        found += way()
      }
    }, OPERATIONS)
    report({ bench: 'judge', case: `parse and search, ${name}`, value, unit: 'ns/packet' })
  }
  if (found === 0) throw new Error('nothing was found')
}

type Run = (packets: number) => void

function measure(report: Report, name: string, ruleset: Ruleset, traffic: Traffic): Run {
  const program = compile(ruleset)
  const engine = new Engine(program, { seeds: [1, 2], random: () => 0 })
  const packet = new Packet()
  packet.attach(traffic.buffer)
  let accepted = 0
  const run = (count: number) => {
    for (let i = 0; i < count; i++) {
      traffic.parse(packet, i & (PACKETS - 1))
      packet.time[0]! += 1e6
      if (engine.judge(packet) === Verdict.accept) accepted++
    }
  }
  const value = nanoseconds(run, OPERATIONS)
  report({ bench: 'judge', case: name, value, unit: 'ns/packet' })
  report({ bench: 'judge', case: `${name}: heap growth`, value: heapGrowth(run), unit: 'bytes/Mpkt' })
  report({ bench: 'judge', case: `${name}: accepted`, value: accepted / (OPERATIONS * 10), unit: 'share' })
  return run
}

/** Whether the heap is after many packets what it was before, and nothing was collected in between. */
async function overMany(report: Report, run: Run): Promise<void> {
  let collections = 0
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length
  })
  global.gc?.()
  await setImmediate()
  observer.observe({ entryTypes: ['gc'] })
  const before = process.memoryUsage().heapUsed
  run(MANY)
  const grown = process.memoryUsage().heapUsed - before
  await setImmediate()
  observer.disconnect()
  const name = `${MANY.toLocaleString('en')} packets`
  report({ bench: 'judge', case: `${name}: heap growth`, value: grown, unit: 'bytes' })
  report({ bench: 'judge', case: `${name}: garbage collections`, value: collections, unit: '' })
}

/** Rules as firewalls have them: a port of a network or host for a network; traffic that meets them and the rest. */
function manyRules(count: number): [Ruleset, Traffic] {
  const next = random(count)
  const byte = () => Math.floor(next() * 256)
  const source = () =>
    `${10 + Math.floor(next() * 4)}.${byte()}.${byte()}.0/${pick([16, 20, 24, 24, 32], next)}`
  const lines = Array.from({ length: count }, () => ({
    source: source(),
    destination: `192.168.${byte()}.${byte()}/${pick([24, 32], next)}`,
    port: pick([22, 80, 443, 5432, 6379, 8080, 11434, 1024 + Math.floor(next() * 60000)], next),
  }))
  const rules = lines.map(
    ({ source, destination, port }, i): Rule => ({
      statements: [
        matchPrefix('saddr', source),
        matchPrefix('daddr', destination),
        {
          kind: 'match',
          operator: 'in',
          left: { kind: 'payload', protocol: 'tcp', field: 'dport' },
          right: { kind: 'value', value: BigInt(port) },
        },
        { kind: i % 4 === 0 ? 'drop' : 'accept' },
      ],
    }),
  )
  const flows = Array.from({ length: PACKETS }, (): Flow => {
    const line = pick(lines, next)
    const address = (prefix: string) => prefix.replace(/\.\d+\/.*/, `.${byte()}`)
    const port = next() < 0.5 ? line.port : 1024 + Math.floor(next() * 60000)
    return { hook: 'input', source: address(line.source), destination: address(line.destination), port }
  })
  const base = { type: 'filter', hook: 'input', priority: 0, policy: 'drop' } as const
  const table = {
    family: 'inet',
    name: 'bench',
    sets: [],
    windows: [],
    chains: [{ name: 'input', base, rules }],
  } as const
  return [{ tables: [table] }, new Traffic(flows)]
}

function matchPrefix(field: string, text: string): Rule['statements'][number] {
  const { value, length } = parsePrefix(text)!
  return {
    kind: 'match',
    operator: 'in',
    left: { kind: 'payload', protocol: 'ip', field },
    right: { kind: 'prefix', base: value, length },
  }
}
