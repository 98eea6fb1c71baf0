import { expect, test } from 'vitest'
import { explainCaptured } from '../../src/cli/explain/captured.js'
import { loadPolicy } from '../../src/load/load.js'
import { type OutcomeName, replay } from '../../src/replay/replay.js'

const FILE = 'examples/ai-server.pcapng'
const { ruleset } = loadPolicy('examples/ai-server.yaml')
/** Outcomes of replay as explanations call them. */
const VERDICTS: Partial<Record<OutcomeName, string>> = {
  held: 'lost',
  elsewhere: 'lost',
  malformed: 'never seen',
}
const EVERY = 67

test('packets of a capture are explained as they are replayed', async () => {
  const outcomes: OutcomeName[] = []
  await replay([FILE], ruleset, { onPacket: ({ outcome }) => outcomes.push(outcome) })
  const replayed: string[] = []
  const explained: string[] = []
  for (let number = 1; number <= outcomes.length; number += EVERY) {
    const outcome = outcomes[number - 1]!
    replayed.push(VERDICTS[outcome] ?? outcome)
    explained.push((await explainCaptured(ruleset, { file: FILE, number })).explanation.verdict)
  }
  expect(explained).toEqual(replayed)
  expect(new Set(explained).size).toBeGreaterThan(1)
})
