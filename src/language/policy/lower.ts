import { MAXIMUM_STAMPS } from '../../ruleset/check.js'
import type {
  Chain,
  Match,
  NamedSet,
  PlainElement,
  Rule,
  Ruleset,
  Selector,
  Statement,
  Window,
} from '../../ruleset/model.js'
import { type Diagnostic, inOrder, LanguageError } from '../diagnostic.js'
import type { Path } from '../yaml.js'
import { type Bans, type LimitBan, type Lowerer, lowerBans } from './bans.js'
import { alsoRules, basics, equals, isNew, select } from './basics.js'
import type { Limit, PolicyRule } from './schema.js'
import type { PolicySource } from './source.js'
import {
  type AddressRange,
  type PortRange,
  type Rate,
  readAddress,
  readPort,
  readRate,
  ValueError,
} from './values.js'

const TABLE = 'portcullis'
/** What a limit remembers and counts as one source unless the policy says otherwise. */
const DEFAULTS = { strict: false, sources: 65_536, ipv4: 32, ipv6: 64 }

type Direction = 'inbound' | 'outbound'
const DIRECTIONS: readonly Direction[] = ['inbound', 'outbound']
const VERSIONS = [
  { bits: 32, protocol: 'ip', suffix: 'ipv4' },
  { bits: 128, protocol: 'ip6', suffix: 'ipv6' },
] as const

/** The addresses of a `from` or `to`, and the define they are if they are just one. */
interface Addresses {
  readonly ranges: readonly AddressRange[]
  readonly define?: string
}

export interface LoweredPolicy {
  readonly ruleset: Ruleset
  readonly bans: Bans
}

/** Turns a policy that was read into a Ruleset. Throws LanguageError with everything that makes no sense. */
export function lower(source: PolicySource): LoweredPolicy {
  return new Lowering(source).lowered()
}

class Lowering {
  readonly #source: PolicySource
  readonly #diagnostics: Diagnostic[] = []
  readonly #defines = new Map<string, readonly AddressRange[]>()
  readonly #windows: Window[] = []
  readonly #limitBans: LimitBan[] = []
  /** Where each rule's name was first used. */
  readonly #names = new Map<string, Path>()

  constructor(source: PolicySource) {
    this.#source = source
  }

  lowered(): LoweredPolicy {
    for (const name of Object.keys(this.#source.policy.define ?? {})) this.#define(name, [])
    const chains = DIRECTIONS.map((direction) => this.#chain(direction))
    const sets = [...this.#defines].flatMap(([name, ranges]) => namedSets(name, ranges))
    const lowerer: Lowerer = {
      source: this.#source,
      addresses: (value, path) => this.#ranges(value, path),
      define: (name) => this.#defines.get(name) ?? [],
      read: (path, reader) => this.#read(path, reader),
    }
    const bans = lowerBans(lowerer, this.#limitBans)
    if (this.#diagnostics.length > 0) throw new LanguageError(inOrder(this.#diagnostics), this.#source.text)
    const table = { family: 'inet' as const, name: TABLE, sets, windows: this.#windows, chains }
    const { floor } = this.#source.policy
    return { ruleset: { tables: [table], ...(floor === undefined ? {} : { floor }) }, bans }
  }

  #report(path: Path, message: string, hint?: string): void {
    this.#diagnostics.push(this.#source.diagnostic(path, message, hint))
  }

  /** Runs a reader of a string; what it does not understand is reported, and undefined the result. */
  #read<T>(path: Path, reader: () => T): T | undefined {
    try {
      return reader()
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      this.#report(path, error.message, error.hint)
      return undefined
    }
  }

  /** The addresses of a define. `users`: the defines that are being read and led here. */
  #define(name: string, users: readonly string[]): readonly AddressRange[] {
    const known = this.#defines.get(name)
    if (known !== undefined) return known
    if (users.includes(name)) {
      this.#report(['define', name], `${name} is defined by itself: ${[...users, name].join(' → ')}`)
      return []
    }
    const value = this.#source.policy.define![name]!
    const ranges = this.#ranges(value, ['define', name], [...users, name])
    this.#defines.set(name, ranges)
    return ranges
  }

  #ranges(value: string | readonly string[], path: Path, users: readonly string[] = []): AddressRange[] {
    const list = typeof value === 'string' ? [value] : value
    return list.flatMap((text, i) => {
      if (this.#isDefine(text)) return this.#define(text, users)
      const at = typeof value === 'string' ? path : [...path, i]
      return this.#read(at, () => readAddress(text, Object.keys(this.#source.policy.define ?? {}))) ?? []
    })
  }

  #isDefine(text: string): boolean {
    return Object.hasOwn(this.#source.policy.define ?? {}, text)
  }

  #addresses(value: string | readonly string[] | undefined, path: Path): Addresses | undefined {
    if (value === undefined) return undefined
    const ranges = this.#ranges(value, path)
    const only = typeof value === 'string' ? value : value.length === 1 ? value[0]! : ''
    return this.#isDefine(only) ? { ranges, define: only } : { ranges }
  }

  #chain(direction: Direction): Chain {
    const section = this.#source.policy[direction]
    const name = direction === 'inbound' ? 'input' : 'output'
    const also = (this.#source.policy.also ?? []).flatMap((word, i) =>
      alsoRules(word, direction, this.#source.positionOf(['also', i])),
    )
    const own =
      section === 'any' ? [] : section.flatMap((rule, i) => this.#rule(rule, direction, [direction, i]))
    const policy = section === 'any' ? 'accept' : 'drop'
    return {
      name,
      base: { type: 'filter', hook: name, priority: 0, policy },
      rules: [...basics(direction), ...also, ...own],
    }
  }

  #rule(rule: PolicyRule, direction: Direction, path: Path): Rule[] {
    const before = this.#diagnostics.length
    const name = this.#nameOf(rule, path)
    const ports = this.#ports(rule.port, [...path, 'port'])
    const from = this.#addresses(rule.from, [...path, 'from'])
    const to = this.#addresses(rule.to, [...path, 'to'])
    const limited = rule.limit === undefined ? [] : this.#limit(rule, name, direction, [...path, 'limit'])
    if (this.#diagnostics.length > before) return []

    const end: Statement[] =
      rule.deny === undefined
        ? [isNew, ...limited, { kind: 'counter' }, { kind: 'accept' }]
        : [{ kind: 'counter' }, { kind: 'drop' }]
    const key = direction === 'inbound' ? select.iifname : select.oifname
    const start = rule.interface === undefined ? [] : [equals(key, rule.interface)]
    const position = this.#source.positionOf([...path, rule.deny === undefined ? 'allow' : 'deny'])
    const matches = versionMatches(from, to)
    if (matches.length === 0) this.#report(path, `${name} never matches: from and to share no IP version`)
    return matches.flatMap((addresses) =>
      ports.map((port) => ({
        comment: name,
        position,
        statements: [...start, ...port, ...addresses, ...end],
      })),
    )
  }

  #nameOf(rule: PolicyRule, path: Path): string {
    const { allow, deny } = rule
    const name = allow ?? deny ?? ''
    if (allow !== undefined && deny !== undefined) this.#report(path, 'a rule has either allow or deny')
    else if (name === '')
      this.#report(path, 'the rule has no name', 'start it with allow: and a name of yours')
    const first = this.#names.get(name)
    if (first === undefined) this.#names.set(name, path)
    else {
      const { line } = this.#source.positionOf(first)
      this.#report(
        [...path, allow === undefined ? 'deny' : 'allow'],
        `there is a rule ${name} in line ${line} already`,
        'each rule has a name of its own',
      )
    }
    return name
  }

  /** The matches for ports, one list a rule that is needed: protocols do not mix in one. */
  #ports(value: string | readonly string[] | undefined, path: Path): Match[][] {
    if (value === undefined) return [[]]
    const list = typeof value === 'string' ? [value] : value
    const ports = list.flatMap(
      (text, i) => this.#read(typeof value === 'string' ? path : [...path, i], () => readPort(text)) ?? [],
    )
    return (['tcp', 'udp'] as const).flatMap((protocol) => {
      const own = ports.filter((port) => port.protocol === protocol)
      return own.length === 0 ? [] : [[portMatch(protocol, own)]]
    })
  }

  #limit(rule: PolicyRule, name: string, direction: Direction, path: Path): Statement[] {
    const limit: Limit = rule.limit!
    if (direction === 'outbound')
      this.#report(path, 'a limit counts sources: outbound there is only one, this server')
    if (rule.deny !== undefined) this.#report(path, 'a limit belongs to allow')
    const text = typeof limit === 'string' ? limit : limit.rate
    const rate = this.#read<Rate>(typeof limit === 'string' ? path : [...path, 'rate'], () => readRate(text))
    if (rate === undefined) return []
    const given = typeof limit === 'string' ? {} : limit
    const { strict, sources, ipv4, ipv6 } = { ...DEFAULTS, ...given }
    if (sources * rate.rate > MAXIMUM_STAMPS) {
      const most = Math.floor(MAXIMUM_STAMPS / rate.rate)
      this.#report(path, `${sources} sources are too many at this rate`, `set sources: to ${most} or less`)
    }
    const { ban, ...window } = rate
    this.#windows.push({ name, ...window, strict, size: sources, prefix4: ipv4, prefix6: ipv6 })
    if (ban !== undefined) this.#limitBans.push({ window: name, span: ban, ipv4, ipv6 })
    return [{ kind: 'window', name }]
  }
}

function portMatch(protocol: 'tcp' | 'udp', ports: readonly PortRange[]): Match {
  if (ports.some(({ first, last }) => first === 0 && last === 65535))
    return equals(select.l4proto, protocol === 'tcp' ? 6 : 17)
  const elements = ports.map(
    ({ first, last }): Interval =>
      first === last
        ? { kind: 'value', value: BigInt(first) }
        : { kind: 'range', from: BigInt(first), to: BigInt(last) },
  )
  return { kind: 'match', operator: 'in', left: select.field(protocol, 'dport'), right: oneOrSet(elements) }
}

/** The address matches of a rule, one list for each IP version that it needs a rule for. */
function versionMatches(from: Addresses | undefined, to: Addresses | undefined): Match[][] {
  if (from === undefined && to === undefined) return [[]]
  return VERSIONS.flatMap(({ bits, protocol, suffix }) => {
    const sides = [
      { addresses: from, field: 'saddr' },
      { addresses: to, field: 'daddr' },
    ]
    const matches: Match[] = []
    for (const { addresses, field } of sides) {
      if (addresses === undefined) continue
      const own = addresses.ranges.filter((range) => range.bits === bits)
      if (own.length === 0) return []
      const right: Match['right'] =
        addresses.define === undefined
          ? oneOrSet(own.map(toElement))
          : { kind: 'reference', name: setName(addresses.define, suffix) }
      matches.push({ kind: 'match', operator: 'in', left: select.field(protocol, field) as Selector, right })
    }
    return [matches]
  })
}

/** An element that is nothing but values. */
type Interval = Exclude<PlainElement, { kind: 'concat' | 'wildcard' }>

function oneOrSet(elements: readonly Interval[]): Match['right'] {
  return elements.length === 1 ? elements[0]! : { kind: 'set', elements }
}

function toElement({ bits, first, last, length }: AddressRange): Interval {
  if (first === last) return { kind: 'value', value: first }
  return length === undefined || length === bits
    ? { kind: 'range', from: first, to: last }
    : { kind: 'prefix', base: first, length }
}

function setName(define: string, suffix: string): string {
  return `${define}_${suffix}`
}

function namedSets(define: string, ranges: readonly AddressRange[]): NamedSet[] {
  return VERSIONS.flatMap(({ bits, suffix }) => {
    const own = ranges.filter((range) => range.bits === bits)
    const type = bits === 32 ? 'ipv4_addr' : 'ipv6_addr'
    const elements = own.map(toElement)
    const intervals = elements.some(({ kind }) => kind !== 'value')
    // The prefixes of a define may overlap. It stays as it is written, so that rules may be compiled by what is in it.
    const kind = intervals
      ? { flags: ['constant', 'interval'] as const, autoMerge: true }
      : { flags: ['constant'] as const }
    return own.length === 0 ? [] : [{ name: setName(define, suffix), type, elements, ...kind }]
  })
}
