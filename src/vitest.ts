/** Policies' expectations as tests of vitest, so that they live with an infrastructure repository. */
import { describe, expect, test } from 'vitest'
import { failureText } from './expectations/report.js'
import { Runner } from './expectations/run.js'
import { findSuites, loadSuite } from './expectations/suite.js'

/**
 * Makes a test of each expectation in policies, test files, and folders of them:
 *
 *     import { policyTests } from 'portcullis/vitest'
 *     policyTests('firewall')
 *
 * Paths are relative to the folder that vitest runs in. Throws LanguageError, RulesetError or PolicyFileError, which are
 * made for people, if a file is no good.
 */
export function policyTests(...paths: string[]): void {
  for (const file of findSuites(paths)) {
    const suite = loadSuite(file)
    const runner = new Runner(suite)
    describe(file, () => {
      for (const expectation of suite.expectations) {
        test(`${expectation.position.line} ${expectation.text}`, async () => {
          const result = await runner.run(expectation)
          expect(result.ok, failureText(suite, result)).toBe(true)
        })
      }
    })
  }
}
