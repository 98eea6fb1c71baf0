import type { Ruleset } from '../../ruleset/model.js'
import { readExpectations } from '../expect/read.js'
import { namesOf } from '../traffic/names.js'
import { type LoweredPolicy, lower } from './lower.js'
import { PolicySource } from './source.js'

/**
 * What a policy file says: its Ruleset, and its bans. Throws LanguageError with everything that is wrong with it, or with
 * what it is expected to do.
 */
export function readPolicy(text: string, file: string): LoweredPolicy {
  const source = new PolicySource(text, file)
  const lowered = lower(source)
  readExpectations(source, namesOf(lowered.ruleset))
  return lowered
}

/** The Ruleset of a policy file's text. Throws LanguageError with everything that is wrong with it. */
export function parsePolicy(text: string, file: string): Ruleset {
  return readPolicy(text, file).ruleset
}
