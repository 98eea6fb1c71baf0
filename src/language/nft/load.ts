import type { Ruleset } from '../../ruleset/model.js'
import { LanguageError } from '../diagnostic.js'
import { Reports } from '../reports.js'
import { type Files, Script } from './lower/script.js'
import type { Source } from './source.js'

export type { Files } from './lower/script.js'

/** A ruleset that was read, and the texts that it was read from, by their files. */
export interface LoadedNft {
  readonly ruleset: Ruleset
  readonly sources: ReadonlyMap<string, Source>
}

export interface NftOptions {
  /** What `include` reads from; without it there are no files to include. */
  readonly files?: Files
  /** What the text changes; nothing by default. */
  readonly base?: Ruleset
}

/** The Ruleset that a text of nft's language makes. Throws LanguageError with everything that is wrong with it. */
export function loadNft(text: string, file: string, { files, base }: NftOptions = {}): LoadedNft {
  const reports = new Reports()
  const script = new Script(reports, files, base)
  script.run(text, file)
  if (reports.diagnostics.length > 0) {
    const texts = new Map([...script.sources].map(([name, source]) => [name, source.text]))
    const { diagnostics } = reports
    throw new LanguageError(diagnostics.sort(byPlace), texts)
  }
  return { ruleset: script.builder.build(), sources: script.sources }
}

/** The Ruleset alone: see loadNft. */
export function parseNft(text: string, file: string, options?: NftOptions): Ruleset {
  return loadNft(text, file, options).ruleset
}

function byPlace(a: LanguageError['diagnostics'][number], b: LanguageError['diagnostics'][number]): number {
  if (a.position.file !== b.position.file) return 0
  return a.position.line - b.position.line || a.position.column - b.position.column
}
