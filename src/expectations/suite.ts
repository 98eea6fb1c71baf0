/** Files with expectations, and the policies that these are about. */
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LanguageError } from '../language/diagnostic.js'
import { type Expectation, readExpectations, readTestFile } from '../language/expect/read.js'
import { PolicySource } from '../language/policy/source.js'
import { namesOf } from '../language/traffic/names.js'
import { isFolder, PolicyFileError, readText } from '../load/files.js'
import { loadPolicy } from '../load/load.js'
import type { Ruleset } from '../ruleset/model.js'

export interface Suite {
  /** Where the expectations stand: a policy, or a test file beside it. */
  readonly file: string
  readonly policy: string
  readonly ruleset: Ruleset
  readonly expectations: readonly Expectation[]
}

const IS_TEST = /^policy[ \t]*:/m
const HAS_EXPECTATIONS = /^expect[ \t]*:/m
const YAML = /\.ya?ml$/
/** Folders in folders that are looked into, and what is looked at in all. */
const DEEPEST = 8
const MOST_FILES = 10_000

/**
 * Reads a policy with expectations, or a test file. Throws LanguageError or RulesetError with everything that is wrong with
 * it, or with the policy that it names, and PolicyFileError if one cannot be read.
 */
export function loadSuite(file: string): Suite {
  const text = readText(file)
  return IS_TEST.test(text) ? loadTestFile(text, file) : loadOwn(text, file)
}

function loadOwn(text: string, file: string): Suite {
  const { ruleset } = loadPolicy(file, { text, language: 'policy' })
  const source = new PolicySource(text, file)
  const expectations = readExpectations(source, namesOf(ruleset))
  if (expectations.length === 0) throw new PolicyFileError(`${file} expects nothing: list it under expect:`)
  return { file, policy: file, ruleset, expectations }
}

function loadTestFile(text: string, file: string): Suite {
  const source = readTestFile(text, file)
  const policy = join(dirname(file), source.data.policy)
  try {
    const { ruleset } = loadPolicy(policy)
    return { file, policy, ruleset, expectations: readExpectations(source, namesOf(ruleset)) }
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error
    throw new LanguageError([source.diagnostic(['policy'], error.message)], text)
  }
}

/** The files with expectations among files and in folders; files that are named are such. Throws PolicyFileError if there are none. */
export function findSuites(paths: readonly string[]): string[] {
  const found = paths.flatMap((path) => (isFolder(path) ? [...filesIn(path, 0)].sort() : [path]))
  if (found.length === 0)
    throw new PolicyFileError(`there is no file with expectations (expect:) in ${paths.join(', ')}`)
  if (found.length > MOST_FILES) throw new PolicyFileError(`more than ${MOST_FILES} files have expectations`)
  return found
}

function* filesIn(folder: string, depth: number): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue
    if (entry.isDirectory() && depth < DEEPEST) yield* filesIn(path, depth + 1)
    else if (entry.isFile() && YAML.test(entry.name) && HAS_EXPECTATIONS.test(readText(path))) yield path
  }
}
