/** How long does nft's language take to read: 100,000 rules, and a set of a million elements, beside nft's own check? */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadNft } from '../src/language/nft/load.js'
import { median, type Report } from './report.js'
import { random } from './traffic.js'

const RULES = 100_000
const ELEMENTS = 1_000_000
const RUNS = 3
/** The parts of the whole that show whether time and memory grow with the size alone. */
const SHARES = [0.1, 1]

export function parse(report: Report): void {
  for (const share of SHARES) {
    measure(report, `${(RULES * share).toLocaleString('en')} rules`, rules(RULES * share))
    measure(
      report,
      `a set of ${(ELEMENTS * share).toLocaleString('en')} elements`,
      elements(ELEMENTS * share),
    )
  }
}

function measure(report: Report, name: string, text: string): void {
  global.gc?.()
  const before = process.memoryUsage().heapUsed
  let ruleset: unknown
  const times = Array.from({ length: RUNS }, () => {
    const start = performance.now()
    ruleset = loadNft(text, 'bench.nft').ruleset
    return performance.now() - start
  })
  const value = median(times) / 1000
  const rivalValue = nftCheck(text)
  const rival = rivalValue === undefined ? {} : { rival: 'nft -c -f', rivalValue, ratio: rivalValue / value }
  report({ bench: 'parse', case: name, value, unit: 's', ...rival })
  global.gc?.()
  const bytes = process.memoryUsage().heapUsed - before
  report({
    bench: 'parse',
    case: `${name}: the ruleset`,
    value: ruleset === undefined ? 0 : bytes / 2 ** 20,
    unit: 'MiB',
  })
}

/** Seconds that nft takes to check a text, in a network of its own; undefined where there is no nft. */
function nftCheck(text: string): number | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  const file = join(folder, 'bench.nft')
  writeFileSync(file, text)
  const times: number[] = []
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now()
    const { status } = spawnSync('unshare', ['--net', 'nft', '-c', '-f', file], { stdio: 'ignore' })
    if (status !== 0) break
    times.push(performance.now() - start)
  }
  rmSync(folder, { recursive: true })
  return times.length === RUNS ? median(times) / 1000 : undefined
}

function rules(count: number): string {
  const next = random(count)
  const part = () => 1 + Math.floor(next() * 250)
  const lines = Array.from(
    { length: count },
    () =>
      `ip saddr ${part()}.${part()}.${part()}.${part()} tcp dport ${1 + Math.floor(next() * 65_535)} ct state new counter accept`,
  )
  return `table inet t {\nchain c {\ntype filter hook input priority 0; policy drop;\n${lines.join('\n')}\n}\n}\n`
}

/** Addresses far enough apart that none touches another. */
function elements(count: number): string {
  const addresses = Array.from({ length: count }, (_, i) => {
    const value = i * 4000 + 0x01000000
    return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
  })
  return `table inet t {\nset s {\ntype ipv4_addr\nflags interval\nelements = { ${addresses.join(',\n')} }\n}\n}\n`
}
