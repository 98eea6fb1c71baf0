import type { Ruleset } from '../../ruleset/model.js'
import { LanguageError } from '../diagnostic.js'
import type { LineNode } from '../nft/ast.js'
import { TableBuilder } from '../nft/lower/builder.js'
import { Context, Scope } from '../nft/lower/context.js'
import { Script } from '../nft/lower/script.js'
import { Source } from '../nft/source.js'
import { attempt, Reports } from '../reports.js'
import { entryOffsets, MAXIMUM_DEPTH } from './entries.js'
import { Entry, type Json } from './entry.js'
import { readEntry } from './read-objects.js'

/**
 * The Ruleset that a JSON of libnftables-json(5) makes: what `nft -j list ruleset` prints, or commands. Throws
 * LanguageError with everything that is wrong with it; places are those of the entries of its array.
 */
export function parseJson(text: string, file: string): Ruleset {
  const source = new Source(text, file)
  const reports = new Reports()
  const context = new Context(source, new Scope(), reports, new TableBuilder('inet', '', undefined))
  const entries = attempt(() => entriesOf(text, context))
  const lines: LineNode[] = []
  for (const { json, entry } of entries ?? []) {
    if (reports.full) break
    const line = attempt(() => readEntry(json, entry))
    if (line !== undefined) lines.push(line)
  }
  const script = new Script(reports, undefined)
  if (reports.diagnostics.length === 0) script.runTree(inOrder(lines), source)
  if (reports.diagnostics.length > 0) throw new LanguageError(reports.diagnostics, text)
  return script.builder.build()
}

function entriesOf(text: string, context: Context): { json: Json; entry: Entry }[] {
  const whole = { at: 0, end: 1 }
  const offsets = entryOffsets(text)
  if (offsets === undefined) return context.fail(whole, `JSON is nested deeper than ${MAXIMUM_DEPTH}`)
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    const [, at = '0'] = /position (\d+)/.exec((error as Error).message) ?? []
    return context.fail(
      { at: Number(at), end: Number(at) + 1 },
      `this is no JSON: ${(error as Error).message}`,
    )
  }
  const array = (parsed as { nftables?: unknown } | null)?.nftables
  if (!Array.isArray(array)) return context.fail(whole, 'an object with an array nftables is expected')
  return array.map((json: Json, i) => ({ json, entry: new Entry(i, offsets[i] ?? 0, context) }))
}

/** What a listing names before it is there comes first: chains, then objects and sets, then rules. Commands keep their order. */
function inOrder(lines: readonly LineNode[]): LineNode[] {
  const rank = (line: LineNode): number => {
    if (line.kind !== 'command' || line.verb !== 'add') return -1
    const { kind } = line.object
    if (kind === 'table') return 0
    if (kind === 'chain') return 1
    if (kind === 'object' || kind === 'window object') return 2
    return kind === 'rule command' ? 4 : 3
  }
  const ranks = lines.map(rank)
  if (ranks.includes(-1)) return [...lines]
  return lines
    .map((line, i) => ({ line, rank: ranks[i]! }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ line }) => line)
}
