/** Rules for one IP version, where the other passes unlooked at. */
import type { HookName } from '../packet/packet.js'
import type { Ruleset } from '../ruleset/model.js'
import { baseChains } from '../ruleset/probe.js'
import type { Advice } from './advice.js'
import { FAMILIES, type IpFamily, positionsOf } from './rules.js'

const VERSIONS = { ip: 'IPv4', ip6: 'IPv6' } as const

export function versions(ruleset: Ruleset): Advice[] {
  return FAMILIES.flatMap((family): Advice[] => {
    const other: IpFamily = family === 'ip' ? 'ip6' : 'ip'
    const hooks = (['input', 'output'] as const).filter(
      (hook) => guards(ruleset, hook, family) && !guards(ruleset, hook, other),
    )
    if (hooks.length === 0) return []
    const first = baseChains(ruleset, hooks[0]!, family).flatMap(({ chain }) => chain.rules)[0]
    return [
      {
        id: 'one-version',
        message: `these rules are for ${VERSIONS[family]} only: in ${hooks.join(' and ')}, ${VERSIONS[other]} passes without being looked at`,
        hint: `the same rules for ${VERSIONS[other]}, or a table of the family inet`,
        positions: positionsOf(first),
      },
    ]
  })
}

/** Whether something at the hook may be refused. */
function guards(ruleset: Ruleset, hook: HookName, family: IpFamily): boolean {
  return baseChains(ruleset, hook, family).some(
    ({ chain }) => chain.base!.policy === 'drop' || chain.rules.length > 0,
  )
}
