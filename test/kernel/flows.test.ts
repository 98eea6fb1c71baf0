import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { needs } from '../sandbox/needs.js'
import { type ConversationOptions, DEFAULT_KINDS } from '../support/conversations.js'
import { isRefusal } from './differential/case.js'
import { differenceOf } from './differential/compare.js'
import { conversationCase } from './differential/conversations.js'
import { compileJudge, KernelJudge } from './differential/kernel-judge.js'
import { judgeOurselves } from './differential/our-judge.js'

const PACKETS = 10_000

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
      const one = conversationCase(name, options)
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
