import { appendFileSync } from 'node:fs'
import { relative } from 'node:path'
import { describe, expect, inject } from 'vitest'
import type { Feature } from './features.js'

/**
 * What a test file needs of the kernel. Returns the `describe` for its tests: where something is missing they are
 * skipped and the reason is printed after the run; with CI=true the file fails instead.
 *
 *     needs('nfqueue')('the queue', () => { … })
 */
export function needs(...features: Feature[]): typeof describe | typeof describe.skip {
  const missing = inject('missing')
  const reasons = ['sandbox' as const, ...features].flatMap((feature) => missing[feature] ?? [])
  if (reasons.length === 0) return describe
  const file = relative(process.cwd(), expect.getState().testPath ?? '')
  const reason = [...new Set(reasons)].join('; ')
  if (process.env.CI === 'true') throw new Error(`${file} cannot run here: ${reason}`)
  appendFileSync(inject('notRun'), `${file}: ${reason}\n`)
  return describe.skip
}
