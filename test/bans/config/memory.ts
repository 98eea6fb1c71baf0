import type { Files } from '../../../src/bans/config/files.js'

/** Files that are not on any disk, by their paths. */
export function memoryFiles(texts: Readonly<Record<string, string>>): Files {
  return {
    read: (path) => texts[path],
    list: (folder, ending) =>
      Object.keys(texts)
        .filter((path) => path.startsWith(`${folder}/`) && path.endsWith(ending))
        .sort(),
  }
}
