import { failuresOf, readable, tap } from '../expectations/report.js'
import { type Report, runSuite } from '../expectations/run.js'
import { findSuites, loadSuite } from '../expectations/suite.js'
import { ReplayError } from '../replay/error.js'
import { parseOptions } from './arguments.js'
import { BadInput } from './errors.js'
import { translated } from './policy.js'

export const usage = `portcullis test [FILE|FOLDER…] [--tap]

Sees whether policies do what is expected of them: in a policy, or in a test file beside it (policy: ../policy.yaml).

  expect:
    - accept: tcp from 10.0.0.7 to :11434
    - drop:   tcp from 203.0.113.9 to :11434
    - accept: 20 x tcp from 10.0.0.8 to :11434 in 30s     # and the 21st
      then: drop
    - drop:   tcp to 198.51.100.1:443                     # outbound
    - never:  anything to 10.0.2.0/24 except tcp to 10.0.2.10:5432
    - capture: attacks.pcapng
      drops: all

  --tap  prints TAP, for programs

In a folder (default: this one) every file of YAML with expectations is taken. Each expectation meets the policy as it was
just loaded. A range or a name stands for its first and last address; never and always are proved of all packets that
begin a connection. Exit code 1 if anything is otherwise than expected, 2 if a file is no good.`

export async function test(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseOptions(args, { tap: { type: 'boolean', default: false } })
  try {
    const suites = findSuites(positionals.length === 0 ? ['.'] : positionals).map(loadSuite)
    const reports: Report[] = []
    for (const suite of suites) reports.push(await runSuite(suite))
    process.stdout.write(values.tap ? tap(reports) : readable(reports))
    process.exitCode = failuresOf(reports) === 0 ? 0 : 1
  } catch (error) {
    throw error instanceof ReplayError ? new BadInput(error.message) : translated(error)
  }
}
