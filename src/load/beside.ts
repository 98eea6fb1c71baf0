/** Files that stand beside rules, and that rules look into. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isIpsetSave } from '../language/iptables/ipset/commands.js'
import type { Ipsets } from '../language/iptables/ipset/sets.js'
import { loadIpsets } from '../language/iptables/load.js'
import { isFolder, localFiles, readText } from './files.js'

/** Where Debian's ipset-persistent keeps what `ipset save` prints. */
const IPSETS = 'ipsets'

/** Throws PolicyFileError if it cannot be read. */
export function isIpsetFile(file: string): boolean {
  return !isFolder(file) && isIpsetSave(readText(file))
}

/** The ipsets of some files, or if there are none of the one in a folder. Throws LanguageError, PolicyFileError. */
export function ipsetsOf(files: readonly string[], folder: string): Ipsets {
  const beside = join(folder, IPSETS)
  const found = files.length > 0 ? files : localFiles.read(beside) === undefined ? [] : [beside]
  return new Map(found.flatMap((file) => [...loadIpsets(readText(file), file)]))
}
