import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes that a configuration file may have. */
const MAXIMUM_SIZE = 4 * 2 ** 20

/** Where configuration is read from. */
export interface Files {
  /** A file's text; undefined if there is none that can be read. */
  read(path: string): string | undefined
  /** The paths of a folder's files with an ending, in the order of their names; none if there is no folder. */
  list(folder: string, ending: string): readonly string[]
}

/** The files of this machine. */
export const localFiles: Files = {
  read(path) {
    try {
      const status = statSync(path)
      return status.isFile() && status.size <= MAXIMUM_SIZE ? readFileSync(path, 'utf8') : undefined
    } catch {
      return undefined
    }
  },
  list(folder, ending) {
    try {
      const names = readdirSync(folder).filter((name) => name.endsWith(ending) && !name.startsWith('.'))
      return names.sort().map((name) => join(folder, name))
    } catch {
      return []
    }
  },
}
