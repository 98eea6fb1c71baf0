/** net/netfilter/xt_connlimit.c */
import { Column, type Packet } from '../../packet/packet.js'
import type { ConnlimitMatch } from '../../ruleset/xtables.js'
import { type Connections, Outcome, type OutcomeNumber, type Step } from '../environment.js'
import { ConnectionLists } from '../state/connlimit.js'
import { KeyedTable } from '../state/keyed.js'
import type { Seeds } from '../state/sources.js'
import { prefixWords } from './addresses.js'
import { jiffiesOf } from './jiffies.js'

const { break: BREAK, continue: CONTINUE, hotdrop: HOTDROP } = Outcome
const { saddr4: SADDR4, daddr4: DADDR4, saddr6: SADDR6, daddr6: DADDR6 } = Column

/** Sources at most, and connections of all of them; the kernel has no bounds but its memory. */
const KEYS = 65_536
const ENTRIES = 262_144
/** How many of the sources seen longest ago are looked at for one without connections when there is no more room. */
const LOOK = 8

export function connlimitStep(
  match: ConnlimitMatch,
  bits: 32 | 128,
  connections: Connections,
  seeds: Seeds,
): Step {
  const { count: limit, above } = match
  const words = bits / 32
  const mask = prefixWords(match.mask, bits)
  const destination = match.side === 'destination'
  const [ipv4, ipv6] = destination ? [DADDR4, DADDR6] : [SADDR4, SADDR6]
  const column = words === 1 ? ipv4 : ipv6
  const keys = new KeyedTable(KEYS, words, seeds)
  const lists = new ConnectionLists(connections, KEYS, ENTRIES)

  /** The connections of the packet's source, itself among them; 0 if that cannot be said. */
  const count = (packet: Packet): number => {
    for (let i = 0; i < words; i++) keys.key[i] = packet.fields[column + i]! & mask[i]!
    let list = keys.find()
    let room: boolean
    if (list >= 0) room = lists.add(list, packet)
    else {
      if (keys.size === KEYS) makeRoom(jiffiesOf(packet.time[0]!))
      list = keys.add()
      room = list >= 0 && lists.start(list, packet)
      if (!room && list >= 0) keys.remove(list)
    }
    return room ? lists.size(list) : 0
  }

  const makeRoom = (now: number): void => {
    for (let i = 0; i < LOOK; i++) {
      const { oldest } = keys
      lists.collect(oldest, now)
      if (lists.size(oldest) === 0) {
        keys.remove(oldest)
        return
      }
      keys.touch(oldest)
    }
  }

  return {
    run(packet: Packet): OutcomeNumber {
      const connected = count(packet)
      // As the kernel: also a connection that was the last of its source and is closing has none.
      if (connected === 0) return HOTDROP
      return connected > limit === above ? CONTINUE : BREAK
    },
  }
}
