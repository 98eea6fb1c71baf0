import type { Files } from './config/files.js'
import { type LoadedJails, loadJails } from './config/jails.js'
import { Filter } from './filter/filter.js'
import { findForgery, VICTIM, WRITER } from './filter/forgery.js'
import type { Problem } from './problem.js'

/** Reads the jails of a folder and makes their filters: tells everything that is wrong with them, or dangerous. */
export function checkJails(folder: string, files?: Files): LoadedJails {
  const loaded = loadJails(folder, files)
  const problems: Problem[] = [...loaded.problems]
  const runnable = loaded.jails.filter((jail) => {
    const filter = Filter.compile(jail.filter, { names: jail.useDns === 'yes', zone: jail.zone }, problems)
    if (filter === undefined)
      problems.push({
        position: jail.position,
        message: `jail ${jail.name} cannot run: its filter ${jail.filter.name} has no failregex that works`,
      })
    else problems.push(...forgeries(filter))
    return filter !== undefined
  })
  return { ...loaded, jails: runnable, problems: distinct(problems) }
}

/** Warnings of regexes that let the writer of a line name whom it bans. */
export function forgeries(filter: Filter): Problem[] {
  return filter.rules.flatMap(({ regex, source }) => {
    const line = findForgery(regex)
    if (line === undefined) return []
    return [
      {
        position: source.at(0),
        length: source.text.length,
        severity: 'warning' as const,
        message: `who writes into the log can have others banned: ${WRITER} would ban ${VICTIM} by`,
        hint: `${line.trim()}\n   let nothing that may be anything (.*) stand before <HOST>, or end the regex behind it`,
      },
    ]
  })
}

/** Jails may share a filter: what is wrong with it is told once. */
function distinct(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>()
  return problems.filter(({ position: { file, line, column }, message }) => {
    const key = `${file}:${line}:${column} ${message}`
    return !seen.has(key) && seen.add(key)
  })
}
