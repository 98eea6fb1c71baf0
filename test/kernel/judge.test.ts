import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { needs } from '../sandbox/needs.js'
import { HOST_CASES } from '../support/host-cases.js'
import { compileJudge, KernelJudge } from './differential/kernel-judge.js'

needs('judge')('the kernel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-judge-'))
  const judges = new Map<boolean, KernelJudge>()
  beforeAll(() => {
    const program = compileJudge(folder)
    for (const forwards of [true, false]) judges.set(forwards, new KernelJudge(program, forwards))
  })
  afterAll(async () => {
    for (const judge of judges.values()) await judge.end()
    rmSync(folder, { recursive: true })
  })

  test.each(HOST_CASES)('says what we say: $name', async ({ name, rules, steps, forwards }) => {
    const lines = steps.map(([line]) => line)
    const outcome = await judges.get(forwards)!.judge({ name, loader: 'nft', rules, lines, forwards })
    const said =
      'answers' in outcome ? outcome.answers.map(({ verdict, mark }) => `${verdict} ${mark}`) : outcome
    expect(said).toEqual(steps.map(([, answer]) => (answer.includes(' ') ? answer : `${answer} 0`)))
  })

  test('and what it says does not depend on what was said before', async () => {
    const judge = judges.get(true)!
    const [one, other] = [HOST_CASES[0]!, HOST_CASES.at(-1)!]
    const ask = ({ name, rules, steps, forwards }: typeof one) =>
      judge.judge({ name, loader: 'nft', rules, lines: steps.map(([line]) => line), forwards })
    const verdicts = async (which: typeof one) => {
      const outcome = await ask(which)
      return 'answers' in outcome ? outcome.answers.map(({ verdict }) => verdict) : []
    }
    const before = await verdicts(other)
    await verdicts(one)
    expect(await verdicts(other)).toEqual(before)
  })

  test('refuses a ruleset that is none, and says why', async () => {
    const rules = 'table inet t {\n chain c { nonsense; }\n}\n'
    const outcome = await judges
      .get(true)!
      .judge({ name: 'none', loader: 'nft', rules, lines: [], forwards: true })
    expect(outcome).toMatchObject({ refused: expect.stringMatching(/Error: /) })
  })
})
