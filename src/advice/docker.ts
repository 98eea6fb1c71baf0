/** Docker sends what comes for a published port on to its container before INPUT could look at it. */
import type { Ruleset } from '../ruleset/model.js'
import { fateOf, isDropped } from '../ruleset/probe.js'
import type { Advice } from './advice.js'
import { EPHEMERAL, positionsOf, rulesAt, STRANGER, TCP } from './rules.js'

const NEW = 8n

export function docker(ruleset: Ruleset, present: boolean): Advice[] {
  const chains = ruleset.tables.flatMap((table) => table.chains)
  const own = chains.find(({ name }) => name.startsWith('DOCKER'))
  const guarded = rulesAt(ruleset, 'input', 'ip')
  if ((!present && own === undefined) || guarded.length === 0) return []
  const known = {
    'meta l4proto': TCP,
    'tcp dport': EPHEMERAL,
    'ip saddr': STRANGER.ip,
    'ct state': NEW,
  }
  if (isDropped(fateOf(ruleset, { hook: 'forward', family: 'ip', known }))) return []
  return [
    {
      id: 'docker-ports',
      message:
        'ports that Docker publishes pass these rules by: their packets are forwarded, and never come through input',
      hint: 'publish them on 127.0.0.1 only, or drop in the chain DOCKER-USER what is not allowed',
      positions: positionsOf(own?.rules[0] ?? guarded[0]!.rule),
    },
  ]
}
