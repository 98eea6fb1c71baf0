import { printIptables } from '../language/iptables/print/print.js'
import { writeRuleset } from '../language/json/write.js'
import { printRuleset } from '../language/nft/print/ruleset.js'
import type { Ruleset } from '../ruleset/model.js'
import { parseOptions } from './arguments.js'
import { Misuse } from './errors.js'
import { loadPolicy, translating } from './policy.js'

export const usage = `portcullis convert --to nft|json|iptables FILE

Prints a policy or a ruleset in another language: nft's text, the JSON of libnftables, or commands of iptables, where
iptables can say it.`

const PRINTERS: Readonly<Record<string, (ruleset: Ruleset) => string>> = {
  nft: printRuleset,
  json: (ruleset) => `${JSON.stringify(writeRuleset(ruleset))}\n`,
  iptables: printIptables,
}

export function convert(args: readonly string[]): void {
  const { values, positionals } = parseOptions(args, { to: { type: 'string' } })
  const { to = '' } = values
  if (!Object.hasOwn(PRINTERS, to)) throw new Misuse('convert needs --to nft, --to json or --to iptables')
  const { ruleset } = loadPolicy(positionals)
  process.stdout.write(translating(() => PRINTERS[to]!(ruleset)))
}
