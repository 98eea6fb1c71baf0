/** What iptables' matches and targets are described by: iptables-extensions(8). */
import type { Statement } from '../../../ruleset/model.js'
import type { XtablesMatch } from '../../../ruleset/xtables.js'
import type { Ipsets } from '../ipset/sets.js'
import type { Given } from './given.js'

/** An option of a match or target. */
export interface OptionShape {
  /** How many words follow; `maybe`: one, if the next is no option. Missing: one. */
  readonly words?: 0 | 1 | 2 | 'maybe'
  /** `!` may stand before it. */
  readonly invert?: true
  /** It may be given again. */
  readonly repeat?: true
  /** The option that it is another name of. */
  readonly same?: string
}

export type Options = Readonly<Record<string, OptionShape>>

export type IpFamily = 'ip' | 'ip6'
/** Which of the two programs: `nft` is iptables-nft, which has nft's own matches in some places. */
export type Backend = 'nft' | 'legacy'

/** The ipsets that a rule may look into. */
export interface KnownIpsets {
  readonly sets: Ipsets
  /** The name of the table's set that stands for one of them, which it thereby gets. */
  use(name: string): string
}

/** What is known of the rule around a match or target. */
export interface RuleFacts {
  readonly family: IpFamily
  readonly backend: Backend
  readonly table: string
  /** The rule's chain. */
  readonly chain: string
  /** `-p`, by its number; undefined or 0 if there is none or it is inverted. */
  readonly protocol: number | undefined
  readonly ipsets: KnownIpsets
}

export interface Extension {
  /** By their names without the dashes. */
  readonly options: Options
  /** The one family that has it. */
  readonly family?: IpFamily
  /** The protocol without which iptables refuses it. */
  readonly protocol?: number
}

export interface MatchExtension extends Extension {
  read(given: Given, rule: RuleFacts): readonly Statement[]
}

/** A match that is always one node. */
export function match(
  extension: Extension & { read(given: Given, rule: RuleFacts): BareMatch },
): MatchExtension {
  return { ...extension, read: (given, rule) => [xtables(extension.read(given, rule))] }
}

type Bare<T> = T extends unknown ? Omit<T, 'kind'> : never
export type BareMatch = Bare<XtablesMatch>

export function xtables(node: BareMatch): XtablesMatch {
  return { kind: 'xtables', ...node } as XtablesMatch
}

/** Keeps of an object what has a value. */
export function present<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never
}

export interface TargetExtension extends Extension {
  /** The tables that it may stand in, if not all. */
  readonly tables?: readonly string[]
  read(given: Given, rule: RuleFacts): readonly Statement[]
}
