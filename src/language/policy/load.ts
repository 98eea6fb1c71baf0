import type { Ruleset } from '../../ruleset/model.js'
import { lower } from './lower.js'
import { PolicySource } from './source.js'

/** The Ruleset of a policy file's text. Throws LanguageError with everything that is wrong with it. */
export function parsePolicy(text: string, file: string): Ruleset {
  return lower(new PolicySource(text, file))
}
