import type { Files } from './config/files.js'
import type { Jail } from './config/jail.js'
import { type LoadedJails, loadJails } from './config/jails.js'
import { jailOf, type WrittenJail } from './config/written.js'
import { Filter } from './filter/filter.js'
import { findForgery, VICTIM, WRITER } from './filter/forgery.js'
import type { Problem } from './problem.js'

/** Reads the jails of a folder and makes their filters: tells everything that is wrong with them, or dangerous. */
export function checkJails(folder: string, files?: Files): LoadedJails {
  const loaded = loadJails(folder, files)
  const problems: Problem[] = [...loaded.problems]
  const runnable = loaded.jails.filter((jail) => checkFilter(jail, problems))
  return { ...loaded, jails: runnable, problems: distinct(problems) }
}

/** What is wrong with jails that are written elsewhere than in fail2ban's files, or dangerous. */
export function checkWrittenJails(jails: readonly WrittenJail[]): Problem[] {
  const problems: Problem[] = []
  for (const jail of jails) checkFilter(jailOf(jail), problems)
  return distinct(problems)
}

/** Whether a jail can run. */
function checkFilter({ filter, useDns, zone, name, position }: Jail, problems: Problem[]): boolean {
  const compiled = Filter.compile(filter, { names: useDns === 'yes', zone }, problems)
  if (compiled !== undefined) problems.push(...forgeries(compiled))
  else
    problems.push({
      position,
      message: `jail ${name} cannot run: its filter ${filter.name} has no failregex that works`,
    })
  return compiled !== undefined
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
