import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { needs } from '../sandbox/needs.js'
import { differenceOf } from './differential/compare.js'
import { keptCases } from './differential/kept.js'
import { compileJudge, KernelJudge } from './differential/kernel-judge.js'
import { Run } from './differential/run.js'

const PACKETS = 4000
const SEED = 20261122
const IMPORTED = 800

needs('judge')('the kernel and both evaluators', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-differential-'))
  const judges: KernelJudge[] = []
  beforeAll(() => {
    const program = compileJudge(folder)
    judges.push(new KernelJudge(program), new KernelJudge(program))
  })
  afterAll(async () => {
    for (const judge of judges) await judge.end()
    rmSync(folder, { recursive: true })
  })

  test('agree on every packet, mark and counter of random rulesets', async () => {
    const bounds = { seed: SEED, first: 0, until: Number.POSITIVE_INFINITY, packets: PACKETS, rulesets: 1000 }
    const run = new Run(bounds)
    await Promise.all(judges.map((judge) => run.work(judge)))
    expect(run.found).toEqual([])
    expect(run.progress.packets).toBeGreaterThanOrEqual(PACKETS)
    expect(run.progress.rulesets).toBeGreaterThan(10 * (run.progress.refused + run.progress.unread))
  }, 120_000)

  test('agree on what iptables says and what import makes of it', async () => {
    const bounds = {
      seed: SEED,
      first: 0,
      until: Number.POSITIVE_INFINITY,
      packets: IMPORTED,
      rulesets: 1000,
    }
    const run = new Run({ ...bounds, imports: true })
    await Promise.all(judges.map((judge) => run.work(judge)))
    expect(run.found).toEqual([])
    expect(run.progress.packets).toBeGreaterThanOrEqual(IMPORTED)
    expect(run.progress.refused + run.progress.unread).toBe(0)
  }, 120_000)

  test.each(keptCases())('still the kernel says: $name', async (one) => {
    const outcome = await judges[0]!.judge(one)
    expect('refused' in outcome ? outcome : differenceOf(one, one.kernel, outcome)).toBeUndefined()
  })
})
