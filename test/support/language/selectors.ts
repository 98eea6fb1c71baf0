/** What rules look at, by the protocols of the packets that they are about: nft refuses rules about two at once. */

import { PROTOCOL_FIELDS } from '../../../src/ruleset/fields.js'
import type { Selector } from '../../../src/ruleset/model.js'
import { EXTENSION_HEADERS, IP_OPTIONS, SCTP_CHUNKS, TCP_OPTIONS } from '../../../src/ruleset/options.js'

/** What the judge that the rulesets are for can be asked: everything, unless it is said to be out. */
export interface Knows {
  /** ct keys other than the state. */
  readonly connections: boolean
  /** meta time, day and hour. */
  readonly clock: boolean
  /** fib. */
  readonly host: boolean
  /** The owner of the socket. */
  readonly socket: boolean
  /** Random numbers, which only come out the same if they are supplied. */
  readonly random: boolean
  /** Limits, timeouts and expiries that matter within a test. */
  readonly timing: boolean
  /** Our windows. */
  readonly windows: boolean
  /** What nft 1.0.6 cannot read. */
  readonly newer: boolean
}

export const EVERYTHING: Knows = {
  connections: true,
  clock: true,
  host: true,
  socket: true,
  random: true,
  timing: true,
  windows: true,
  newer: true,
}

/** What a rule is about. */
export interface About {
  readonly family?: 'ip' | 'ip6'
  readonly transport?: string
}

export const TRANSPORTS: readonly string[] = [
  'tcp',
  'udp',
  'icmp',
  'icmpv6',
  'sctp',
  'udplite',
  'dccp',
  'igmp',
  'ah',
  'esp',
  'comp',
]

const fields = (protocol: string): Selector[] =>
  Object.keys(PROTOCOL_FIELDS[protocol]!).map((field) => ({ kind: 'payload', protocol, field }))
const keys = (kind: 'meta' | 'ct', ...names: string[]): Selector[] => names.map((key) => ({ kind, key }))

const META = keys('meta', 'length', 'mark', 'iifname', 'oifname', 'pkttype', 'priority', 'protocol')
const RAW: Selector[] = [
  { kind: 'raw', base: 'nh', offset: 64, length: 8 },
  { kind: 'raw', base: 'th', offset: 16, length: 16 },
  { kind: 'raw', base: 'th', offset: 0, length: 64 },
  { kind: 'raw', base: 'th', offset: 160, length: 32 },
]
const RANDOM: Selector[] = [
  { kind: 'numgen', mode: 'random', modulus: 3, offset: 0 },
  { kind: 'meta', key: 'random' },
]
const TCP_OPTION: Selector[] = Object.entries(TCP_OPTIONS).flatMap(([name, { fields }]) => [
  ...(/\d/.test(name) && name !== 'md5sig' ? [] : [{ kind: 'tcp option', name } as const]),
  ...Object.keys(fields).map((field): Selector => ({ kind: 'tcp option', name, field })),
])
const IP_OPTION: Selector[] = Object.entries(IP_OPTIONS).flatMap(([name, { fields }]) => [
  { kind: 'ip option', name } as const,
  ...Object.keys(fields).map((field): Selector => ({ kind: 'ip option', name, field })),
])
const EXTENSION: Selector[] = Object.entries(EXTENSION_HEADERS).flatMap(([name, { fields }]) => [
  ...(/^(?:rt[02]|srh)$/.test(name) ? [] : [{ kind: 'exthdr', name } as const]),
  ...(/^rt[02]$/.test(name)
    ? []
    : Object.keys(fields)
        .filter((field) => field !== 'sid')
        .map((field): Selector => ({ kind: 'exthdr', name, field }))),
])
const CHUNK: Selector[] = Object.entries(SCTP_CHUNKS).flatMap(([name, { fields }]) => [
  { kind: 'sctp chunk', name } as const,
  ...Object.keys(fields).map((field): Selector => ({ kind: 'sctp chunk', name, field })),
])
const CT: Selector[] = [
  ...keys('ct', 'status', 'mark', 'direction', 'expiration', 'label', 'l3proto', 'protocol'),
  ...(['original', 'reply'] as const).flatMap((direction) =>
    ['proto-src', 'proto-dst', 'packets', 'bytes'].map((key): Selector => ({ kind: 'ct', key, direction })),
  ),
]
const ctAddresses = (family: 'ip' | 'ip6'): Selector[] =>
  (['original', 'reply'] as const).flatMap((direction) =>
    ['saddr', 'daddr'].map((key): Selector => ({ kind: 'ct', key: `${family} ${key}`, direction })),
  )

/** Keeps what was made of the same arguments: to make arbitraries takes longer than to draw from them. */
export function kept<A extends readonly unknown[], R>(make: (...args: A) => R): (...args: A) => R {
  const made = new Map<string, R>()
  return (...args) => {
    const key = JSON.stringify(args)
    if (!made.has(key)) made.set(key, make(...args))
    return made.get(key)!
  }
}

/** Groups of selectors, so that protocols with many fields do not crowd out the others. */
export function selectorsAbout({ family, transport }: About, knows: Knows): readonly (readonly Selector[])[] {
  const fragile = transport === undefined
  return [
    META,
    keys('ct', 'state'),
    RAW,
    [
      { kind: 'numgen', mode: 'inc', modulus: 3, offset: 0 },
      { kind: 'numgen', mode: 'inc', modulus: 2, offset: 5 },
    ] satisfies Selector[],
    ...(family === undefined ? [keys('meta', 'nfproto')] : [fields(family)]),
    ...(family === 'ip' ? [IP_OPTION] : []),
    ...(family === 'ip6' ? [EXTENSION] : []),
    ...(fragile ? [keys('meta', 'l4proto'), fields('th')] : [fields(transport), fields(transport)]),
    ...(transport === 'tcp' ? [TCP_OPTION, flags, flags] : []),
    ...(transport === 'sctp' ? [CHUNK] : []),
    ...(transport === 'dccp' && knows.newer ? [[{ kind: 'dccp option', type: 38 } as const]] : []),
    ...(knows.connections ? [CT] : []),
    ...(knows.connections && family !== undefined ? [ctAddresses(family)] : []),
    ...(knows.clock ? [keys('meta', 'time', 'day', 'hour')] : []),
    ...(knows.socket ? [keys('meta', 'skuid', 'skgid')] : []),
    ...(knows.random ? [RANDOM] : []),
    ...(knows.host ? [FIB] : []),
  ]
    .map((group) =>
      group.filter((one) =>
        isWritable(one, { ...(family && { family }), ...(transport && { transport }) }, knows),
      ),
    )
    .filter((group) => group.length > 0)
}

const flags: Selector[] = [{ kind: 'payload', protocol: 'tcp', field: 'flags' }]
const FIB: Selector[] = [
  { kind: 'fib', flags: ['daddr'], result: 'type' },
  { kind: 'fib', flags: ['saddr'], result: 'type' },
]

/** Whether a selector may stand in a rule about a transport: two words about the protocol contradict each other. */
function isWritable(selector: Selector, { family, transport }: About, knows: Knows): boolean {
  if (selector.kind === 'ip option') return knows.newer || selector.field !== 'addr'
  if (selector.kind === 'ct' && selector.key.startsWith('proto-'))
    return knows.newer && transport !== undefined
  if (selector.kind === 'ct' && selector.key === 'protocol') return transport === undefined
  if (selector.kind === 'ct' && selector.key === 'l3proto') return family === undefined
  if (selector.kind === 'meta' && selector.key === 'protocol') return family === undefined
  if (selector.kind === 'tcp option') return knows.newer || selector.field !== 'kind'
  if (selector.kind !== 'payload') return true
  const { protocol, field } = selector
  if (transport !== undefined && (field === 'protocol' || (protocol === 'ip6' && field === 'nexthdr')))
    return false
  const renamed = ['taddr', 'group', 'parameter-problem'].includes(field)
  const aborts = field === 'nexthdr' && protocol !== 'ip6'
  if (!knows.newer && (renamed || aborts || (protocol === 'icmpv6' && field === 'daddr'))) return false
  return true
}
