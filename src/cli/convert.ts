import { writeRuleset } from '../language/json/write.js'
import { printRuleset } from '../language/nft/print/ruleset.js'
import { parseOptions } from './arguments.js'
import { Misuse } from './errors.js'
import { loadPolicy } from './policy.js'

export const usage = `portcullis convert --to nft|json FILE

Prints a policy, a ruleset of nft or its JSON in another language: nft's text, or the JSON of libnftables.`

export function convert(args: readonly string[]): void {
  const { values, positionals } = parseOptions(args, { to: { type: 'string' } })
  if (values.to !== 'nft' && values.to !== 'json') throw new Misuse('convert needs --to nft or --to json')
  const { ruleset } = loadPolicy(positionals)
  process.stdout.write(
    values.to === 'nft' ? printRuleset(ruleset) : `${JSON.stringify(writeRuleset(ruleset))}\n`,
  )
}
