/** The matches and targets that are read, by their names, and why others are not. */
import * as connections from './connections.js'
import * as content from './content.js'
import type { MatchExtension, TargetExtension } from './extension.js'
import * as headers from './headers.js'
import * as headers6 from './headers6.js'
import { HELD_MATCHES, HELD_TARGETS } from './held.js'
import * as host from './host.js'
import { icmp, icmp6 } from './icmp.js'
import * as packet from './packet.js'
import * as rates from './rates.js'
import { set } from './set.js'
import * as targets from './targets.js'

const { ah4, ah6, ...transports } = headers

const MATCHES: Readonly<Record<string, MatchExtension>> = {
  ...transports,
  ...headers6,
  ...connections,
  ...rates,
  ...content,
  ...host,
  ...packetMatches(),
  icmp,
  icmp6,
  icmpv6: icmp6,
  'ipv6-icmp': icmp6,
  'mobility-header': headers6.mh,
  set,
  ...HELD_MATCHES,
}

function packetMatches(): Record<string, MatchExtension> {
  const { dscpOf: _, tosOf: __, ...matches } = packet
  return matches
}

/** The match of a name that a family has. */
export function matchExtension(name: string, family: 'ip' | 'ip6'): MatchExtension | undefined {
  if (name === 'ah') return family === 'ip' ? ah4 : ah6
  return ofFamily(MATCHES, name, family)
}

const TARGETS: Readonly<Record<string, TargetExtension>> = {
  LOG: targets.LOG,
  NFLOG: targets.NFLOG,
  AUDIT: targets.AUDIT,
  REJECT: targets.REJECT,
  MARK: targets.MARK,
  CONNMARK: targets.CONNMARK,
  NOTRACK: targets.NOTRACK,
  CT: targets.CT,
  NFQUEUE: targets.NFQUEUE,
  ...HELD_TARGETS,
}

export function targetExtension(name: string, family: 'ip' | 'ip6'): TargetExtension | undefined {
  return ofFamily(TARGETS, name, family)
}

function ofFamily<T extends { readonly family?: 'ip' | 'ip6' }>(
  known: Readonly<Record<string, T>>,
  name: string,
  family: 'ip' | 'ip6',
): T | undefined {
  const found = Object.hasOwn(known, name) ? known[name] : undefined
  return found?.family === undefined || found.family === family ? found : undefined
}

export const MATCH_NAMES = [...Object.keys(MATCHES), 'ah']
export const TARGET_NAMES = ['ACCEPT', 'DROP', 'RETURN', ...Object.keys(TARGETS)]

const NAT = 'it rewrites addresses'
/** What targets do that are not read. */
export const REFUSED_TARGETS: Readonly<Record<string, string>> = {
  CLUSTERIP: 'it shares one address between machines',
  DNAT: NAT,
  DNPT: NAT,
  MASQUERADE: NAT,
  NETMAP: NAT,
  REDIRECT: NAT,
  SNAT: NAT,
  SNPT: NAT,
  SECMARK: 'it labels packets for SELinux',
  SET: 'it changes an ipset',
  SYNPROXY: 'it answers connections in the server’s place',
  TEE: 'it sends copies elsewhere',
  TPROXY: 'it hands packets to a proxy',
  ULOG: 'no kernel has it any more: NFLOG is its successor',
  QUEUE: 'no kernel has it any more: NFQUEUE is its successor',
}

/** What matches look at that are not read. */
export const REFUSED_MATCHES: Readonly<Record<string, string>> = {
  among: 'it is for bridges',
  ipvs: 'it looks at a load balancer’s state',
  l2tp: 'it looks into tunnels',
  nfacct: 'it counts in an object outside of the rules',
}
