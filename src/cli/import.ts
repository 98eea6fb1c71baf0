import { readFileSync } from 'node:fs'
import type { Diagnostic, Texts } from '../language/diagnostic.js'
import { importAsNft } from '../language/iptables/nft.js'
import { parseNft } from '../language/nft/load.js'
import { importAsPolicy } from '../language/policy/import/policy.js'
import { parsePolicy } from '../language/policy/load.js'
import type { Rule, Ruleset, Table } from '../ruleset/model.js'
import { parseOptions } from './arguments.js'
import { BadInput, Misuse } from './errors.js'
import { LANGUAGES, type Language, loadPolicy, parted, translating } from './policy.js'

export const usage = `portcullis import FILE|FOLDER… [--from LANGUAGE] [--to nft|policy] [--prose]

Prints rules of iptables, ip6tables or ufw as a ruleset of nft or as a policy, each with the line that it comes from.

  --from LANGUAGE   iptables, iptables-save, ufw, nft or auto: what the files are written in (default auto)
  --to LANGUAGE     nft or policy (default nft)
  --prose           passes over lines that are no commands, and names them

FOLDER is one such as /etc/ufw. Rules that look into ipsets find them in a FILE of ipset save, or in one called ipsets
beside them. What has no equivalent is named with its line and what it means, and stands in nft's text as a comment;
so is what a policy does by itself and the rules do not. The exit code is then 1.`

const FROM: readonly string[] = LANGUAGES

export function importRules(args: readonly string[]): void {
  const { files, to, options } = parse(args)
  const { rules, ipsets } = translating(() => parted(files))
  const loaded = rules.map((file) => loadPolicy([file, ...ipsets], { ...options, lenient: true }))
  const ruleset: Ruleset = { tables: loaded.flatMap(({ ruleset: { tables } }) => tables) }
  const twice = duplicate(ruleset.tables)
  if (twice !== undefined) throw new BadInput(`two of these files have a table ${twice.family} ${twice.name}`)
  const { text, lost, differs, strict = [] } = TARGETS[to](ruleset, texts(ruleset))
  process.stdout.write(text)
  tell(
    loaded.flatMap(({ passedOver }) => passedOver),
    'passed over',
  )
  tell(lost, 'not imported')
  tell(differs, 'differs')
  if (strict.length > 0) process.stderr.write(shortHeaders(strict))
  const refused = loaded.some(({ passedOver }) =>
    passedOver.some(({ message }) => message !== 'this is no command'),
  )
  if (lost.length > 0 || differs.length > 0 || refused) process.exitCode = 1
}

/** What is worth knowing, and no reason for another exit code. */
function shortHeaders([first, ...more]: readonly Rule[]): string {
  const place = first?.position === undefined ? '' : `${first.position.file}:${first.position.line}: `
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`
  return `${place}note: a packet whose header is cut short is dropped by this rule at once, and not matched by nft's${others}\n`
}

interface Imported {
  readonly text: string
  readonly lost: readonly Diagnostic[]
  /** What is decided in another way in the new language. */
  readonly differs: readonly Diagnostic[]
  readonly strict?: readonly Rule[]
}

/** What was printed must be what is read. */
const TARGETS = {
  nft(ruleset: Ruleset, texts: Texts): Imported {
    const imported = importAsNft(ruleset, texts)
    translating(() => parseNft(imported.text, 'the imported ruleset'))
    return { ...imported, differs: [] }
  },
  policy(ruleset: Ruleset, texts: Texts): Imported {
    const imported = importAsPolicy(ruleset, texts)
    translating(() => parsePolicy(imported.text, 'the imported policy'))
    return imported
  },
} as const
type Target = keyof typeof TARGETS

function parse(args: readonly string[]) {
  const { values, positionals } = parseOptions(args, {
    from: { type: 'string', default: 'auto' },
    to: { type: 'string', default: 'nft' },
    prose: { type: 'boolean', default: false },
  })
  if (positionals.length === 0) throw new Misuse('import needs a file or a folder')
  const { to } = values
  if (!isTarget(to)) throw new Misuse('--to knows nft and policy')
  if (values.from !== 'auto' && !FROM.includes(values.from))
    throw new Misuse(`--from knows ${FROM.join(', ')} and auto`)
  const language = values.from === 'auto' ? {} : { language: values.from as Language }
  return { files: positionals, to, options: { ...language, prose: values.prose } }
}

function isTarget(text: string): text is Target {
  return Object.hasOwn(TARGETS, text)
}

function duplicate(tables: readonly Table[]): Table | undefined {
  const seen = new Set<string>()
  return tables.find(({ family, name }) => {
    const key = `${family} ${name}`
    return seen.has(key) || !seen.add(key)
  })
}

/** The texts of the files that rules come from. */
function texts({ tables }: Ruleset): ReadonlyMap<string, string> {
  const files = new Set(
    tables.flatMap(({ chains }) =>
      chains.flatMap(({ rules }) => rules.map(({ position }) => position?.file)),
    ),
  )
  const found = [...files].filter((file) => file !== undefined && file !== 'ufw') as string[]
  return new Map(found.map((file) => [file, readFileSync(file, 'utf8')]))
}

function tell(diagnostics: readonly Diagnostic[], what: string): void {
  for (const { position, message, hint } of diagnostics) {
    const { file, line, column } = position
    process.stderr.write(
      `${file}:${line}:${column}: ${what}: ${message}${hint === undefined ? '' : ` (${hint})`}\n`,
    )
  }
}
