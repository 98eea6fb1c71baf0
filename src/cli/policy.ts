import { CaptureError } from '../capture/error.js'
import { LanguageError } from '../language/diagnostic.js'
import { isIpsetFile } from '../load/beside.js'
import { PolicyFileError } from '../load/files.js'
import * as load from '../load/load.js'
import { RulesetError } from '../ruleset/check.js'
import { BadInput, Misuse } from './errors.js'

export { LANGUAGES, type Language, type LoadedPolicy as LoadedRuleset } from '../load/load.js'

/**
 * Reads the ruleset file that is the only argument, but for files of `ipset save` that its rules look into. Throws
 * BadInput with everything that is wrong with them.
 */
export function loadPolicy(args: readonly string[], options: load.LoadOptions = {}): load.LoadedPolicy {
  return translating(() => {
    const { rules, ipsets } = parted(args)
    const [file, ...more] = rules
    if (file === undefined || more.length > 0)
      throw new Misuse('expected one file: a policy, or a ruleset of nft, iptables or ufw')
    return load.loadPolicy(file, { ...options, ipsets })
  })
}

/** Files with rules, and those of `ipset save` beside them. */
export function parted(files: readonly string[]): { rules: string[]; ipsets: string[] } {
  const ipsets = files.length === 1 ? [] : files.filter(isIpsetFile)
  return { rules: files.filter((file) => !ipsets.includes(file)), ipsets }
}

/** Runs something that may find a policy or a capture bad; what it finds becomes BadInput. */
export function translating<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw translated(error)
  }
}

/** An error about a policy or a capture as BadInput; any other as it is. */
export function translated(error: unknown): unknown {
  if (
    error instanceof LanguageError ||
    error instanceof PolicyFileError ||
    error instanceof CaptureError ||
    error instanceof RulesetError
  )
    return new BadInput(messageOf(error))
  return error
}

function messageOf(error: Error): string {
  if (!(error instanceof RulesetError)) return error.message
  const lines = error.problems.map(({ message, position }) =>
    position === undefined
      ? message
      : `${position.file}:${position.line}:${position.column}: error: ${message}`,
  )
  return lines.join('\n')
}
