import { type Examined, examine } from '../doctor/doctor.js'
import { thisMachine } from '../doctor/machine.js'
import { parseOptions } from './arguments.js'
import { Misuse } from './errors.js'

export const usage = `portcullis doctor [--json]

Says what this machine's kernel and settings have for the gate, what they lack, what follows, and how to mend it.

  --json  a line of JSON for each, with its name

Nothing is changed: what must be tried is tried in a network namespace that goes away. Exit code 1 if the gate cannot
stand here.`

const SIGN = { fine: 'ok      ', worse: 'note    ', missing: 'MISSING ' } as const

export function doctor(args: readonly string[]): void {
  const { values, positionals } = parseOptions(args, { json: { type: 'boolean', default: false } })
  if (positionals.length > 0) throw new Misuse('doctor takes no files')
  const examined = examine(thisMachine())
  process.stdout.write(examined.map(values.json ? jsonOf : textOf).join(''))
  if (examined.some(({ state }) => state === 'missing')) process.exitCode = 1
}

function textOf({ feature, state, detail }: Examined): string {
  const { title, otherwise, remedy } = feature
  const line = `${SIGN[state]}${title}${detail === '' ? '' : `: ${detail}`}\n`
  return state === 'fine' ? line : `${line}        ${otherwise}\n        → ${remedy}\n`
}

function jsonOf({ feature: { name, title, otherwise, remedy }, state, detail }: Examined): string {
  return `${JSON.stringify({ name, title, state, detail, ...(state === 'fine' ? {} : { otherwise, remedy }) })}\n`
}
