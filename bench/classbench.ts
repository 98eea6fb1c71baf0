import { readFileSync } from 'node:fs'
import { pick, random } from './traffic.js'

/** A range of values, both ends included. */
export type Span = readonly [low: number, high: number]

/** A rule of a list: source, destination, source port, destination port, protocol. */
export type ListRule = readonly [Span, Span, Span, Span, Span]
/** A packet's header in the same order. */
export type Header = readonly [number, number, number, number, number]

/** Bytes of a packet: an IPv4 header, and 20 behind it that begin with the ports. */
export const SIZE = 40

export interface List {
  readonly name: string
  readonly rules: readonly ListRule[]
  readonly trace: readonly Header[]
}

/** A list in ClassBench's format and a trace for it. Throws Error where a line cannot be read. */
export function readList(list: string, trace: string): List {
  const rules = readFileSync(list, 'utf8').trim().split('\n').map(readRule)
  const headers = readFileSync(trace, 'utf8').trim().split('\n').map(readHeader)
  return { name: list.replace(/^.*\/|\.[^.]*$/g, ''), rules, trace: headers }
}

const RULE =
  /^@(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)\s+(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)\s+(\d+) : (\d+)\s+(\d+) : (\d+)\s+0x(..)\/0x(..)/

function readRule(line: string): ListRule {
  const found = RULE.exec(line)
  if (found === null) throw new Error(`no rule: ${line}`)
  const n = found.slice(1, 15).map(Number)
  const protocol = Number.parseInt(found[15]!, 16)
  return [
    prefix(n.slice(0, 4), n[4]!),
    prefix(n.slice(5, 9), n[9]!),
    [n[10]!, n[11]!],
    [n[12]!, n[13]!],
    found[16] === '00' ? [0, 255] : [protocol, protocol],
  ]
}

function prefix(bytes: readonly number[], length: number): Span {
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  const size = 2 ** (32 - length)
  const low = Math.floor(value / size) * size
  return [low, low + size - 1]
}

function readHeader(line: string): Header {
  const [source, destination, sport, dport, protocol] = line.split('\t').map(Number)
  return [source!, destination!, sport!, dport!, protocol!]
}

/** The first rule that holds of each header, found by looking at one after the other; -1 for none. */
export function linearScan({ rules, trace }: Pick<List, 'rules' | 'trace'>): Int32Array {
  const bounds = Float64Array.from(rules.flat(2))
  return Int32Array.from(trace, (header) => {
    for (let rule = 0; rule < rules.length; rule++) {
      let field = 0
      while (
        field < 5 &&
        header[field]! >= bounds[rule * 10 + field * 2]! &&
        header[field]! <= bounds[rule * 10 + field * 2 + 1]!
      )
        field++
      if (field === 5) return rule
    }
    return -1
  })
}

/** The list as nft text: a chain at the input hook that accepts what a rule holds of. */
export function toNft(rules: readonly ListRule[]): string {
  const lines = rules.map(([source, destination, sport, dport, protocol]) =>
    [
      ...address('saddr', source),
      ...address('daddr', destination),
      ...(protocol[0] === protocol[1] ? [`meta l4proto ${protocol[0]}`] : []),
      ...ports('sport', sport),
      ...ports('dport', dport),
      'accept',
    ].join(' '),
  )
  return `table ip t {\nchain c {\ntype filter hook input priority 0; policy drop;\n${lines.join('\n')}\n}\n}\n`
}

function address(field: string, [low, high]: Span): string[] {
  if (high - low === 2 ** 32 - 1) return []
  const text = [24, 16, 8, 0].map((shift) => (low >>> shift) & 255).join('.')
  return [`ip ${field} ${text}/${32 - Math.log2(high - low + 1)}`]
}

function ports(field: string, [low, high]: Span): string[] {
  if (high - low === 65_535) return []
  return [`th ${field} ${low === high ? low : `${low}-${high}`}`]
}

/** Lists like those that ClassBench makes of its seeds: which share of the rules leaves an address open. */
const SEEDS = {
  'acl-like': { anySource: 0.01, anyDestination: 0.03, sourcePorts: 0 },
  'fw-like': { anySource: 0.6, anyDestination: 0.25, sourcePorts: 0.2 },
  'ipc-like': { anySource: 0.12, anyDestination: 0.08, sourcePorts: 0.18 },
} as const

export type Seed = keyof typeof SEEDS
export const SEED_NAMES = Object.keys(SEEDS) as Seed[]

/** A list of our own making and a trace in which every packet aims at a rule. */
export function makeList(seed: Seed, count: number, headers = 32_768): List {
  const { anySource, anyDestination, sourcePorts } = SEEDS[seed]
  const next = random(count + seed.length)
  const below = (end: number) => Math.floor(next() * end)
  // Rules of a site are about few networks, in which many hosts are named.
  const networks = Array.from({ length: Math.ceil(count / 40) }, () => below(2 ** 20) * 2 ** 12)
  const host = (any: number): Span => {
    if (next() < any) return next() < 0.9 ? [0, 2 ** 32 - 1] : prefixOf(below(2 ** 32), below(9))
    return prefixOf(pick(networks, next) + below(4096), pick([20, 24, 26, 28, 30, 32, 32, 32, 32], next))
  }
  const port = (any: number): Span => {
    if (next() < any) return next() < 0.9 ? [0, 65_535] : [1024, 65_535]
    const low = pick([22, 25, 53, 80, 123, 161, 443, 1433, 1521, 5432, below(65_000)], next)
    return next() < 0.95 ? [low, low] : [low, low + below(500)]
  }
  const rules = Array.from({ length: count }, (): ListRule => {
    const protocol = pick([6, 6, 6, 17, 17, -1], next)
    return [
      host(anySource),
      host(anyDestination),
      protocol < 0 ? [0, 65_535] : port(1 - sourcePorts),
      protocol < 0 ? [0, 65_535] : port(0.3),
      protocol < 0 ? [0, 255] : [protocol, protocol],
    ]
  })
  const within = ([low, high]: Span) => low + below(high - low + 1)
  const trace = Array.from({ length: headers }, (): Header => {
    const [source, destination, sport, dport, protocol] = pick(rules, next)
    return [within(source), within(destination), within(sport), within(dport), within(protocol)]
  })
  return { name: `${seed}-${count}`, rules, trace }
}

function prefixOf(value: number, length: number): Span {
  const size = 2 ** (32 - length)
  const low = Math.floor(value / size) * size
  return [low, low + size - 1]
}

/** A list as often as `times` says, one behind another, each with all its addresses moved; the trace aims at all. */
export function repeated({ name, rules, trace }: List, times: number): List {
  const step = 2 ** 32 / times
  const move = (value: number, by: number) => (value + Math.floor(by * step)) % 2 ** 32
  // A prefix stays one: moved by its own size or a multiple of it.
  const moved = ([low, high]: Span, by: number): Span => {
    const size = high - low + 1
    const start = Math.floor(move(low, by) / size) * size
    return [start, start + size - 1]
  }
  const numbers = Array.from({ length: times }, (_, by) => by)
  return {
    name: `${name} × ${times}`,
    rules: numbers.flatMap((by) =>
      rules.map(
        ([source, destination, ...rest]): ListRule => [moved(source, by), moved(destination, by), ...rest],
      ),
    ),
    trace: trace.map(
      ([source, destination, ...rest], i): Header => [
        move(source, i % times),
        move(destination, i % times),
        ...rest,
      ],
    ),
  }
}

/** The packets of a trace, one behind another. */
export function packetsOf(trace: readonly Header[]): Uint8Array {
  const bytes = new Uint8Array(trace.length * SIZE)
  const view = new DataView(bytes.buffer)
  for (const [i, [source, destination, sport, dport, protocol]] of trace.entries()) {
    const at = i * SIZE
    view.setUint32(at, 0x4500_0000 + SIZE)
    view.setUint16(at + 8, (64 << 8) | protocol)
    view.setUint32(at + 12, source)
    view.setUint32(at + 16, destination)
    view.setUint16(at + 20, sport)
    view.setUint16(at + 22, dport)
  }
  return bytes
}
