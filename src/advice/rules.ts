/** What advice asks of rules. */
import type { HookName } from '../packet/packet.js'
import type { Chain, Expression, Match, Position, Rule, Ruleset, Statement, Table } from '../ruleset/model.js'
import { baseChains, type Decider } from '../ruleset/probe.js'
import { isSelector, selectorText } from '../ruleset/selectors.js'
import { ruleAsNft } from '../ruleset/xtables-as-nft.js'

export type IpFamily = 'ip' | 'ip6'
export const FAMILIES = ['ip', 'ip6'] as const

export interface PlacedRule {
  readonly rule: Rule
  readonly chain: Chain
  readonly table: Table
  /** In nft's words, as far as nft has them. */
  readonly statements: readonly Statement[]
}

/** The rules that packets at a hook may meet, over jumps, each once. */
export function rulesAt(ruleset: Ruleset, hook: HookName, family: IpFamily): PlacedRule[] {
  return baseChains(ruleset, hook, family).flatMap(({ table, chain }) => {
    const chains = new Map(table.chains.map((each) => [each.name, each]))
    const met = new Set([chain])
    for (const each of met) {
      for (const { statements } of each.rules)
        for (const statement of statements) {
          const target = targetOf(statement)
          const next = target === undefined ? undefined : chains.get(target)
          if (next !== undefined) met.add(next)
        }
    }
    return [...met].flatMap((each) => each.rules.map((rule) => placed(rule, each, table, family)))
  })
}

function placed(rule: Rule, chain: Chain, table: Table, family: IpFamily): PlacedRule {
  return { rule, chain, table, statements: (ruleAsNft(rule, family) ?? rule).statements }
}

function targetOf(statement: Statement): string | undefined {
  return statement.kind === 'jump' || statement.kind === 'goto' ? statement.target : undefined
}

/** What a match of a rule compares a field with, by nft's word for the field; undefined if it does not look at it. */
export function comparedWith(
  { statements }: Pick<PlacedRule, 'statements'>,
  text: string,
): Match | undefined {
  return statements.find(
    (each): each is Match =>
      each.kind === 'match' && isSelector(each.left) && selectorText(each.left) === text,
  )
}

/** The values that a match lists, where it lists some. */
export function valuesOf(right: Expression): bigint[] {
  const listed = right.kind === 'set' ? right.elements : [right]
  return listed.flatMap((each) =>
    each.kind === 'value' && typeof each.value === 'bigint' ? [each.value] : [],
  )
}

export function positionsOf(...deciders: readonly Decider[]): Position[] {
  return deciders.flatMap((each) => (each?.position === undefined ? [] : [each.position]))
}

/** An address that nobody has, and that rules are hardly about: RFC 5737, RFC 3849. */
export const STRANGER = {
  ip: (192n << 24n) | (2n << 8n) | 77n,
  ip6: (0x20010db8n << 96n) | 0xdead77n,
} as const
export const TCP = 6n
export const UDP = 17n
export const ICMPV6 = 58n
/** Any port that programs take for themselves. */
export const EPHEMERAL = 50_123n
