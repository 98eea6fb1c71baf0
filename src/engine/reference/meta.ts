/** meta keys (net/netfilter/nft_meta.c). */
import { Family } from '../../packet/packet.js'
import type { Meta } from '../../ruleset/model.js'
import type { Clock } from '../environment.js'
import type { Context } from './context.js'
import { nameValue } from './intervals.js'
import { WallClock } from './wall-clock.js'

const ETHERTYPE_IPV4 = 0x0800n
const ETHERTYPE_IPV6 = 0x86ddn

export function readMeta({ key }: Meta, context: Context): bigint | undefined {
  const { packet, environment, interfaces } = context
  switch (key) {
    case 'length':
      return BigInt(packet.length)
    case 'protocol':
      return packet.family === Family.ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4
    case 'nfproto':
      return BigInt(packet.family)
    case 'l4proto': {
      const { l4proto } = packet
      return l4proto < 0 ? undefined : BigInt(l4proto)
    }
    case 'mark':
      return BigInt(packet.mark >>> 0)
    case 'priority':
      return BigInt(packet.priority >>> 0)
    case 'pkttype':
      return BigInt(packet.pkttype)
    case 'iif':
      return BigInt(packet.iif)
    case 'oif':
      return BigInt(packet.oif)
    case 'iifname':
      return nameValue(interfaces.get(packet.iif) ?? '')
    case 'oifname':
      return nameValue(interfaces.get(packet.oif) ?? '')
    case 'skuid':
      return packet.uid < 0 ? undefined : BigInt(packet.uid)
    case 'skgid':
      return packet.gid < 0 ? undefined : BigInt(packet.gid)
    case 'random':
      return BigInt(environment.random() >>> 0)
    default:
      return readClock(key, environment.clock!, context.now)
  }
}

const clocks = new WeakMap<Clock, WallClock>()

function readClock(key: string, clock: Clock, now: bigint): bigint {
  const wall = clocks.get(clock) ?? new WallClock(clock)
  clocks.set(clock, wall)
  const time = wall.at(now)
  if (key === 'time') return time.nanoseconds
  return key === 'day' ? time.day : time.second
}
