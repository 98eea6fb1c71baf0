/** The reference of xtables' matches: each as plainly as it can be said. It shares the view of packets with the engine. */
import type { Packet } from '../../../packet/packet.js'
import type { TableFamily } from '../../../ruleset/model.js'
import { type XtablesMatch, xtablesModule } from '../../../ruleset/xtables.js'
import type { Environment } from '../../environment.js'
import { numberAt } from './bytes.js'
import { connbytes, connlabel, connmark, conntrack, hasState } from './connections.js'
import { Connlimit } from './connlimit.js'
import { addrtype, iprange, mark, owner, packetType, time, trafficClass, ttl, u32 } from './fields.js'
import * as headers from './headers.js'
import { Hashlimit, Limit } from './limits.js'
import { outcome, within, type XtablesOutcome } from './outcome.js'
import { Recent } from './recent.js'
import { string } from './string.js'

export type { XtablesOutcome } from './outcome.js'

/** What matches remember: lists and tables by their names, all else by the node that it belongs to. */
export class ReferenceXtables {
  readonly environment: Environment
  readonly #listTotal: number
  readonly #packetListTotal: number
  readonly #recent = new Map<string, Recent>()
  readonly #hashlimit = new Map<string, Hashlimit>()
  readonly #own = new Map<XtablesMatch, Limit | Connlimit | { packets: number; bytes: bigint }>()

  /** The totals are xt_recent's ip_list_tot and ip_pkt_list_tot. */
  constructor(environment: Environment, listTotal = 100, packetListTotal = 0) {
    this.environment = environment
    this.#listTotal = listTotal
    this.#packetListTotal = packetListTotal
  }

  /** All matches of a ruleset are declared in their order before the first packet: the first of a name makes its table. */
  declare(match: XtablesMatch, family: TableFamily): void {
    const bits = family === 'ip6' ? 128 : 32
    if (match.name === 'recent') {
      const list = this.#recent.get(match.list) ?? new Recent(match.mask, bits, this.#listTotal)
      this.#recent.set(match.list, list)
      list.declare(match, this.#packetListTotal)
    }
    if (match.name === 'hashlimit') {
      const name = `${bits} ${match.table}`
      if (!this.#hashlimit.has(name)) this.#hashlimit.set(name, new Hashlimit(match, bits))
    }
  }

  recent(list: string): Recent {
    return this.#recent.get(list)!
  }

  hashlimit(table: string, family: TableFamily): Hashlimit {
    return this.#hashlimit.get(`${family === 'ip6' ? 128 : 32} ${table}`)!
  }

  /** The state of one node, made by its first packet. */
  own<T extends Limit | Connlimit | { packets: number; bytes: bigint }>(
    match: XtablesMatch,
    make: () => T,
  ): T {
    const state = this.#own.get(match) ?? make()
    this.#own.set(match, state)
    return state as T
  }
}

/** What a match of a rule in a table of a family says to a packet. Throws on one that the environment cannot decide. */
export function matchesXtables(
  match: XtablesMatch,
  family: TableFamily,
  packet: Packet,
  context: ReferenceXtables,
): XtablesOutcome {
  const { connections, clock, host, random } = context.environment
  const invert = 'invert' in match && match.invert === true
  const either = (matches: boolean) => outcome(matches !== invert)
  switch (match.name) {
    case 'recent':
      return context.recent(match.list).matches(match, packet)
    case 'hashlimit':
      return context.hashlimit(match.table, family).matches(match, packet)
    case 'limit':
      return context.own(match, () => new Limit(match)).matches(packet)
    case 'connlimit':
      return context.own(match, () => new Connlimit()).matches(match, packet, given(connections, match))
    case 'quota': {
      const state = context.own(match, () => ({ packets: 0, bytes: match.bytes }))
      const fits = state.bytes >= BigInt(packet.length)
      state.bytes = fits ? state.bytes - BigInt(packet.length) : 0n
      return either(fits)
    }
    case 'statistic': {
      if (match.mode === 'random') return either((random() & 0x7fffffff) < match.probability)
      const state = context.own(match, () => ({ packets: 0, bytes: 0n }))
      return either(state.packets++ % match.every === match.packet)
    }
    case 'conntrack':
      return conntrack(match, packet, connections)
    case 'state':
      return either(hasState(match.any, packet, connections))
    case 'connmark':
      return connmark(match, packet, given(connections, match))
    case 'connbytes':
      return connbytes(match, packet, given(connections, match))
    case 'connlabel':
      return connlabel(match, packet, given(connections, match))
    case 'mark':
      return either((mark(packet) & match.mask) >>> 0 === match.value)
    case 'length':
      return outcome(within(match, packet.length))
    case 'ttl':
    case 'hl': {
      const its = ttl(packet)
      const { operator, value } = match
      return outcome(
        { '==': its === value, '!=': its !== value, '<': its < value, '>': its > value }[operator],
      )
    }
    case 'tos':
      return either((trafficClass(packet) & match.mask) === match.value)
    case 'dscp':
      return either(trafficClass(packet) >> 2 === match.value)
    case 'iprange':
      return iprange(match, packet)
    case 'pkttype':
      return either(packetType(packet) === match.type)
    case 'owner':
      return owner(match, packet)
    case 'addrtype':
      return addrtype(match, packet, given(host, match))
    case 'string':
      return string(match, packet)
    case 'time':
      return time(match, packet, given(clock, match))
    case 'u32':
      return u32(match, packet)
    case 'protocol':
      return headers.protocol(match.protocol, invert, packet)
    case 'tcp':
      return headers.tcp(match, packet)
    case 'tcpmss':
      return headers.tcpmss(match, packet)
    case 'ecn':
      return headers.ecn(match, packet)
    case 'udp':
    case 'udplite':
      return headers.udp(match, packet)
    case 'multiport':
      return headers.multiport(match, packet)
    case 'icmp':
    case 'icmp6':
      return headers.icmp(match, packet)
    case 'sctp':
      return headers.sctp(match, packet)
    case 'dccp':
      return headers.dccp(match, packet)
    case 'esp':
      return headers.header(packet, 8, (bytes) => outcome(within(match.spi, numberAt(bytes, 0, 4))))
    case 'ipcomp':
      return headers.header(packet, 4, (bytes) => outcome(within(match.spi, numberAt(bytes, 2, 2))))
    case 'ah':
      return headers.ah(match, packet)
    case 'mh':
      return headers.mobility(match, packet)
    case 'frag':
      return headers.fragment(match, packet)
    case 'hbh':
    case 'dst':
      return headers.optionsHeader(match, packet)
    case 'rt':
      return headers.routing(match, packet)
    case 'srh':
      return headers.segmentRouting(match, packet)
    case 'ipv6header':
      return headers.ipv6Header(match, packet)
    default:
      return given<XtablesOutcome>(undefined, match)
  }
}

function given<T>(supply: T | undefined, match: XtablesMatch): T {
  if (supply === undefined)
    throw new Error(`-m ${xtablesModule(match)} cannot be decided from what is supplied`)
  return supply
}
