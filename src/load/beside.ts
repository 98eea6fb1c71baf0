/** Files that stand beside rules, and that rules look into. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isIpsetSave } from '../language/iptables/ipset/commands.js'
import type { Ipsets } from '../language/iptables/ipset/sets.js'
import { loadIpsets } from '../language/iptables/load.js'
import { type Application, readApplications } from '../language/ufw/applications.js'
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

/** Where ufw looks for application profiles. */
const UFW_APPLICATIONS = '/etc/ufw/applications.d'

/** The application profiles in a folder, and those of this machine. */
export function applicationsOf(folder: string): Application[] {
  return readApplications([join(folder, 'applications.d'), UFW_APPLICATIONS].flatMap(textsOf))
}

/** What is no file of its own: hidden, or left by a package's installation. */
const LEFT_OVER = /^\.|\.dpkg-|\.(?:rpm\w+|ucf-\w+)$|~$/

/** The texts of a folder's files, in the order of their names. */
function textsOf(folder: string): string[] {
  if (!isFolder(folder)) return []
  const names = readdirSync(folder).filter((name) => !LEFT_OVER.test(name))
  return names.sort().flatMap((name) => localFiles.read(join(folder, name)) ?? [])
}
