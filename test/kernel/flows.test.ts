import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { needs } from '../sandbox/needs.js'
import {
  type ConversationOptions,
  conversations,
  DEFAULT_KINDS,
  judgeLine,
} from '../support/conversations.js'
import { type Case, isRefusal } from './differential/case.js'
import { differenceOf } from './differential/compare.js'
import { compileJudge, KernelJudge } from './differential/kernel-judge.js'
import { judgeOurselves } from './differential/our-judge.js'

const PACKETS = 10_000

/** What a mark tells of a packet's connection: its state, direction and status, and about how long it still lives. */
const MARKS: readonly [what: string, bits: number][] = [
  ['ct state invalid', 0x1],
  ['ct state established', 0x2],
  ['ct state related', 0x4],
  ['ct state new', 0x8],
  ['ct state untracked', 0x40],
  ['ct direction original', 0x100],
  ['ct direction reply', 0x200],
  ['ct status seen-reply', 0x1000],
  ['ct status assured', 0x2000],
  ['ct status confirmed', 0x4000],
  ...[
    '6s-10s',
    '15s-30s',
    '40s-60s',
    '80s-120s',
    '130s-180s',
    '190s-210s',
    '240s-300s',
    '400s-600s',
    '4d-5d',
  ].map((span, i): [string, number] => [`ct expiration ${span}`, (i + 1) << 16]),
]

/** Marks everything, and drops the packets that are doomed. */
const chain = (hook: string, ttl: number) => ` chain ${hook} { type filter hook ${hook} priority 0;
${MARKS.map(([what, bits]) => `  ${what} meta mark set meta mark or 0x${bits.toString(16)}`).join('\n')}
  ip ttl ${ttl} drop
  ip6 hoplimit ${ttl} drop
 }
`
const RULES = `table inet t {\n${chain('input', 13)}${chain('forward', 12)}${chain('output', 13)}}\n`

needs('judge')('the kernel’s connection tracking', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-flows-'))
  const judges = new Map<string, KernelJudge>()
  beforeAll(() => {
    const program = compileJudge(folder)
    judges.set('forward', new KernelJudge(program, true))
    judges.set('local', new KernelJudge(program, false))
  })
  afterAll(async () => {
    for (const judge of judges.values()) await judge.end()
    rmSync(folder, { recursive: true })
  })

  test.each<[string, ConversationOptions]>([
    ['TCP that is forwarded', { mode: 'forward', kinds: { tcp: 1 }, seed: 1, packets: PACKETS }],
    ['TCP of the host', { mode: 'local', kinds: { tcp: 1 }, seed: 2, packets: PACKETS }],
    ['everything that is forwarded', { mode: 'forward', kinds: DEFAULT_KINDS, seed: 3, packets: PACKETS }],
    ['everything of the host', { mode: 'local', kinds: DEFAULT_KINDS, seed: 4, packets: PACKETS }],
  ])(
    'is ours, packet by packet: %s',
    async (name, options) => {
      const forwards = options.mode === 'forward'
      const lines = conversations(options).map(judgeLine)
      const one: Case = { name, loader: 'nft', rules: RULES, lines, forwards }
      const kernel = await judges.get(options.mode)!.judge(one)
      if (isRefusal(kernel)) throw new Error(kernel.refused)
      const ours = judgeOurselves(one, 'tree', kernel)
      if (isRefusal(ours)) throw new Error(ours.refused)
      expect(differenceOf(one, kernel, ours)).toBeUndefined()
      const marks = new Set(kernel.answers.map(({ mark }) => mark))
      expect(marks.size).toBeGreaterThan(20)
    },
    60_000,
  )
})
