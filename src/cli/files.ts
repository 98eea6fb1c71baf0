import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import type { Files } from '../language/nft/load.js'
import type { UfwFiles } from '../language/ufw/folder.js'
import { BadInput, Failure } from './errors.js'

/** Bytes that a ruleset file may have: a few million rules. */
const MAXIMUM_SIZE = 512 * 2 ** 20
/** Where nft looks for files that are not beside the including one. */
const INCLUDE_FOLDER = '/etc'

/** A file's text. Throws BadInput if there is none, Failure if it cannot be read. */
export function readText(file: string): string {
  try {
    const { size } = statSync(file)
    if (size > MAXIMUM_SIZE)
      throw new BadInput(`${file}: a ruleset file has at most ${MAXIMUM_SIZE} bytes, not ${size}`)
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new BadInput(`${file}: there is no such file`)
    if (code === 'EACCES' || code === 'EISDIR') throw new BadInput(`${file} cannot be read: ${message}`)
    if (error instanceof BadInput) throw error
    throw new Failure(`${file} cannot be read: ${message}`)
  }
}

/** The files of this machine, as `include` finds them. */
export const localFiles: Files = {
  read(path) {
    try {
      return statSync(path).isFile() ? readFileSync(path, 'utf8') : undefined
    } catch {
      return undefined
    }
  },
  find(pattern, from) {
    const places = isAbsolute(pattern)
      ? [pattern]
      : [join(dirname(from), pattern), join(INCLUDE_FOLDER, pattern)]
    for (const place of places) {
      const found = expand(place)
      if (found.length > 0) return found
    }
    return []
  },
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** The files of a folder such as /etc/ufw. */
export function ufwFiles(folder: string): UfwFiles {
  const name = (path: string) => join(folder, path)
  return {
    name,
    read: (path) =>
      statSync(name(path), { throwIfNoEntry: false })?.isFile() ? readText(name(path)) : undefined,
    isProgram: (path) => ((statSync(name(path), { throwIfNoEntry: false })?.mode ?? 0) & 0o111) !== 0,
  }
}

/** A path, or the files of a folder that a pattern of names fits, in the order of their names. */
function expand(path: string): string[] {
  if (!/[*?[]/.test(path)) return statSync(path, { throwIfNoEntry: false })?.isFile() ? [path] : []
  const folder = dirname(path)
  const pattern = basename(path)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return []
  const names = readdirSync(folder).filter((name) => !name.startsWith('.') && matchesGlob(name, pattern))
  return names.sort().map((name) => join(folder, name))
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
