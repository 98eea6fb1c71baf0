import { printRuleset } from '../language/nft/print/ruleset.js'
import { loadPolicy } from './policy.js'

export const usage = `portcullis check FILE

Checks a policy file and prints the rules that it becomes, in nft's syntax, each with the line that it came from.
Exit code 2 if anything is wrong with it.`

export function check(args: readonly string[]): void {
  const { ruleset } = loadPolicy(args)
  process.stdout.write(printRuleset(ruleset, { places: true }))
}
