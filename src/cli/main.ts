#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { suggest } from '../language/diagnostic.js'
import * as bans from './bans.js'
import * as check from './check.js'
import * as compile from './compile.js'
import * as convert from './convert.js'
import * as diff from './diff.js'
import * as doctor from './doctor.js'
import * as down from './down.js'
import { Misuse, UserError } from './errors.js'
import * as explain from './explain.js'
import * as exports from './export.js'
import * as fmt from './fmt.js'
import * as imports from './import.js'
import * as jailTest from './jail-test.js'
import * as jails from './jails.js'
import * as judge from './judge.js'
import * as replay from './replay.js'
import * as run from './run.js'
import * as schema from './schema.js'
import * as test from './test.js'

interface Command {
  readonly usage: string
  readonly action: (args: readonly string[]) => void | Promise<void>
}

const COMMANDS: Readonly<Record<string, Command>> = {
  check: { usage: check.usage, action: check.check },
  compile: { usage: compile.usage, action: compile.compile },
  fmt: { usage: fmt.usage, action: fmt.fmt },
  convert: { usage: convert.usage, action: convert.convert },
  export: { usage: exports.usage, action: exports.exportFloor },
  import: { usage: imports.usage, action: imports.importRules },
  judge: { usage: judge.usage, action: judge.judge },
  test: { usage: test.usage, action: test.test },
  explain: { usage: explain.usage, action: explain.explain },
  replay: { usage: replay.usage, action: replay.replay },
  run: { usage: run.usage, action: run.run },
  jails: { usage: jails.usage, action: jails.jails },
  'jail-test': { usage: jailTest.usage, action: jailTest.jailTest },
  bans: { usage: bans.bansUsage, action: bans.bans },
  ban: { usage: bans.banUsage, action: bans.ban },
  unban: { usage: bans.unbanUsage, action: bans.unban },
  diff: { usage: diff.usage, action: diff.diff },
  doctor: { usage: doctor.usage, action: doctor.doctor },
  down: { usage: down.usage, action: down.down },
  schema: { usage: schema.usage, action: schema.schema },
}

const USAGE = `portcullis: a firewall for AI servers

${Object.entries(COMMANDS)
  .map(([name, { usage }]) => `  ${name.padEnd(11)}${usage.split('\n')[2]}`)
  .join('\n')}

portcullis COMMAND --help says more.
`

async function main([name, ...args]: readonly string[]): Promise<void> {
  if (name === undefined || name === '--help' || name === 'help') return void process.stdout.write(USAGE)
  if (name === '--version') return void process.stdout.write(`${version()}\n`)
  if (!Object.hasOwn(COMMANDS, name)) {
    const near = suggest(name, Object.keys(COMMANDS))
    throw new Misuse(
      `there is no command ${name}${near === undefined ? '' : `: did you mean ${near}?`}\n\n${USAGE}`,
    )
  }
  const command = COMMANDS[name]!
  if (args.includes('--help')) return void process.stdout.write(`${command.usage}\n`)
  await command.action(args)
}

function version(): string {
  const file = new URL('../../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UserError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = error.exitCode
}
