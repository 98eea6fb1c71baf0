/** How do the trees fare beside libpcap's filter (pcap_offline_filter): the same rules, the same packets? */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile } from '../src/engine/compile/compile.js'
import { Engine, Verdict } from '../src/engine/judge.js'
import { loadNft } from '../src/language/nft/load.js'
import { Packet } from '../src/packet/packet.js'
import { type ListRule, makeList, packetsOf, SIZE, type Span, toNft } from './classbench.js'
import { nanoseconds, type Report } from './report.js'

const COUNTS = [10, 100, 1000]
const HEADERS = 4096
const RUNS = 101
/** Runs after which V8 has compiled what is hot. */
const WARM_UP = 200
/** Milliseconds that libpcap may take: it compiles long expressions slowly. */
const PATIENCE = 120_000

export function filter(report: Report): void {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-filter-'))
  try {
    const program = join(folder, 'filter')
    const { error, status } = spawnSync(
      'cc',
      ['-O2', '-Wall', '-Wextra', '-o', program, 'bench/rivals/filter.c', '-lpcap'],
      { stdio: 'inherit' },
    )
    for (const count of COUNTS)
      measure(report, count, folder, error === undefined && status === 0 ? program : undefined)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function measure(report: Report, count: number, folder: string, program: string | undefined): void {
  const list = makeList('acl-like', count, HEADERS)
  const packets = packetsOf(list.trace)
  const engine = new Engine(compile(loadNft(toNft(list.rules), 'list.nft').ruleset), {
    seeds: [1, 2],
    random: () => 0,
  })
  const packet = new Packet()
  packet.attach(packets)
  let accepted = 0
  const run = (times: number) => {
    accepted = 0
    for (let i = 0; i < times; i++) {
      packet.parse(i * SIZE, SIZE)
      if (engine.judge(packet) === Verdict.accept) accepted++
    }
  }
  for (let i = 0; i < WARM_UP; i++) run(HEADERS)
  const value = nanoseconds(run, HEADERS, RUNS)
  const rival = program === undefined ? {} : beside(program, folder, list.rules, packets, value, accepted)
  report({
    bench: 'filter',
    case: `${count.toLocaleString('en')} rules, bytes to verdict`,
    value,
    unit: 'ns/packet',
    ...rival,
  })
}

function beside(
  program: string,
  folder: string,
  rules: readonly ListRule[],
  packets: Uint8Array,
  own: number,
  accepted: number,
) {
  const files = { expression: join(folder, 'expression'), packets: join(folder, 'packets') }
  writeFileSync(files.expression, toExpression(rules))
  writeFileSync(files.packets, packets)
  const args = [files.expression, files.packets, String(SIZE), String(RUNS)]
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: PATIENCE })
  if (status !== 0) throw new Error(`libpcap: ${stderr.trim() || 'took too long'}`)
  const [rivalValue = 0, matched] = stdout.trim().split(' ').map(Number)
  if (matched !== accepted) throw new Error(`libpcap lets ${matched} packets pass, not ${accepted}`)
  return { rival: 'libpcap', rivalValue, ratio: rivalValue / own }
}

/** What a list accepts, as pcap-filter(7) says it. */
function toExpression(rules: readonly ListRule[]): string {
  return rules
    .map(([source, destination, sport, dport, protocol]) => {
      const parts = [
        ...net('src', source),
        ...net('dst', destination),
        ...(protocol[0] === protocol[1] ? [`ip proto ${protocol[0]}`] : []),
        // pcap's own ports are those of certain protocols; ours, any.
        ...port(0, sport),
        ...port(2, dport),
      ]
      return parts.length === 0 ? 'ip' : `(${parts.join(' and ')})`
    })
    .join(' or ')
}

function net(side: 'src' | 'dst', [low, high]: Span): string[] {
  if (high - low === 2 ** 32 - 1) return []
  const text = [24, 16, 8, 0].map((shift) => (low >>> shift) & 255).join('.')
  return [`${side} net ${text}/${32 - Math.log2(high - low + 1)}`]
}

/** The headers of these packets have no options. */
function port(at: number, [low, high]: Span): string[] {
  if (high - low === 65_535) return []
  const field = `ip[${20 + at}:2]`
  return low === high ? [`${field} = ${low}`] : [`${field} >= ${low} and ${field} <= ${high}`]
}
