/** The rules that new connections meet in one direction, one after the other, without jumps: what a policy lists. */
import type { Chain, Position, Rule, Ruleset, Statement } from '../../../ruleset/model.js'
import { baseChains, fateOf, isAccepted, type Probe } from '../../../ruleset/probe.js'
import type { Diagnostic } from '../../diagnostic.js'
import { DECIDING, ECHO_REQUEST, ICMP, ICMP_NUMBERS, type Loss, NEW, RuleWalk } from './rule.js'
import { type Direction, type Traffic, trafficKey } from './traffic.js'

export interface Decision {
  readonly action: 'allow' | 'deny'
  readonly traffic: Traffic
  /** The rule that decides; a chain, by its policy. */
  readonly by: Rule | Chain
}

export interface Flattened {
  readonly decisions: readonly Decision[]
  /** What is lost of the rules, by where they stand. */
  readonly lost: readonly Diagnostic[]
  /** The rules that are lost: what others of the same chains decide, a policy decides without them. */
  readonly without: ReadonlySet<Rule>
  /** Rules that let echo requests in; what they mean if a policy cannot say so. */
  readonly pings: readonly Diagnostic[]
}

/** Rules that jumps may make of a ruleset. */
const MOST = 10_000
const DEEPEST = 16

/** Of one IP version and direction. The rules of the last base chain of the hook are read. */
export function flatten(ruleset: Ruleset, hook: 'input' | 'output', family: 'ip' | 'ip6'): Flattened {
  const found = baseChains(ruleset, hook, family).at(-1)
  if (found === undefined) return { decisions: [], lost: [], without: new Set(), pings: [] }
  return new Flattening({ hook, family, table: found.table }).base(found.chain)
}

/** Whether echo requests get in from everywhere, whatever their family. */
export function answersPings(ruleset: Ruleset): boolean {
  return (['ip', 'ip6'] as const).every((family) =>
    isAccepted(
      fateOf(ruleset, {
        hook: 'input',
        family,
        known: {
          'meta l4proto': ICMP_NUMBERS[family],
          [`${ICMP[family]} type`]: ECHO_REQUEST[family],
          [`${ICMP[family]} code`]: 0n,
          'ct state': NEW,
        },
      }),
    ),
  )
}

interface Lost {
  /** How many decisions stand before it. */
  readonly at: number
  readonly verdict: Statement['kind']
  readonly icmp: boolean
  readonly diagnostic: Diagnostic
}

class Flattening {
  readonly #direction: Direction
  readonly #probe: Probe
  readonly #chains: ReadonlyMap<string, Chain>
  readonly #decisions: Decision[] = []
  readonly #decided = new Set<string>()
  readonly #lost: Lost[] = []
  readonly #without = new Set<Rule>()
  readonly #pings: Diagnostic[] = []

  constructor(direction: Direction) {
    this.#direction = direction
    const { hook, family, table } = direction
    this.#probe = { hook, family, known: { 'ct state': NEW } }
    this.#chains = new Map(table.chains.map((chain) => [chain.name, chain]))
  }

  base(chain: Chain): Flattened {
    const falls = this.#walk(chain, {}, 0)
    if (falls && chain.base!.policy === 'accept') this.#decide({ action: 'allow', traffic: {}, by: chain })
    // What is denied at the end is denied without being said.
    while (this.#decisions.at(-1)?.action === 'deny') this.#decisions.pop()
    const lost = this.#lost.filter(({ at, verdict, icmp }) => {
      if (verdict !== 'drop' && verdict !== 'reject') return true
      const later = this.#decisions.slice(at).filter(({ action }) => action === 'allow')
      return later.some(({ traffic }) => !icmp || traffic.ports === undefined)
    })
    return {
      decisions: this.#decisions,
      lost: lost.map(({ diagnostic }) => diagnostic),
      without: this.#without,
      pings: this.#pings,
    }
  }

  /** Whether some of the traffic may come out at the end of a chain. */
  #walk(chain: Chain, traffic: Traffic, depth: number): boolean {
    for (const [i, rule] of chain.rules.entries()) {
      const went = new RuleWalk(this.#direction, this.#probe, rule, traffic).run()
      switch (went.kind) {
        case 'never':
          break
        case 'lost': {
          this.#lose(rule, chain, went)
          if (went.verdict !== 'return') break
          // Without it, the rules behind it would be for what it spares.
          for (const each of chain.rules.slice(i)) this.#without.add(each)
          return true
        }
        case 'icmp':
          this.#icmp(rule, chain, went.verdict, went.types)
          break
        case 'decided': {
          const { verdict, cut } = went
          this.#decide({ action: verdict === 'accept' ? 'allow' : 'deny', traffic: cut, by: rule })
          if (verdict === 'reject')
            this.#tell(
              rule,
              chain,
              'counter',
              'a policy drops what this rejects: senders wait until they give up',
            )
          if (cut === traffic) return false
          break
        }
        case 'return': {
          if (went.cut === traffic) return true
          const rest = chain.rules.slice(i + 1)
          if (rest.every(({ statements }) => statements.every(({ kind }) => !DECIDING.includes(kind)))) break
          this.#lose(rule, chain, { verdict: 'return', message: 'a policy has no RETURN' })
          for (const each of rest) this.#without.add(each)
          return true
        }
        case 'jump': {
          const inner = this.#chains.get(went.target)
          const falls = inner === undefined || depth >= DEEPEST || this.#walk(inner, went.cut, depth + 1)
          if (went.cut === traffic) {
            if (went.goes || !falls) return went.goes && falls
          } else if (went.goes && falls) {
            this.#lose(rule, chain, { verdict: 'return', message: 'a policy has no -g' })
            for (const each of chain.rules.slice(i + 1)) this.#without.add(each)
            return true
          }
        }
      }
      if (this.#decisions.length > MOST) {
        this.#tell(rule, chain, 'return', `these chains make more than ${MOST} rules: the rest is left out`)
        return false
      }
    }
    return true
  }

  /** What was decided before, for the very same traffic, is decided. */
  #decide(decision: Decision): void {
    const key = trafficKey(decision.traffic)
    if (!this.#decided.has(key)) this.#decisions.push(decision)
    this.#decided.add(key)
  }

  #icmp(rule: Rule, chain: Chain, verdict: string, types: readonly bigint[]): void {
    const { hook, family } = this.#direction
    const isPing = types.length === 1 && types[0] === ECHO_REQUEST[family]
    const lets = verdict === 'accept'
    if (hook === 'input' && lets && types.includes(ECHO_REQUEST[family])) {
      const message = 'a policy answers pings from everywhere and over both IP versions, or not at all'
      this.#pings.push({ position: placeOf(rule, chain), message, hint: 'also: [ping] answers them' })
      if (isPing) return
    }
    const message = lets
      ? 'of ICMP, a policy knows errors and pings: what else this rule lets through is refused'
      : 'a policy cannot refuse some of ICMP: what this rule drops may come through'
    this.#tell(rule, chain, lets ? 'accept' : 'drop', message, undefined, true)
  }

  #lose(rule: Rule, chain: Chain, { verdict, message, hint }: Omit<Loss, 'kind'>): void {
    this.#without.add(rule)
    const consequence = CONSEQUENCES[verdict] ?? ''
    this.#tell(rule, chain, verdict, `${message}${consequence}`, hint)
  }

  #tell(
    rule: Rule,
    chain: Chain,
    verdict: Statement['kind'],
    message: string,
    hint?: string,
    icmp = false,
  ): void {
    const diagnostic = { position: placeOf(rule, chain), message, ...(hint === undefined ? {} : { hint }) }
    this.#lost.push({ at: this.#decisions.length, verdict, icmp, diagnostic })
  }
}

const CONSEQUENCES: { readonly [kind in Statement['kind']]?: string } = {
  accept: ': what this rule lets through is refused',
  drop: ': what this rule drops may come through',
  reject: ': what this rule rejects may come through',
  return: ': the rest of its chain is left out',
  jump: ': the chain that this rule leads to is left out',
  goto: ': the chain that this rule leads to is left out',
}

function placeOf(rule: Rule, chain: Chain): Position {
  return rule.position ?? chain.position ?? { file: chain.name, line: 1, column: 1 }
}
