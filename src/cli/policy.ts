import { readFileSync, statSync } from 'node:fs'
import { LanguageError } from '../language/diagnostic.js'
import { parsePolicy } from '../language/policy/load.js'
import { RulesetError } from '../ruleset/check.js'
import type { Ruleset } from '../ruleset/model.js'
import { BadInput, Failure, Misuse } from './errors.js'

/** Bytes that a policy file may have. */
const MAXIMUM_SIZE = 4 * 2 ** 20

/** Reads the policy file that is the only argument. Throws BadInput with everything that is wrong with it. */
export function loadPolicy(args: readonly string[]): { file: string; ruleset: Ruleset } {
  const [file, ...more] = args
  if (file === undefined || more.length > 0) throw new Misuse('expected one policy file')
  const text = readText(file)
  return { file, ruleset: translating(() => parsePolicy(text, file)) }
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

function readText(file: string): string {
  try {
    const { size } = statSync(file)
    if (size > MAXIMUM_SIZE)
      throw new BadInput(`${file}: a policy file has at most ${MAXIMUM_SIZE} bytes, not ${size}`)
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new BadInput(`${file}: there is no such file`)
    if (code === 'EACCES' || code === 'EISDIR') throw new BadInput(`${file} cannot be read: ${message}`)
    if (error instanceof BadInput) throw error
    throw new Failure(`${file} cannot be read: ${message}`)
  }
}
