/** xtables' matches made ready to run, and what they need to be decided. */
import type { TableFamily } from '../../ruleset/model.js'
import {
  type HashlimitMatch,
  type RecentMatch,
  type XtablesMatch,
  xtablesModule,
} from '../../ruleset/xtables.js'
import type { Environment, Step, Supply } from '../environment.js'
import { addrtypeStep, iprangeStep } from './addresses.js'
import { connbytesStep, connlabelStep, connmarkStep, conntrackStep, stateStep } from './connections.js'
import { connlimitStep } from './connlimit.js'
import { limitStep, quotaStep, statisticStep } from './counting.js'
import { fragmentStep, ipv6HeaderStep, optionsHeaderStep } from './extensions.js'
import { dscpStep, lengthStep, markStep, ownerStep, pkttypeStep, tosStep, ttlStep } from './fields.js'
import { HashlimitTable, hashlimitStep, sameMeasure } from './hashlimit.js'
import { multiportStep, tcpStep, udpStep } from './ports.js'
import { maskOf, RECENT_PARAMETERS, RecentList, type RecentParameters, recentStep, ringOf } from './recent.js'
import { routingStep, segmentRoutingStep } from './routing.js'
import { dccpStep, sctpStep } from './sctp.js'
import { stringStep } from './string.js'
import { ecnStep, tcpmssStep } from './tcp-fields.js'
import { timeStep } from './time.js'
import { ahStep, espStep, icmpStep, ipcompStep, mobilityStep, protocolStep } from './transports.js'
import { u32Step } from './u32.js'

/** What a match asks for that no source of packets supplies. */
export interface Undecidable {
  /** As in "-m mac needs the link layer's header". */
  readonly needs: string
}

/** What must be supplied for a match to be decided, or what would have to be. */
export function xtablesNeeds(match: XtablesMatch): readonly Supply[] | Undecidable {
  switch (match.name) {
    case 'state':
      return match.any.some(isTranslation) ? ['ct state', 'ct'] : ['ct state']
    case 'conntrack':
      return asksForStatesOnly(match) && !match.states?.any.some(isTranslation)
        ? ['ct state']
        : ['ct state', 'ct']
    case 'connmark':
    case 'connbytes':
    case 'connlabel':
    case 'connlimit':
      return ['ct']
    case 'addrtype':
      return match.limitInterface === undefined ? ['addresses'] : ['addresses', 'interfaces']
    case 'owner':
      return match.supplementary ? { needs: 'the supplementary groups of the socket' } : ['socket']
    case 'pkttype':
      return ['packet type']
    case 'time':
      return ['clock']
    default: {
      const needs = NEEDS[match.name]
      return needs === undefined ? [] : { needs }
    }
  }
}

const NEEDS: { readonly [name in XtablesMatch['name']]?: string } = {
  cpu: 'the processor that the packet is on',
  realm: "the route's realm",
  devgroup: 'the groups of the interfaces',
  physdev: 'the ports of the bridge',
  mac: "the link layer's header",
  eui64: "the link layer's header",
  set: 'the set as an ipset',
  helper: "the connection's helper",
  other: 'what only the kernel knows',
}

function isTranslation(state: string): boolean {
  return state === 'snat' || state === 'dnat'
}

function asksForStatesOnly(match: XtablesMatch & { readonly name: 'conntrack' }): boolean {
  return Object.keys(match).every((option) => option === 'kind' || option === 'name' || option === 'states')
}

/** What rules share: lists and tables by their names. One for a Ruleset; kept over a new one, it keeps their contents. */
export class XtablesContext {
  readonly environment: Environment
  readonly #parameters: RecentParameters
  readonly #lists = new Map<string, RecentList>()
  readonly #tables = new Map<string, { readonly first: HashlimitMatch; readonly table: HashlimitTable }>()

  constructor(environment: Environment, parameters: RecentParameters = RECENT_PARAMETERS) {
    this.environment = environment
    this.#parameters = parameters
  }

  recentList(match: RecentMatch, bits: 32 | 128): RecentList {
    let list = this.#lists.get(match.list)
    if (list === undefined) {
      list = new RecentList(maskOf(match, bits), this.#parameters, this.environment.seeds)
      this.#lists.set(match.list, list)
    }
    list.reserve(ringOf(match, this.#parameters))
    return list
  }

  /** Throws if rules of one table measure in different ways. */
  hashlimitTable(match: HashlimitMatch, bits: 32 | 128): HashlimitTable {
    const name = `${bits} ${match.table}`
    let known = this.#tables.get(name)
    if (known === undefined) {
      known = { first: match, table: new HashlimitTable(match, bits, this.environment.seeds) }
      this.#tables.set(name, known)
    }
    if (!sameMeasure(known.first, match))
      throw new Error(`hashlimit ${match.table} counts bytes, packets or intervals, not several of them`)
    return known.table
  }
}

/**
 * A match made ready, for rules of a table of a family. `xtablesNeeds` tells before what the environment must supply.
 * Throws where that is missing.
 */
export function createXtablesStep(match: XtablesMatch, family: TableFamily, context: XtablesContext): Step {
  const { environment } = context
  const bits = family === 'ip6' ? 128 : 32
  switch (match.name) {
    case 'recent':
      return recentStep(match, context.recentList(match, bits))
    case 'conntrack':
      return asksForStatesOnly(match) && environment.connections === undefined
        ? stateStep(match.states?.any ?? [], match.states?.invert)
        : conntrackStep(match, bits, needed(environment.connections, match))
    case 'state':
      return environment.connections === undefined
        ? stateStep(match.any, match.invert)
        : conntrackStep(asConntrack(match), bits, environment.connections)
    case 'multiport':
      return multiportStep(match)
    case 'iprange':
      return iprangeStep(match, bits)
    case 'limit':
      return limitStep(match)
    case 'hashlimit':
      return hashlimitStep(match, context.hashlimitTable(match, bits))
    case 'connlimit':
      return connlimitStep(match, bits, needed(environment.connections, match), environment.seeds)
    case 'mark':
      return markStep(match)
    case 'connmark':
      return connmarkStep(match, needed(environment.connections, match))
    case 'addrtype':
      return addrtypeStep(match, needed(environment.host, match))
    case 'length':
      return lengthStep(match)
    case 'ttl':
    case 'hl':
      return ttlStep(match)
    case 'owner':
      return ownerStep(match)
    case 'pkttype':
      return pkttypeStep(match)
    case 'string':
      return stringStep(match)
    case 'time':
      return timeStep(match, needed(environment.clock, match))
    case 'u32':
      return u32Step(match)
    case 'statistic':
      return statisticStep(match, environment.random)
    case 'dscp':
      return dscpStep(match)
    case 'tos':
      return tosStep(match)
    case 'ecn':
      return ecnStep(match)
    case 'tcpmss':
      return tcpmssStep(match)
    case 'connbytes':
      return connbytesStep(match, needed(environment.connections, match))
    case 'connlabel':
      return connlabelStep(match, needed(environment.connections, match))
    case 'quota':
      return quotaStep(match)
    case 'protocol':
      return protocolStep(match)
    case 'tcp':
      return tcpStep(match)
    case 'udp':
    case 'udplite':
      return udpStep(match)
    case 'sctp':
      return sctpStep(match)
    case 'dccp':
      return dccpStep(match)
    case 'icmp':
    case 'icmp6':
      return icmpStep(match)
    case 'esp':
      return espStep(match)
    case 'ah':
      return ahStep(match)
    case 'ipcomp':
      return ipcompStep(match)
    case 'frag':
      return fragmentStep(match)
    case 'hbh':
    case 'dst':
      return optionsHeaderStep(match)
    case 'rt':
      return routingStep(match)
    case 'srh':
      return segmentRoutingStep(match)
    case 'mh':
      return mobilityStep(match)
    case 'ipv6header':
      return ipv6HeaderStep(match)
    default:
      return needed<Step>(undefined, match)
  }
}

function asConntrack({ any, invert = false }: XtablesMatch & { readonly name: 'state' }) {
  return { name: 'conntrack' as const, states: { any, invert } }
}

function needed<T>(supply: T | undefined, match: XtablesMatch): T {
  if (supply === undefined) throw new Error(`-m ${xtablesModule(match)} needs what is not supplied`)
  return supply
}
