/** Rules that cut the connection of whoever is about to load them. */
import type { Ruleset } from '../ruleset/model.js'
import { fateOf, isDropped } from '../ruleset/probe.js'
import type { Advice, Session } from './advice.js'
import { positionsOf, TCP } from './rules.js'

const ESTABLISHED = 2n

export function sessions(ruleset: Ruleset, session: Session): Advice[] {
  const family = session.client.bits === 32 ? 'ip' : 'ip6'
  const ways = [
    { hook: 'input', address: 'saddr', client: 'sport', server: 'dport' },
    { hook: 'output', address: 'daddr', client: 'dport', server: 'sport' },
  ] as const
  return ways.flatMap(({ hook, address, client, server }): Advice[] => {
    const known = {
      'meta l4proto': TCP,
      [`${family} ${address}`]: session.client.value,
      [`tcp ${client}`]: BigInt(session.clientPort),
      [`tcp ${server}`]: BigInt(session.serverPort),
      'ct state': ESTABLISHED,
    }
    const fate = fateOf(ruleset, { hook, family, known })
    if (!isDropped(fate)) return []
    return [
      {
        id: 'cuts-session',
        message: `these rules drop the very connection that you are working over, in ${hook}`,
        hint: `accept ct state established first in ${hook}, and port ${session.serverPort} from where you are`,
        positions: positionsOf(fate.drop[0]),
      },
    ]
  })
}
