/** What a policy says about bans: `bans:`, and limits that ban. */
import { type AddressBits, lastOf, type Prefix, prefixOf } from '../../packet/address.js'
import type { Position } from '../../ruleset/model.js'
import type { Path } from '../yaml.js'
import type { PolicyJail } from './schema.js'
import type { PolicySource } from './source.js'
import { type AddressRange, readPort, readSpan } from './values.js'

/** The define whose addresses are never banned. */
const ADMINS = 'admins'
/** fail2ban's own, as its jail.conf has them; milliseconds. */
const DEFAULTS = { maxRetry: 5, findTime: 600_000, banTime: 600_000, ipv6: 64 }

/** A text, and where it stands. */
export interface Located {
  readonly text: string
  readonly position: Position
}

/** A jail that is written in a policy. Times are milliseconds, Infinity is for good. */
export interface WrittenJail {
  readonly name: string
  readonly position: Position
  readonly logs: readonly Located[]
  readonly failregex: readonly Located[]
  readonly ignoreregex: readonly Located[]
  readonly maxRetry: number
  readonly findTime: number
  readonly banTime: number
  readonly ignored: readonly Prefix[]
  /** Ports from the first to the last, of these protocols; none: everything. */
  readonly closed: {
    readonly ports: readonly (readonly [number, number])[]
    readonly protocols: readonly string[]
  }
  readonly ipv6: number
  readonly dryRun: boolean
}

/** A limit that bans who goes over it. */
export interface LimitBan {
  /** The name of its window. */
  readonly window: string
  /** Milliseconds; Infinity is for good. */
  readonly span: number
  /** Bits of an address that are banned. */
  readonly ipv4: number
  readonly ipv6: number
}

export interface Bans {
  /** Folders of fail2ban. */
  readonly folders: readonly string[]
  readonly jails: readonly WrittenJail[]
  /** Who is never banned: ignoreip, and the define named admins. */
  readonly protected: readonly Prefix[]
  /** redis://… that bans are shared through. */
  readonly store: Located | undefined
  readonly reset: boolean
  readonly limits: readonly LimitBan[]
}

/** What reading bans needs of the rest of a policy. */
export interface Lowerer {
  readonly source: PolicySource
  readonly addresses: (value: string | readonly string[], path: Path) => readonly AddressRange[]
  readonly define: (name: string) => readonly AddressRange[]
  /** Undefined if it could not be read, which is reported. */
  readonly read: <T>(path: Path, reader: () => T) => T | undefined
}

export function lowerBans(lowerer: Lowerer, limits: readonly LimitBan[]): Bans {
  const { source, addresses, define } = lowerer
  const { jails = [], ignoreip = [], store, reset = false } = source.policy.bans ?? {}
  const list = typeof jails === 'string' ? [jails] : jails
  return {
    folders: list.filter((jail) => typeof jail === 'string'),
    jails: list.flatMap((jail, i) =>
      typeof jail === 'string' ? [] : jailOf(lowerer, jail, ['bans', 'jails', i]),
    ),
    protected: [...addresses(ignoreip, ['bans', 'ignoreip']), ...define(ADMINS)].flatMap(prefixesOf),
    store: store === undefined ? undefined : { text: store, position: source.positionOf(['bans', 'store']) },
    reset,
    limits,
  }
}

function jailOf({ source, addresses, read }: Lowerer, jail: PolicyJail, path: Path): WrittenJail {
  const located = (value: string | readonly string[] | undefined, key: string): Located[] => {
    if (typeof value === 'string') return [{ text: value, position: source.positionOf([...path, key]) }]
    return (value ?? []).map((text, i) => ({ text, position: source.positionOf([...path, key, i]) }))
  }
  const span = (value: string | number | undefined, key: string, otherwise: number) =>
    value === undefined ? otherwise : (read([...path, key], () => readSpan(value)) ?? otherwise)
  const ports = located(jail.ports, 'ports').flatMap(
    ({ text }, i) =>
      read(typeof jail.ports === 'string' ? [...path, 'ports'] : [...path, 'ports', i], () =>
        readPort(text),
      ) ?? [],
  )
  return {
    name: jail.jail,
    position: source.positionOf([...path, 'jail']),
    logs: located(jail.log, 'log'),
    failregex: located(jail.failregex, 'failregex'),
    ignoreregex: located(jail.ignoreregex, 'ignoreregex'),
    maxRetry: jail.maxretry ?? DEFAULTS.maxRetry,
    findTime: span(jail.findtime, 'findtime', DEFAULTS.findTime),
    banTime: span(jail.bantime, 'bantime', DEFAULTS.banTime),
    ignored: addresses(jail.ignoreip ?? [], [...path, 'ignoreip']).flatMap(prefixesOf),
    closed: {
      ports: ports.map(({ first, last }) => [first, last] as const),
      protocols: [...new Set(ports.map(({ protocol }) => protocol))],
    },
    ipv6: jail.ipv6 ?? DEFAULTS.ipv6,
    dryRun: jail.dryrun ?? false,
  }
}

/** The fewest prefixes that hold a range and nothing else. */
function prefixesOf({ bits, first, last }: AddressRange): Prefix[] {
  const found: Prefix[] = []
  for (let from = first; from <= last; ) {
    const prefix = largestAt(bits, from, last)
    found.push(prefix)
    from = lastOf(prefix) + 1n
  }
  return found
}

function largestAt(bits: AddressBits, from: bigint, last: bigint): Prefix {
  let best = prefixOf({ bits, value: from }, bits)
  for (let length = bits - 1; length >= 0; length--) {
    const prefix = prefixOf({ bits, value: from }, length)
    if (prefix.value !== from || lastOf(prefix) > last) break
    best = prefix
  }
  return best
}
