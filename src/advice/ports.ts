/** Services that rules speak of, but that they neither open nor protect. */
import type { Ruleset } from '../ruleset/model.js'
import { canBe, fateOf, isAccepted, isDropped, isRule, type Probe, refuses } from '../ruleset/probe.js'
import type { Advice } from './advice.js'
import {
  comparedWith,
  FAMILIES,
  type IpFamily,
  type PlacedRule,
  positionsOf,
  rulesAt,
  STRANGER,
  TCP,
  UDP,
  valuesOf,
} from './rules.js'

const NEW = 8n

interface Service {
  readonly protocol: 'tcp' | 'udp'
  readonly port: bigint
  readonly rules: PlacedRule[]
}

export function ports(ruleset: Ruleset): Advice[] {
  return FAMILIES.flatMap((family) =>
    servicesOf(rulesAt(ruleset, 'input', family).filter(isFor(family))).flatMap((service) =>
      aboutService(ruleset, family, service),
    ),
  )
}

/** Whether packets of a family can match a rule at all. */
const isFor =
  (family: IpFamily) =>
  ({ statements }: PlacedRule): boolean =>
    statements.every((each) => each.kind !== 'match' || canBe(each, family))

/** The ports that rules name one by one, with those rules. */
function servicesOf(rules: readonly PlacedRule[]): Service[] {
  const services = new Map<string, Service>()
  for (const rule of rules) {
    for (const protocol of ['tcp', 'udp'] as const) {
      const match = comparedWith(rule, `${protocol} dport`)
      for (const port of match?.operator === 'in' ? valuesOf(match.right) : []) {
        const key = `${protocol} ${port}`
        const service = services.get(key) ?? { protocol, port, rules: [] }
        service.rules.push(rule)
        services.set(key, service)
      }
    }
  }
  return [...services.values()]
}

function aboutService(ruleset: Ruleset, family: IpFamily, { protocol, port, rules }: Service): Advice[] {
  const known = {
    'meta l4proto': protocol === 'tcp' ? TCP : UDP,
    [`${protocol} dport`]: port,
    'ct state': NEW,
  }
  const anybody: Probe = { hook: 'input', family, known }
  const stranger: Probe = { ...anybody, known: { ...known, [`${family} saddr`]: STRANGER[family] } }
  const refusing = rules.every(({ rule, table }) => refuses(rule, table, anybody))
  const positions = positionsOf(...rules.map(({ rule }) => rule))
  const what = `${protocol} port ${port}`
  if (isDropped(fateOf(ruleset, anybody)))
    return refusing
      ? []
      : [
          {
            id: 'never-accepted',
            message: `no rule accepts ${what}, and what no rule accepts is dropped: the service is closed to everybody`,
            hint: 'if it is meant to be open, a rule behind these accepts it',
            positions,
          },
        ]
  const restricting = rules.filter((rule) => comparedWith(rule, `${family} saddr`)?.operator === 'in')
  const fate = fateOf(ruleset, stranger)
  const open = isAccepted(fate) && !fate.accept.some(isRule)
  if (!open || restricting.length === 0) return []
  const limiting = restricting.some(({ statements }) =>
    statements.some(({ kind }) => kind !== 'match' && kind !== 'counter' && kind !== 'accept'),
  )
  const accepted = fateOf(ruleset, anybody).accept.some(isRule)
  return [
    {
      id: limiting ? 'others-unlimited' : 'restricts-nothing',
      message: limiting
        ? `these rules look at some sources of ${what} only: all others reach it without any limit, as nothing drops them`
        : `this rule restricts nothing: others reach ${what} as well, as nothing behind it drops them`,
      hint:
        limiting && !accepted
          ? `a rule behind these that accepts ${what}, as none does now, and the policy drop`
          : `a rule at the end that drops ${what}, or the policy drop`,
      positions: positionsOf(...restricting.map(({ rule }) => rule)),
    },
  ]
}
