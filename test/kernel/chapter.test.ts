import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../sandbox/needs.js'
import { ENDPOINTS, IPV6, OUTBOUND } from '../support/chapter.js'
import { packet, tcp } from '../support/conversations/wire.js'
import { conversations, judgeLine } from '../support/conversations.js'
import { type Case, isRefusal, type Loader, type Outcome } from './differential/case.js'
import { differenceOf } from './differential/compare.js'
import { compileJudge, KernelJudge } from './differential/kernel-judge.js'
import { judgeOurselves } from './differential/our-judge.js'

/** The chapter's commands for one program, as its restore command reads them. */
function restored(program: 'iptables' | 'ip6tables'): string {
  const commands = (ENDPOINTS + OUTBOUND + IPV6)
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.startsWith(`${program} `))
    .map((line) => line.slice(program.length + 1).replace(/ #.*$/, ''))
  const policies = commands.flatMap((line) => /^-P (\w+) (\w+)/.exec(line)?.slice(1).join(' ') ?? [])
  const rules = commands.filter((line) => line.startsWith('-A'))
  return ['*filter', ...policies.map((line) => `:${line} [0:0]`), ...rules, 'COMMIT', ''].join('\n')
}

/** A new connection to Ollama's port. */
function attempt(host: number, port: number): string {
  const source = `10.0.0.${host}`
  const payload = tcp({ sport: port, dport: 11434, seq: 1, flags: 2 })
  const bytes = packet({ source, destination: '10.0.0.1', protocol: 6, payload })
  return `I eth0 ${Buffer.from(bytes).toString('hex')}`
}

const PORTS = { serverPorts: [11434, 8080, 5432, 6379, 22, 443], clientPorts: [40000, 40001, 40002, 40003] }

/** Packets of all kinds, and one host that knocks too often. */
function lines(seed: number): string[] {
  const talk = conversations({ seed, packets: 700, mode: 'local', ...PORTS }).map(judgeLine)
  const knocks = Array.from({ length: 30 }, (_, i) => attempt(9, 50_000 + i))
  return [...talk, ...knocks, 'W 300', ...talk.slice(0, 100)]
}

const verdicts = ({ answers }: Outcome) => answers.map(({ verdict }) => verdict)

needs('judge')('the chapter’s three blocks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-chapter-'))
  let judge: KernelJudge
  beforeAll(() => {
    judge = new KernelJudge(compileJudge(folder))
  })
  afterAll(async () => {
    await judge.end()
    rmSync(folder, { recursive: true })
  })

  test.each(['nft', 'legacy'] as const)(
    'are judged as the kernel judges them: %s',
    async (backend) => {
      for (const [program, seed] of [
        ['iptables', 7],
        ['ip6tables', 8],
      ] as const) {
        const loader: Loader = `${program}-${backend}-restore`
        const one: Case = { name: program, loader, rules: restored(program), lines: lines(seed) }
        const kernel = await judge.judge(one)
        if (isRefusal(kernel)) throw new Error(kernel.refused)
        const ours = judgeOurselves(one, 'tree', kernel)
        expect(isRefusal(ours) ? ours : differenceOf(one, kernel, ours)).toBeUndefined()
        expect(new Set(verdicts(kernel))).toContain('drop')
      }
    },
    60_000,
  )
})

describe('recent’s table over a minute', () => {
  const rules = restored('iptables')
  function judged(...lines: string[]): string[] {
    const one: Case = { name: 'recent', loader: 'iptables-nft-restore', rules, lines }
    const result = judgeOurselves(one, 'tree', { origin: 1_700_000_000_000_000_000n, loaded: 0 })
    if (isRefusal(result)) throw new Error(result.refused)
    return verdicts(result)
  }
  const accepted = (said: readonly string[]) => said.filter((verdict) => verdict === 'accept').length
  /** So many attempts of one host, each after a wait of so many milliseconds. */
  const knocks = (count: number, wait: number, first = 50_000) =>
    Array.from({ length: count }, (_, i) => [`W ${wait}`, attempt(9, first + i)]).flat()

  test('19 get through in 60 s, not 20, and who goes on trying stays out', () => {
    const said = judged(...knocks(80, 1000))
    expect(said.slice(0, 19).every((verdict) => verdict === 'accept')).toBe(true)
    expect(accepted(said)).toBe(19)
  })

  test('who waits for a minute begins anew', () => {
    expect(accepted(judged(...knocks(25, 10), 'W 61000', ...knocks(25, 10, 51_000)))).toBe(38)
    expect(accepted(judged(...knocks(25, 10), 'W 55000', ...knocks(25, 10, 51_000)))).toBe(19)
  })

  test('an offender is forgotten after 100 other addresses', () => {
    const others = Array.from({ length: 100 }, (_, i) => attempt(100 + i, 52_000))
    expect(judged(...knocks(25, 10), ...others.slice(1), attempt(9, 53_000)).at(-1)).toBe('drop')
    expect(judged(...knocks(25, 10), ...others, attempt(9, 53_000)).at(-1)).toBe('accept')
  })
})
