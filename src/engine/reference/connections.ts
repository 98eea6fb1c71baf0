/** ct keys (net/netfilter/nft_ct.c). A packet without a connection answers to `ct state` alone. */
import { CtState, Family } from '../../packet/packet.js'
import type { Ct } from '../../ruleset/model.js'
import type { Connections } from '../environment.js'
import type { Context } from './context.js'

const DIRECTIONS = { original: 0, reply: 1 } as const
const LABEL_WORDS = 4

export function readConnection({ key, direction }: Ct, { packet, environment }: Context): bigint | undefined {
  if (key === 'state') return BigInt(packet.ctState)
  const { flow } = packet
  if (flow < 0) return undefined
  const connections = environment.connections!
  const asked = direction === undefined ? undefined : DIRECTIONS[direction]
  switch (key) {
    case 'direction':
      return BigInt(packet.flowDirection)
    case 'status':
      return BigInt(connections.status(flow) >>> 0)
    case 'mark':
      return BigInt(connections.mark(flow) >>> 0)
    case 'expiration':
      return BigInt(Math.trunc(connections.expiration(flow, packet.time[0]!)))
    case 'label':
      return words(LABEL_WORDS, (word) => connections.label(flow, LABEL_WORDS - 1 - word))
    case 'zone':
      return 0n
    case 'id':
      return BigInt(connections.id(flow) >>> 0)
    case 'l3proto':
      return BigInt(connections.l3proto(flow))
    case 'protocol':
      return BigInt(connections.protocol(flow))
    case 'packets':
    case 'bytes':
      return counted(connections, flow, key, asked)
    case 'avgpkt': {
      const packets = counted(connections, flow, 'packets', asked)
      return packets === 0n ? 0n : counted(connections, flow, 'bytes', asked) / packets
    }
    case 'proto-src':
      return BigInt(connections.sourcePort(flow, asked!))
    case 'proto-dst':
      return BigInt(connections.destinationPort(flow, asked!))
    default:
      return address(connections, flow, key, asked!)
  }
}

/** Of both directions unless one is asked for. */
function counted(
  connections: Connections,
  flow: number,
  key: 'packets' | 'bytes',
  asked: 0 | 1 | undefined,
): bigint {
  const directions = asked === undefined ? [0, 1] : [asked]
  return directions.reduce((sum, direction) => sum + BigInt(connections[key](flow, direction)), 0n)
}

/** `ip saddr` and its like; a connection of the other family has no such address. */
function address(connections: Connections, flow: number, key: string, direction: 0 | 1): bigint | undefined {
  const isIPv6 = connections.l3proto(flow) === Family.ipv6
  if (key.startsWith('ip6 ') !== isIPv6) return undefined
  const side = key.endsWith('saddr') ? 'source' : 'destination'
  return words(isIPv6 ? 4 : 1, (word) => connections[side](flow, direction, word))
}

/** 32-bit words, most significant first, as one number. */
function words(count: number, word: (i: number) => number): bigint {
  let value = 0n
  for (let i = 0; i < count; i++) value = (value << 32n) | BigInt(word(i) >>> 0)
  return value
}

/** Sets a key of the packet's connection; without one nothing happens, and the rule goes on. */
export function writeConnection({ key }: Ct, value: bigint, { packet, environment }: Context): void {
  const { flow } = packet
  const { connections } = environment
  if (flow < 0 || connections === undefined) return
  if (key === 'mark') connections.setMark(flow, Number(value))
  if (key === 'label') {
    // Bits are added to a label, and never taken from it (nf_connlabels_replace with the value as its own mask).
    for (let word = 0; word < LABEL_WORDS; word++) {
      const bits = Number((value >> BigInt(32 * word)) & 0xffffffffn)
      connections.setLabel(flow, word, (connections.label(flow, word) | bits) >>> 0)
    }
  }
}

/** Whether a connection was found or made for the packet. */
export function isTracked(state: number): boolean {
  return (state & (CtState.established | CtState.related | CtState.new)) !== 0
}
