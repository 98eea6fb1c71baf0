/** How fast are the decision trees: lists of filter rules in the format of ClassBench, or of our own making? */
import { compile } from '../src/engine/compile/compile.js'
import { Engine } from '../src/engine/judge.js'
import { loadNft } from '../src/language/nft/load.js'
import { Column, Packet } from '../src/packet/packet.js'
import {
  type Header,
  type List,
  linearScan,
  makeList,
  packetsOf,
  readList,
  repeated,
  SEED_NAMES,
  SIZE,
  toNft,
} from './classbench.js'
import { nanoseconds, type Report } from './report.js'

const RUNS = 15
/** Long lists are measured once more so many times as long. */
const TIMES = 10

/** Files of a list and of its trace; without them, lists are made. */
export interface Files {
  readonly list: string
  readonly trace: string
}

export function classify(report: Report, files?: Files): void {
  const lists =
    files === undefined
      ? SEED_NAMES.flatMap((seed) => [makeList(seed, 1000), makeList(seed, 10_000)])
      : [readList(files.list, files.trace)]
  for (const list of lists) {
    measure(report, list)
    if (list.rules.length > 5000) measure(report, repeated(list, TIMES))
  }
}

function measure(report: Report, list: List): void {
  const figure = (what: string, value: number, unit: string) =>
    report({ bench: 'classify', case: `${list.name}: ${what}`, value, unit })
  const { ruleset } = loadNft(toNft(list.rules), `${list.name}.nft`)
  const start = performance.now()
  const program = compile(ruleset)
  figure('built', (performance.now() - start) / 1000, 's')
  figure('memory', program.code.byteLength / 1e6, 'MB')
  figure('steps of a search, on average', program.figures.meanSteps, '')
  figure('steps of a search, at most', program.figures.worstSteps, '')

  const engine = new Engine(program, { seeds: [1, 2], random: () => 0 })
  const expected = linearScan(list)
  const packet = new Packet()
  const { trace } = list
  const bytes = packetsOf(trace)
  packet.attach(bytes)
  const check = (what: string, parse: (i: number) => void) => {
    for (let i = 0; i < trace.length; i++) {
      parse(i)
      engine.judge(packet)
      if (Math.max(engine.decidedBy, -1) !== expected[i])
        throw new Error(
          `${list.name}: ${what} ${i} (${trace[i]}): rule ${engine.decidedBy}, not ${expected[i]}`,
        )
    }
  }
  check('packet', (i) => packet.parse(i * SIZE, SIZE))
  const fields = fieldsOf(trace)
  check('header', (i) => setFields(packet, fields, i * 5))

  const fromHeaders = nanoseconds(
    (count) => {
      for (let i = 0; i < count; i++) {
        setFields(packet, fields, i * 5)
        engine.judge(packet)
      }
    },
    trace.length,
    RUNS,
  )
  const fromBytes = nanoseconds(
    (count) => {
      for (let i = 0; i < count; i++) {
        packet.parse(i * SIZE, SIZE)
        engine.judge(packet)
      }
    },
    trace.length,
    RUNS,
  )
  figure('header fields to verdict', 1000 / fromHeaders, 'M/s')
  figure('bytes to verdict', 1000 / fromBytes, 'M/s')
}

const { saddr4, daddr4, sport, dport, l4proto } = Column

function setFields(packet: Packet, from: Int32Array, at: number): void {
  const { fields } = packet
  fields[saddr4] = from[at]!
  fields[daddr4] = from[at + 1]!
  fields[sport] = from[at + 2]!
  fields[dport] = from[at + 3]!
  fields[l4proto] = from[at + 4]!
}

function fieldsOf(trace: readonly Header[]): Int32Array {
  return Int32Array.from(trace.flat(), (value) => value | 0)
}
