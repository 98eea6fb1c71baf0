/** Commands of ufw as a script has them (ufw(8)), as the rules that ufw then holds. */
import { type Diagnostic, inOrder, LanguageError } from '../diagnostic.js'
import { applyCommand } from '../iptables/commands.js'
import type { IpFamily } from '../iptables/extensions/extension.js'
import { Firewall } from '../iptables/firewall.js'
import { eachLine } from '../iptables/lines.js'
import type { IptablesOptions } from '../iptables/load.js'
import { Reader } from '../iptables/reader.js'
import { splitShell, type Word } from '../iptables/words.js'
import { Source } from '../nft/source.js'
import { attempt, Reports } from '../reports.js'
import type { Application } from './applications.js'
import { basicRules } from './basics.js'
import type { LoadedUfw } from './folder.js'
import {
  beginUfw,
  beginUserRules,
  type Direction,
  endUfw,
  LOG_LEVELS,
  type LogLevel,
  logUfw,
  type Policies,
  type Policy,
  prefixOf,
  UfwTable,
} from './framework.js'
import { ACTIONS, readUfwRule, type UfwRule } from './rule.js'
import { commandsOf } from './rule-commands.js'

const PROGRAM = /^(?:sudo[ \t]+)?(?:[\w./-]*\/)?ufw[ \t]+/
const VERBS = [
  ...ACTIONS,
  'insert',
  'prepend',
  'delete',
  'route',
  'rule',
  'default',
  'logging',
  'enable',
  'disable',
  'reload',
  'reset',
  'status',
  'show',
  'app',
  'version',
  '--force',
  '-f',
  '--dry-run',
]
/** They show something, or switch what the rules are not about. */
const NO_RULES = ['enable', 'reload', 'status', 'show', 'version']
const LOOKED_AT = 65_536

function isCommand(line: string): boolean {
  const program = PROGRAM.exec(line)
  return program !== null && VERBS.includes(line.slice(program[0].length).split(/[ \t]/)[0]!)
}

/** Whether a text holds commands of ufw. */
export function isUfwScript(text: string): boolean {
  return text
    .slice(0, LOOKED_AT)
    .split('\n')
    .some((line) => isCommand(line.trim()))
}

export interface UfwScriptOptions extends IptablesOptions {
  /** The profiles that commands may name. */
  readonly applications?: readonly Application[]
}

/** The Ruleset after `ufw enable`. Throws LanguageError with everything that is wrong with the commands. */
export function loadUfwScript(text: string, file: string, options: UfwScriptOptions = {}): LoadedUfw {
  const { prose = false, lenient = false, applications = [] } = options
  const reports = new Reports()
  const passedOver: Diagnostic[] = []
  const reader = new Reader(new Source(text, file), reports, prose || lenient ? passedOver : undefined)
  const state = new UfwState(reader, applications)
  eachLine(reader, (start, line) => {
    if (prose && !isCommand(line)) {
      reader.passOver({ at: start, end: start + line.length }, 'this is no command')
      return start + line.length
    }
    const { words, end } = splitShell(reader, start)
    if (words !== undefined) attempt(() => state.apply(words))
    return end
  })
  const ruleset = state.build()
  if (reports.diagnostics.length > 0) throw new LanguageError(inOrder(reports.diagnostics), text)
  return { ruleset, passedOver }
}

const POLICY_NAMES = { allow: 'ACCEPT', deny: 'DROP', reject: 'REJECT' } as const
const WAYS: Readonly<Record<string, Direction>> = {
  incoming: 'input',
  input: 'input',
  outgoing: 'output',
  output: 'output',
  routed: 'forward',
  forward: 'forward',
}

class UfwState {
  readonly #reader: Reader
  readonly #applications: readonly Application[]
  /** What Debian's ufw begins with. */
  #policies: Record<Direction, Policy> = { input: 'DROP', output: 'ACCEPT', forward: 'DROP' }
  #level: LogLevel = 'low'
  #rules: Record<IpFamily, UfwRule[]> = { ip: [], ip6: [] }

  constructor(reader: Reader, applications: readonly Application[]) {
    this.#reader = reader
    this.#applications = applications
  }

  apply(words: readonly Word[]): void {
    const reader: Reader = this.#reader
    const own = words.findIndex(({ text }) => /(?:^|\/)ufw$/.test(text))
    const rest = words.slice(own + 1).filter(({ text }) => text !== '--force' && text !== '-f')
    const verb = rest[0]
    if (own < 0 || own > 1 || verb === undefined)
      reader.fail(
        words[0]!,
        `${words[0]!.text.slice(0, 40)} is no command of ufw`,
        '--prose passes such lines over',
      )
    const whole = { text: 'ufw', at: words[0]!.at, end: words.at(-1)!.end }
    const name = verb.text.toLowerCase()
    if (NO_RULES.includes(name)) return
    if (name === 'default') this.#default(rest)
    else if (name === 'logging') this.#logging(rest)
    else if (name === 'reset') this.#rules = { ip: [], ip6: [] }
    else if (name === 'disable') reader.fail(verb, 'a firewall that is switched off has no rules')
    else if (name === 'app') this.#application(verb, rest[1])
    else if (name === '--dry-run') reader.refuse(verb, `ufw ${name} makes no rules`)
    else this.#rule(rest, whole)
  }

  #application(verb: Word, command: Word | undefined): void {
    if (command === undefined || !/^(?:list|info|update)$/i.test(command.text))
      this.#reader.refuse(command ?? verb, 'of ufw app, list, info and update are read: they make no rules')
  }

  #default(words: readonly Word[]): void {
    const [, policy, way, more] = words
    const reader: Reader = this.#reader
    if (policy === undefined) reader.fail(words[0]!, 'a policy is missing: allow, deny or reject')
    if (more !== undefined) reader.fail(more, `${more.text} is out of place here`)
    const name = policy.text.toLowerCase()
    if (!Object.hasOwn(POLICY_NAMES, name))
      reader.failUnknown(policy, `${name} is no policy`, name, Object.keys(POLICY_NAMES))
    const direction = way?.text.toLowerCase() ?? 'incoming'
    if (!Object.hasOwn(WAYS, direction))
      reader.failUnknown(way!, `${direction} is no direction`, direction, Object.keys(WAYS))
    this.#policies[WAYS[direction]!] = POLICY_NAMES[name as keyof typeof POLICY_NAMES]
  }

  #logging([verb, level]: readonly Word[]): void {
    const name = level?.text.toLowerCase() ?? ''
    if (name === 'on') this.#level = this.#level === 'off' ? 'low' : this.#level
    else if ((LOG_LEVELS as readonly string[]).includes(name)) this.#level = name as LogLevel
    else
      this.#reader.failUnknown(level ?? verb!, `${name} is no level of logging`, name, [...LOG_LEVELS, 'on'])
  }

  /** `[route] [delete | insert N | prepend] RULE`, `delete N` */
  #rule(words: readonly Word[], whole: Word): void {
    const reader: Reader = this.#reader
    const rest = [...words]
    const route = rest[0]!.text === 'route'
    if (route || rest[0]!.text === 'rule') rest.shift()
    const how = /^(?:delete|insert|prepend)$/i.test(rest[0]?.text ?? '')
      ? rest.shift()!.text.toLowerCase()
      : 'append'
    if (how === 'delete' && /^\d+$/.test(rest[0]?.text ?? '')) {
      this.#deleteNumber(rest[0]!)
      return
    }
    const at = how === 'insert' ? rest.shift() : undefined
    const number = at === undefined ? 0 : /^\d{1,6}$/.test(at.text) ? Number(at.text) : Number.NaN
    if (at !== undefined && !(number >= 1 && number <= this.#rules.ip.length + this.#rules.ip6.length))
      reader.fail(at, `${at.text} is no rule's number here`)
    const rule = readUfwRule(reader, rest, whole, route, this.#applications)
    if (how === 'delete') this.#delete(rule)
    else for (const family of rule.families) this.#add(rule, family, how === 'prepend' ? PREPENDED : number)
  }

  /** Number: the place that the rule gets, counted over both families; 0 is the end. */
  #add(rule: UfwRule, family: IpFamily, number: number): void {
    const rules = this.#rules[family]
    const same = rules.findIndex((other) => sameTraffic(other, rule))
    const place = number === 0 ? undefined : this.#placeOf(rule, family, number)
    if (place === undefined) {
      if (same < 0) rules.push(rule)
      else rules[same] = rule
    } else if (same < 0) rules.splice(place, 0, rule)
    // ufw inserts nothing where there is a rule for the same packets.
  }

  /** A rule for both families goes before what stands at its place in either; undefined is the end. */
  #placeOf(rule: UfwRule, family: IpFamily, number: number): number | undefined {
    const { ip, ip6 } = this.#rules
    if (number === PREPENDED) return this.#rules[family].length === 0 ? undefined : 0
    // ufw takes it that the one for IPv4 has just been put in, even where it was not.
    const added = family === 'ip6' && rule.families.length === 2 ? 1 : 0
    const first = ip.length - added
    if (family === 'ip' && number <= first) return number - 1
    if (family === 'ip6' && number > first) return number - first - 1
    const there = number <= first ? ip[number - 1 + added] : ip6[number - first - 1]
    const other = this.#rules[family].findIndex((each) => there !== undefined && sameTraffic(each, there))
    return other < 0 ? undefined : other
  }

  /** What is not there need not be deleted. */
  #delete(rule: UfwRule): void {
    for (const family of rule.families) {
      const rules = this.#rules[family]
      const at = rules.findIndex((other) => sameRule(other, rule))
      if (at >= 0) rules.splice(at, 1)
    }
  }

  #deleteNumber(word: Word): void {
    const number = Number(word.text)
    const { ip, ip6 } = this.#rules
    if (number < 1 || number > ip.length + ip6.length)
      this.#reader.fail(word, `there is no rule ${word.text}`)
    if (number <= ip.length) ip.splice(number - 1, 1)
    else ip6.splice(number - ip.length - 1, 1)
  }

  build() {
    const firewall = new Firewall()
    for (const family of ['ip', 'ip6'] as const) this.#buildFamily(firewall, family, this.#policies)
    return firewall.build()
  }

  #buildFamily(firewall: Firewall, family: IpFamily, policies: Policies): void {
    const ufw = new UfwTable(firewall, family)
    const reader = new Reader(new Source('', 'ufw'), this.#reader.reports)
    const add = (command: readonly string[], at: Reader, place: Word) => {
      const words = command.map((text) => ({ text, at: place.at, end: place.end }))
      applyCommand(words, { reader: at, firewall, family, backend: 'nft' })
    }
    beginUfw(ufw, policies)
    if (family === 'ip') ufw.chain('not-local')
    const prefix = prefixOf(family)
    for (const rule of basicRules(family))
      add(`-A ${rule.replace(/^|(?<= -j )(?=[a-z])/g, `${prefix}-`)}`.split(' '), reader, NOWHERE)
    beginUserRules(ufw)
    ufw.add('user-limit', ufw.verdict('REJECT'))
    ufw.add('user-limit-accept', { kind: 'accept' })
    for (const rule of this.#rules[family])
      for (const command of commandsOf(rule, prefix)) attempt(() => add(command, this.#reader, rule.word))
    endUfw(ufw, policies)
    logUfw(ufw, policies, this.#level)
  }
}

/** In place of a number: before all others. */
const PREPENDED = -1
const NOWHERE: Word = { text: '', at: 0, end: 0 }

/** What a rule is about, without what it does. */
function traffic({
  direction,
  route,
  interfaceIn,
  interfaceOut,
  protocol,
  source,
  destination,
  applications,
}: UfwRule): string {
  const names = applications?.names
  return JSON.stringify([direction, route, interfaceIn, interfaceOut, protocol, source, destination, names])
}

function sameTraffic(a: UfwRule, b: UfwRule): boolean {
  return traffic(a) === traffic(b)
}

function sameRule(a: UfwRule, b: UfwRule): boolean {
  return sameTraffic(a, b) && a.action === b.action && a.log === b.log
}
