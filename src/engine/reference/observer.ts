import type { Chain, Rule, Statement, Table } from '../../ruleset/model.js'
import type { Value } from './context.js'

/** Is told what becomes of a packet, step by step: for who wants to explain a verdict. */
export interface Observer {
  /** A chain begins: of the hook, or as a rule leads to it. */
  chain(chain: Chain, table: Table): void
  /** A rule is tried. */
  rule(rule: Rule, chain: Chain): void
  /** A statement let the rule go on. Seen: as of `failed`. */
  passed(statement: Statement, rule: Rule, seen: Value | undefined): void
  /** A statement ended its rule. Seen: what a match looked at, one value for each part; none if the packet lacks it. */
  failed(statement: Statement, rule: Rule, seen: Value | undefined): void
  /** A rule says so; or a base chain, by its policy, where there is no rule. */
  verdict(verdict: string, chain: Chain, rule: Rule | undefined): void
}

export const NOBODY: Observer = {
  chain() {},
  rule() {},
  passed() {},
  failed() {},
  verdict() {},
}
