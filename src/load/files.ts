import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { matchesGlob } from '../bans/follow/glob.js'
import type { Files } from '../language/nft/load.js'
import type { UfwFiles } from '../language/ufw/folder.js'

/** Bytes that a ruleset file may have: a few million rules. */
const MAXIMUM_SIZE = 512 * 2 ** 20
/** Where nft looks for files that are not beside the including one. */
const INCLUDE_FOLDER = '/etc'

/** A file or folder that holds no policy that could be read. Its message is made for people. */
export class PolicyFileError extends Error {
  override readonly name = 'PolicyFileError'
}

/** A file's text. Throws PolicyFileError if there is none, or if it cannot be read. */
export function readText(file: string): string {
  try {
    const { size } = statSync(file)
    if (size > MAXIMUM_SIZE)
      throw new PolicyFileError(`${file}: a ruleset file has at most ${MAXIMUM_SIZE} bytes, not ${size}`)
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new PolicyFileError(`${file}: there is no such file`)
    if (code === 'EACCES' || code === 'EISDIR')
      throw new PolicyFileError(`${file} cannot be read: ${message}`)
    if (error instanceof PolicyFileError) throw error
    throw new PolicyFileError(`${file} cannot be read: ${message}`)
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
