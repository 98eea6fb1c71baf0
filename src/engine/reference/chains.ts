/** Chains and rules, as nft_do_chain goes through them (net/netfilter/nf_tables_core.c). */
import type { Chain, Rule, Verdict } from '../../ruleset/model.js'
import type { Context } from './context.js'
import { lookUp } from './expressions.js'
import type { Compared } from './matches.js'
import { isJoined } from './merging.js'
import type { Observer } from './observer.js'
import { askedOf } from './protocols.js'
import { isAnswerable, reject } from './reject.js'
import { run } from './statements.js'

/** What a packet that is let through, dropped or answered hears, and from which rule. */
export interface Decision {
  readonly verdict: 'accept' | 'drop' | `reject:${string}`
  readonly rule: Rule
  readonly chain: Chain
}

/** Everything about a packet but the rule that it is in. */
export interface Run extends Omit<Context, 'rule' | 'asked'> {
  readonly observer: Observer
  /** Rules that logged it. */
  readonly logged: Rule[]
}

/** What a rule says; nothing if the packet goes on behind it. */
type Said = Decision | Verdict | undefined

/** What becomes of a match of what the packet lacks. */
const NOTHING: Compared = { step: 'break', seen: undefined }

/** The decision of a chain and all that it leads to; none if the packet comes to its end or is told to return. */
export function runChain(chain: Chain, about: Run): Decision | undefined {
  about.observer.chain(chain, about.table.table)
  for (const rule of chain.rules) {
    about.observer.rule(rule, chain)
    const said = runRule(rule, chain, about)
    if (said === undefined) continue
    if ('verdict' in said) {
      about.observer.verdict(said.verdict, chain, rule)
      return said
    }
    if (said.kind === 'return') return undefined
    if (said.kind !== 'jump' && said.kind !== 'goto') continue
    const decision = runChain(about.table.chain(said.target), about)
    // Who goes to a chain does not come back; who jumps goes on behind the rule.
    if (decision !== undefined || said.kind === 'goto') return decision
  }
  return undefined
}

function runRule(rule: Rule, chain: Chain, about: Run): Said {
  const { statements } = rule
  const { families, before } = askedOf(rule, about.table.table.family)
  if (families.some((family) => family !== about.packet.family)) {
    about.observer.failed(statements[0]!, rule, undefined)
    return undefined
  }
  const last = statements.at(-1)
  if (last?.kind === 'reject' && !isAnswerable(last, about.packet, before.at(-1)!)) {
    about.observer.failed(last, rule, undefined)
    return undefined
  }
  for (const [index, statement] of statements.entries()) {
    const context: Context = {
      packet: about.packet,
      environment: about.environment,
      interfaces: about.interfaces,
      table: about.table,
      memory: about.memory,
      xtables: about.xtables,
      now: about.now,
      rule,
      asked: before[index]!,
    }
    switch (statement.kind) {
      case 'accept':
      case 'drop':
        return { verdict: statement.kind, rule, chain }
      case 'reject': {
        const verdict = reject(statement, about.packet)
        return { verdict, rule, chain }
      }
      case 'return':
      case 'jump':
      case 'goto':
        return statement
      case 'continue':
        break
      case 'vmap': {
        const found = lookUp(statement.map, statement.key, context)
        if (found === 'drop') return { verdict: 'drop', rule, chain }
        if (found === 'break') {
          about.observer.failed(statement, rule, undefined)
          return undefined
        }
        const verdict = found.data as Verdict
        if (verdict.kind === 'accept' || verdict.kind === 'drop')
          return { verdict: verdict.kind, rule, chain }
        if (verdict.kind !== 'continue') return verdict
        break
      }
      case 'queue':
      case 'xtables target':
        throw new Error(`${statement.kind} is refused before`)
      default: {
        const isLater = about.packet.fragmentOffset !== 0
        const { step, seen } =
          isLater && isJoined(statements, index) ? NOTHING : run(statement, index, context)
        if (step === 'drop') return { verdict: 'drop', rule, chain }
        if (step === 'break') {
          about.observer.failed(statement, rule, seen)
          return undefined
        }
        about.observer.passed(statement, rule, seen)
        if (statement.kind === 'log') about.logged.push(rule)
      }
    }
  }
  return undefined
}
