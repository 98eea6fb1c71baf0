import { writeFileSync } from 'node:fs'
import { Comments } from '../language/nft/print/comments.js'
import { printRuleset } from '../language/nft/print/ruleset.js'
import { parseOptions } from './arguments.js'
import { BadInput } from './errors.js'
import { type Language, loadPolicy } from './policy.js'

export const usage = `portcullis fmt FILE [--write]

Prints a ruleset of nft in the layout of nft list ruleset, with its comments.

  --write   writes it to the file instead

Variables and included files are resolved, as nft does it.`

/** How other languages are printed. */
const INSTEAD: Readonly<Record<Exclude<Language, 'nft'>, string>> = {
  policy: 'portcullis convert --to nft makes it one',
  json: 'portcullis convert --to nft makes it one',
  iptables: 'portcullis convert --to iptables prints it as iptables -S does, and import as nft',
  'iptables-save': 'portcullis convert --to iptables prints it as iptables -S does, and import as nft',
  ufw: 'portcullis convert --to iptables prints its rules as iptables -S does, and import as nft',
}

export function fmt(args: readonly string[]): void {
  const { values, positionals } = parseOptions(args, { write: { type: 'boolean', default: false } })
  const { write } = values
  const { file, language, ruleset, sources } = loadPolicy(positionals)
  if (language !== 'nft') throw new BadInput(`${file} is no text of nft: ${INSTEAD[language]}`)
  if (write && sources.size > 1)
    throw new BadInput(
      `${file} includes other files: what is printed holds them, and should not be written over it`,
    )
  const text = printRuleset(ruleset, { comments: new Comments(sources, ruleset) })
  if (write) writeFileSync(file, text)
  else process.stdout.write(text)
}
