/** Rulesets of iptables beside what import makes of them. */
import { loadIptablesSave } from '../../../src/language/iptables/load.js'
import { importAsNft } from '../../../src/language/iptables/nft.js'
import type { Case } from './case.js'

export interface ImportedPair {
  /** The case's rules, without those of which the import says that nft has no word for them. */
  readonly rules: string
  readonly nft: string
}

/** Throws LanguageError if the rules cannot be read. */
export function importedPair({ loader, rules }: Case): ImportedPair {
  const { ruleset } = loadIptablesSave(rules, 'rules.save', {
    family: loader.startsWith('ip6') ? 'ip6' : 'ip',
    backend: loader.includes('legacy') ? 'legacy' : 'nft',
  })
  const { text, lost } = importAsNft(ruleset, '')
  if (lost.length === 0) return { rules, nft: text }
  const gone = new Set(lost.map(({ position }) => position.line))
  const left = rules.split('\n').filter((_, i) => !gone.has(i + 1))
  return importedPair({ name: '', loader, rules: left.join('\n'), lines: [] })
}
