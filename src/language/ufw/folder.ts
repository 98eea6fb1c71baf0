/** A folder such as /etc/ufw, as the rules that `ufw enable` loads from it. */

import type { Ruleset } from '../../ruleset/model.js'
import { type Diagnostic, inOrder, LanguageError } from '../diagnostic.js'
import { Firewall } from '../iptables/firewall.js'
import type { Ipsets } from '../iptables/ipset/sets.js'
import { Reader } from '../iptables/reader.js'
import { readSave } from '../iptables/save.js'
import { Source } from '../nft/source.js'
import { Reports } from '../reports.js'
import {
  beginUfw,
  beginUserRules,
  closeIpv6,
  DIRECTIONS,
  endUfw,
  LOG_LEVELS,
  type LogLevel,
  logUfw,
  type Policies,
  type Policy,
  UfwTable,
} from './framework.js'
import { readSettings, type Settings } from './settings.js'

/** The files of a folder, by their paths from it. */
export interface UfwFiles {
  /** Undefined if there is no such file. */
  read(path: string): string | undefined
  isProgram(path: string): boolean
  /** How a path is called in positions. */
  name(path: string): string
}

export interface LoadedUfw {
  readonly ruleset: Ruleset
  readonly passedOver: readonly Diagnostic[]
}

/** Where /etc/default/ufw is, seen from /etc/ufw, and where copies of both put it. */
const DEFAULTS = ['../default/ufw', 'default/ufw', '../default-ufw', 'default-ufw']
const POLICY_NAMES: readonly string[] = ['ACCEPT', 'DROP', 'REJECT'] satisfies Policy[]

/** `ipsets`: those that rules of the files may look into. Throws LanguageError with everything that is wrong with the files. */
export function loadUfw(files: UfwFiles, ipsets: Ipsets = new Map()): LoadedUfw {
  return new UfwLoader(files, ipsets).load()
}

class UfwLoader {
  readonly #files: UfwFiles
  readonly #ipsets: Ipsets
  readonly #reports = new Reports()
  readonly #texts = new Map<string, string>()
  readonly #passedOver: Diagnostic[] = []

  constructor(files: UfwFiles, ipsets: Ipsets) {
    this.#files = files
    this.#ipsets = ipsets
  }

  load(): LoadedUfw {
    const firewall = new Firewall(this.#ipsets)
    const defaults = this.#settings(DEFAULTS, 'its policies stand there')
    const level = this.#level()
    const policies = defaults && this.#policies(defaults)
    if (policies !== undefined) {
      this.#family(firewall, 'ip', policies, level)
      if (/^yes$/i.test(defaults?.get('IPV6')?.value ?? 'no')) this.#family(firewall, 'ip6', policies, level)
      else closeIpv6(firewall)
    }
    for (const program of ['before.init', 'after.init']) this.#program(program)
    if (this.#reports.diagnostics.length > 0)
      throw new LanguageError(inOrder(this.#reports.diagnostics), this.#texts)
    return { ruleset: firewall.build(), passedOver: this.#passedOver }
  }

  #read(path: string): { text: string; name: string } | undefined {
    const text = this.#files.read(path)
    if (text === undefined) return undefined
    const name = this.#files.name(path)
    this.#texts.set(name, text)
    return { text, name }
  }

  #missing(path: string, why: string): void {
    const position = { file: this.#files.name(path), line: 1, column: 1 }
    this.#reports.add({ position, message: `there is no such file: ${why}` })
  }

  #settings(paths: readonly string[], why: string): Settings | undefined {
    for (const path of paths) {
      const file = this.#read(path)
      if (file !== undefined) return readSettings(file.text, file.name)
    }
    this.#missing(paths[0]!, why)
    return undefined
  }

  #policies(settings: Settings): Policies | undefined {
    const entries = DIRECTIONS.map((way) => {
      const key = `DEFAULT_${way.toUpperCase()}_POLICY`
      const setting = settings.get(key)
      if (setting !== undefined && POLICY_NAMES.includes(setting.value)) return [way, setting.value] as const
      this.#reports.add({
        position: setting?.position ?? settings.end,
        message: `${key} is ${setting === undefined ? 'missing' : `no policy: ${setting.value}`}`,
        hint: `it is ${POLICY_NAMES.join(', ')}`,
      })
      return undefined
    })
    return entries.includes(undefined)
      ? undefined
      : (Object.fromEntries(entries as never) as unknown as Policies)
  }

  /** ufw falls back to low. */
  #level(): LogLevel {
    const settings = this.#settings(['ufw.conf'], 'a folder such as /etc/ufw has one')
    const level = settings?.get('LOGLEVEL')?.value.toLowerCase() as LogLevel
    return LOG_LEVELS.includes(level) ? level : 'low'
  }

  #family(firewall: Firewall, family: 'ip' | 'ip6', policies: Policies, level: LogLevel): void {
    const six = family === 'ip6' ? '6' : ''
    const ufw = new UfwTable(firewall, family)
    const restore = (path: string) => {
      const file = this.#read(path)
      if (file === undefined) return this.#missing(path, 'ufw does not start without it')
      const reader = new Reader(new Source(file.text, file.name), this.#reports)
      readSave(reader, firewall, { family, backend: 'nft', noflush: true })
    }
    beginUfw(ufw, policies)
    restore(`before${six}.rules`)
    restore(`after${six}.rules`)
    beginUserRules(ufw)
    restore(`user${six}.rules`)
    endUfw(ufw, policies)
    logUfw(ufw, policies, level)
  }

  #program(path: string): void {
    if (!this.#files.isProgram(path)) return
    const position = { file: this.#files.name(path), line: 1, column: 1 }
    this.#passedOver.push({
      position,
      message: 'ufw runs this program when it starts: what it adds to the rules is not read',
    })
  }
}
