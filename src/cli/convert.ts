import { parseArgs } from 'node:util'
import { writeRuleset } from '../language/json/write.js'
import { printRuleset } from '../language/nft/print/ruleset.js'
import { Misuse } from './errors.js'
import { loadPolicy } from './policy.js'

export const usage = `portcullis convert --to nft|json FILE

Prints a policy, a ruleset of nft or its JSON in another language: nft's text, or the JSON of libnftables.`

export function convert(args: readonly string[]): void {
  const { files, to } = parse(args)
  const { ruleset } = loadPolicy(files)
  process.stdout.write(to === 'nft' ? printRuleset(ruleset) : `${JSON.stringify(writeRuleset(ruleset))}\n`)
}

function parse(args: readonly string[]): { files: readonly string[]; to: 'nft' | 'json' } {
  let values: { to?: string }
  let files: readonly string[]
  try {
    const parsed = parseArgs({ args: [...args], options: { to: { type: 'string' } }, allowPositionals: true })
    values = parsed.values
    files = parsed.positionals
  } catch (error) {
    throw new Misuse((error as Error).message)
  }
  if (values.to !== 'nft' && values.to !== 'json') throw new Misuse('convert needs --to nft or --to json')
  return { files, to: values.to }
}
