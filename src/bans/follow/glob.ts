import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Files that a pattern may name. */
const MOST_FILES = 1000

/** The files that a path, or a pattern of paths as in the shell, names, in the order of their names. */
export function expandPath(pattern: string): string[] {
  if (!/[*?[]/.test(pattern)) return [pattern]
  let found = [pattern.startsWith('/') ? '/' : '.']
  for (const part of pattern.split('/').filter((part) => part !== ''))
    found = found.flatMap((folder) => matching(folder, part)).slice(0, MOST_FILES)
  return found.filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
}

function matching(folder: string, part: string): string[] {
  if (!/[*?[]/.test(part)) return [join(folder, part)]
  try {
    const names = readdirSync(folder).filter(
      (name) => (!name.startsWith('.') || part.startsWith('.')) && matchesGlob(name, part),
    )
    return names.sort().map((name) => join(folder, name))
  } catch {
    return []
  }
}

/**
 * Whether a name fits a pattern of `*`, `?` and `[…]`, as in the shell. Goes back to the last `*` only, so that
 * no pattern takes long: a regular expression would.
 */
export function matchesGlob(name: string, pattern: string): boolean {
  const parts = pattern.match(/\[[^\]]+\]|[\s\S]/g) ?? []
  let part = 0
  let star = -1
  let tried = 0
  for (let at = 0; at < name.length; ) {
    if (parts[part] === '*') {
      star = part++
      tried = at
    } else if (part < parts.length && fits(name[at]!, parts[part]!)) {
      part++
      at++
    } else if (star >= 0) {
      part = star + 1
      at = ++tried
    } else return false
  }
  return parts.slice(part).every((rest) => rest === '*')
}

/** Whether a character is what one part of a pattern stands for. */
function fits(character: string, part: string): boolean {
  if (part === '?' || part === character) return true
  if (part.length === 1) return false
  const negated = part[1] === '!' || part[1] === '^'
  const members = part.slice(negated ? 2 : 1, -1)
  let found = false
  for (let i = 0; i < members.length; i++) {
    const range = members[i + 1] === '-' && i + 2 < members.length
    const last = range ? members[i + 2]! : members[i]!
    if (members[i]! <= character && character <= last) found = true
    if (range) i += 2
  }
  return found !== negated
}
