/** What one rule does with new connections, as far as a policy can say it. */
import type { Match, Rule, Statement } from '../../../ruleset/model.js'
import { answerOf, type Probe } from '../../../ruleset/probe.js'
import { isSelector, selectorText } from '../../../ruleset/selectors.js'
import { ruleAsNft } from '../../../ruleset/xtables-as-nft.js'
import { xtablesMeaning } from '../../iptables/nft.js'
import { type Direction, narrowed, type Traffic } from './traffic.js'

export const NEW = 8n
export const ICMP = { ip: 'icmp', ip6: 'icmpv6' } as const
export const ICMP_NUMBERS = { ip: 1n, ip6: 58n } as const
export const ECHO_REQUEST = { ip: 8n, ip6: 128n } as const
/** What of ICMP the kernel takes for the beginning of a connection (net/netfilter/nf_conntrack_proto_icmp.c, _icmpv6.c). */
const QUESTIONS = { ip: [8n, 13n, 15n, 17n], ip6: [128n, 139n] } as const
/** What is told of a rule that only logs. */
const LOG = 'a policy has no LOG: run logs each connection that it refuses, with the rule'
const DHCP = [67n, 68n, 546n, 547n]
/** Statements that a policy has no word for, in people's. */
const WORDS: { readonly [kind in Statement['kind']]?: string } = {
  limit: 'a rate for all sources together',
  'ct count': 'a number of connections',
  quota: 'a number of bytes',
  mangle: 'marks',
  notrack: 'notrack',
  set: 'sets that packets fill',
  vmap: 'verdict maps',
  queue: 'other queues',
}

export interface Loss {
  readonly kind: 'lost'
  readonly verdict: Statement['kind']
  readonly message: string
  readonly hint?: string
}

/** What one rule does with traffic. */
export type Went =
  | { readonly kind: 'never' }
  | Loss
  | { readonly kind: 'icmp'; readonly verdict: string; readonly types: readonly bigint[] }
  | { readonly kind: 'decided'; readonly verdict: 'accept' | 'drop' | 'reject'; readonly cut: Traffic }
  | { readonly kind: 'return'; readonly cut: Traffic }
  | { readonly kind: 'jump'; readonly goes: boolean; readonly target: string; readonly cut: Traffic }

const NEVER = { kind: 'never' } as const

export class RuleWalk {
  readonly #direction: Direction
  readonly #probe: Probe
  readonly #rule: Rule
  readonly #traffic: Traffic

  constructor(direction: Direction, probe: Probe, rule: Rule, traffic: Traffic) {
    this.#direction = direction
    this.#probe = probe
    this.#rule = rule
    this.#traffic = traffic
  }

  run(): Went {
    const { statements } = ruleAsNft(this.#rule, this.#direction.family) ?? this.#rule
    const matches = statements.filter((each): each is Match => each.kind === 'match')
    const answers = matches.map((each) => answerOf(each, this.#probe, this.#direction.table))
    if (answers.includes('no') || matches.some(isLoopback)) return NEVER
    const types = this.#icmpTypes(matches)
    if (types?.length === 0) return NEVER
    let cut = this.#traffic
    for (const statement of statements) {
      switch (statement.kind) {
        case 'match': {
          const known = answers[matches.indexOf(statement)] === 'yes'
          if (known || isNotLoopback(statement) || this.#isIcmp(statement)) break
          const next = narrowed(cut, statement, this.#direction)
          if (next === 'nothing') return NEVER
          if (next === undefined) return this.#lost(statement)
          cut = next
          break
        }
        case 'counter':
          break
        case 'log':
          if (statement === statements.at(-1)) return this.#lost(statement)
          break
        case 'accept':
        case 'drop':
        case 'reject':
          if (types !== undefined) return { kind: 'icmp', verdict: statement.kind, types }
          return { kind: 'decided', verdict: statement.kind, cut }
        case 'return':
        case 'jump':
        case 'goto':
          if (types !== undefined) return this.#lost(statement)
          if (statement.kind === 'return') return { kind: 'return', cut }
          return { kind: 'jump', goes: statement.kind === 'goto', target: statement.target, cut }
        default:
          return this.#lost(statement)
      }
    }
    return NEVER
  }

  /** Whether a match asks for ICMP, or for a kind of it. */
  #isIcmp({ left, operator, right }: Match): boolean {
    const { family } = this.#direction
    if (!isSelector(left)) return false
    const text = selectorText(left)
    if (text !== 'meta l4proto') return text === `${ICMP[family]} type`
    return operator === 'in' && right.kind === 'value' && right.value === ICMP_NUMBERS[family]
  }

  /** The kinds of ICMP that matches let through, among those that begin something; undefined if they do not ask for ICMP. */
  #icmpTypes(matches: readonly Match[]): readonly bigint[] | undefined {
    const { family, table } = this.#direction
    const known = { ...this.#probe.known, 'meta l4proto': ICMP_NUMBERS[family] }
    const asked = matches.filter((match) => this.#isIcmp(match))
    if (asked.length === 0) return undefined
    return QUESTIONS[family].filter((type) => {
      const probe = { ...this.#probe, known: { ...known, [`${ICMP[family]} type`]: type } }
      return asked.every((match) => answerOf(match, probe, table) !== 'no')
    })
  }

  /** What of a rule a policy has no word for. */
  #lost(statement: Statement): Loss {
    const verdict = this.#rule.statements.at(-1)?.kind ?? 'counter'
    if (verdict === 'log' || (statement.kind === 'log' && !DECIDING.includes(verdict)))
      return { kind: 'lost', verdict: 'log', message: LOG }
    if (statement.kind !== 'match') {
      const own = statement.kind === 'xtables' || statement.kind === 'xtables target'
      const what = own ? xtablesMeaning(this.#rule) : (WORDS[statement.kind] ?? statement.kind)
      const recent = statement.kind === 'xtables' && statement.name === 'recent' ? statement : undefined
      const { hitcount, seconds } = recent ?? {}
      const limit =
        hitcount === undefined || seconds === undefined
          ? {}
          : {
              hint: `near to it is limit: ${hitcount} per ${seconds} seconds per source, where these are allowed`,
            }
      return { kind: 'lost', verdict, message: `a policy has no word for ${what}`, ...limit }
    }
    const { left, right } = statement
    const inner = left.kind === 'binary' ? left.left : left
    const what = isSelector(inner) ? selectorText(inner) : 'this'
    const dhcp = what === 'udp sport' && right.kind === 'value' && DHCP.includes(right.value as bigint)
    const hint = dhcp ? { hint: 'also: [dhcp] lets leases in, and asks for them' } : {}
    return { kind: 'lost', verdict, message: `a policy does not look at ${what}`, ...hint }
  }
}

export const DECIDING: readonly Statement['kind'][] = [
  'accept',
  'drop',
  'reject',
  'jump',
  'goto',
  'queue',
  'vmap',
]

function isLoopback({ left, operator, right }: Match): boolean {
  return isInterface(left) && operator !== '!=' && right.kind === 'value' && right.value === 'lo'
}

function isNotLoopback({ left, operator, right }: Match): boolean {
  return isInterface(left) && operator === '!=' && right.kind === 'value' && right.value === 'lo'
}

function isInterface(left: Match['left']): boolean {
  return left.kind === 'meta' && ['iifname', 'oifname', 'iif', 'oif'].includes(left.key)
}
