import type { Ruleset } from '../../ruleset/model.js'
import { type LoweredPolicy, lower } from './lower.js'
import { PolicySource } from './source.js'

/** What a policy file says: its Ruleset, and its bans. Throws LanguageError with everything that is wrong with it. */
export function readPolicy(text: string, file: string): LoweredPolicy {
  return lower(new PolicySource(text, file))
}

/** The Ruleset of a policy file's text. Throws LanguageError with everything that is wrong with it. */
export function parsePolicy(text: string, file: string): Ruleset {
  return readPolicy(text, file).ruleset
}
