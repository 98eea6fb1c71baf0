import { dirname } from 'node:path'
import { parseRedisUrl } from '../bans/store/resp.js'
import { type Diagnostic, LanguageError } from '../language/diagnostic.js'
import { isIptables, isIptablesSave, loadIptables, loadIptablesSave } from '../language/iptables/load.js'
import { parseJson } from '../language/json/load.js'
import { loadNft } from '../language/nft/load.js'
import type { Source } from '../language/nft/source.js'
import type { Bans } from '../language/policy/bans.js'
import { readPolicy } from '../language/policy/load.js'
import { loadUfw } from '../language/ufw/folder.js'
import { isUfwScript, loadUfwScript } from '../language/ufw/script.js'
import { checkRuleset, RulesetError } from '../ruleset/check.js'
import type { Ruleset } from '../ruleset/model.js'
import { applicationsOf, ipsetsOf } from './beside.js'
import { isFolder, localFiles, PolicyFileError, readText, ufwFiles } from './files.js'

/** What a ruleset can be written in. */
export const LANGUAGES = ['policy', 'nft', 'json', 'iptables', 'iptables-save', 'ufw'] as const
export type Language = (typeof LANGUAGES)[number]

export interface LoadedPolicy {
  readonly file: string
  readonly language: Language
  readonly ruleset: Ruleset
  /** What a policy says about bans. */
  readonly bans?: Bans
  /** The texts of nft's language that it was read from. */
  readonly sources: ReadonlyMap<string, Source>
  /** What was passed over, by request. */
  readonly passedOver: readonly Diagnostic[]
}

export interface LoadOptions {
  /** Missing: by the file's name and text. */
  readonly language?: Language
  /** The text itself: the file is not read then, and names it where something is wrong. */
  readonly text?: string
  /** Lines that are no commands are passed over, in scripts. */
  readonly prose?: boolean
  /** What cannot be read, such as iptables' table nat, is passed over. */
  readonly lenient?: boolean
  /** Files of `ipset save` with the sets that rules look into; by default the file `ipsets` beside them. */
  readonly ipsets?: readonly string[]
}

/**
 * Reads a policy, or a ruleset of nft, iptables or ufw, from a file or a folder such as /etc/ufw. Throws LanguageError or
 * RulesetError with everything that is wrong with it, and PolicyFileError if it cannot be read.
 */
export function loadPolicy(file: string, options: LoadOptions = {}): LoadedPolicy {
  const loaded = { sources: new Map<string, Source>(), passedOver: [], ...load(file, options) }
  const problems = checkRuleset(loaded.ruleset)
  if (problems.length > 0) throw new RulesetError(problems)
  return loaded
}

type Loaded = Pick<LoadedPolicy, 'file' | 'language' | 'ruleset'> & Partial<LoadedPolicy>

function load(file: string, options: LoadOptions): Loaded {
  if (options.text === undefined && isFolder(file)) {
    const files = ufwFiles(file)
    if (files.read('ufw.conf') === undefined)
      throw new PolicyFileError(`${file} is a folder, and none such as /etc/ufw: it has no ufw.conf`)
    return { file, language: 'ufw', ...loadUfw(files, ipsetsOf(options.ipsets ?? [], file)) }
  }
  const text = options.text ?? readText(file)
  const language = options.language ?? languageOf(file, text)
  const sets = () => ipsetsOf(options.ipsets ?? [], dirname(file))
  const { prose = false, lenient = false } = options
  switch (language) {
    case 'nft':
      return { file, language, ...loadNft(text, file, { files: localFiles }) }
    case 'json':
      return { file, language, ruleset: parseJson(text, file) }
    case 'policy':
      return { file, language, ...withStore(readPolicy(text, file), text) }
    case 'iptables':
      return { file, language, ...loadIptables(text, file, { ...options, ipsets: sets() }) }
    case 'iptables-save':
      return { file, language, ...loadIptablesSave(text, file, { ...options, ipsets: sets() }) }
    case 'ufw':
      return {
        file,
        language,
        ...loadUfwScript(text, file, { prose, lenient, applications: applicationsOf(dirname(file)) }),
      }
  }
}

/** Throws LanguageError if bans are to be shared through what is no Redis. */
function withStore<T extends { readonly bans: Bans }>(policy: T, text: string): T {
  const { store } = policy.bans
  if (store === undefined || parseRedisUrl(store.text) !== undefined) return policy
  const hint = 'write redis://host, redis://:password@host:6379 or redis://user:password@host/2'
  const message = `${store.text} is no address of a Redis`
  throw new LanguageError([{ position: store.position, length: store.text.length, message, hint }], text)
}

/** The language of a file, by its name or else by how its text begins. */
function languageOf(file: string, text: string): Language {
  if (/\.ya?ml$/.test(file)) return 'policy'
  if (/\.json$/.test(file) || /^\s*\{/.test(text)) return 'json'
  if (isIptablesSave(text)) return 'iptables-save'
  if (isIptables(text)) return 'iptables'
  if (isUfwScript(text)) return 'ufw'
  if (/\.(?:nft|conf|rules)$/.test(file) || /^#!.*\bnft\b/.test(text)) return 'nft'
  const nft =
    /^\s*(?:(?:add|create|flush|delete|destroy|insert)\s+)?(?:table|chain|ruleset|rule|set|map|define|include)\s+[^:]*$/m
  return nft.test(text.slice(0, 65_536)) ? 'nft' : 'policy'
}
