import { LanguageError } from '../language/diagnostic.js'
import { parseJson } from '../language/json/load.js'
import { loadNft } from '../language/nft/load.js'
import type { Source } from '../language/nft/source.js'
import { parsePolicy } from '../language/policy/load.js'
import { checkRuleset, RulesetError } from '../ruleset/check.js'
import type { Ruleset } from '../ruleset/model.js'
import { BadInput, Misuse } from './errors.js'
import { localFiles, readText } from './files.js'

/** What a ruleset can be written in. */
export type Language = 'policy' | 'nft' | 'json'

export interface LoadedRuleset {
  readonly file: string
  readonly language: Language
  readonly ruleset: Ruleset
  /** The texts of nft's language that it was read from. */
  readonly sources: ReadonlyMap<string, Source>
}

/** Reads the ruleset file that is the only argument. Throws BadInput with everything that is wrong with it. */
export function loadPolicy(args: readonly string[]): LoadedRuleset {
  const [file, ...more] = args
  if (file === undefined || more.length > 0)
    throw new Misuse('expected one file: a policy, or a ruleset of nft')
  const text = readText(file)
  const language = languageOf(file, text)
  return translating(() => {
    const loaded = { file, language, ...parse(text, file, language) }
    const problems = checkRuleset(loaded.ruleset)
    if (problems.length > 0) throw new RulesetError(problems)
    return loaded
  })
}

function parse(text: string, file: string, language: Language): Pick<LoadedRuleset, 'ruleset' | 'sources'> {
  if (language === 'nft') return loadNft(text, file, { files: localFiles })
  return {
    ruleset: language === 'json' ? parseJson(text, file) : parsePolicy(text, file),
    sources: new Map(),
  }
}

/** The language of a file, by its name or else by how its text begins. */
function languageOf(file: string, text: string): Language {
  if (/\.ya?ml$/.test(file)) return 'policy'
  if (/\.json$/.test(file) || /^\s*\{/.test(text)) return 'json'
  if (/\.(?:nft|conf|rules)$/.test(file) || /^#!.*\bnft\b/.test(text)) return 'nft'
  const nft =
    /^\s*(?:(?:add|create|flush|delete|destroy|insert)\s+)?(?:table|chain|ruleset|rule|set|map|define|include)\s+[^:]*$/m
  return nft.test(text.slice(0, 65_536)) ? 'nft' : 'policy'
}

/** Runs something that may find a policy bad; what it finds becomes BadInput. */
export function translating<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof LanguageError) throw new BadInput(error.message)
    if (!(error instanceof RulesetError)) throw error
    const lines = error.problems.map(({ message, position }) =>
      position === undefined
        ? message
        : `${position.file}:${position.line}:${position.column}: error: ${message}`,
    )
    throw new BadInput(lines.join('\n'))
  }
}
