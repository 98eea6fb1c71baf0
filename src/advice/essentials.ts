/** What a machine cannot do without, and rules cut off: replies, name look-ups, loopback, neighbour discovery. */
import type { HookName } from '../packet/packet.js'
import type { Ruleset } from '../ruleset/model.js'
import { fateOf, isDropped, isRule, type Probe } from '../ruleset/probe.js'
import type { Advice } from './advice.js'
import { EPHEMERAL, FAMILIES, ICMPV6, type IpFamily, positionsOf, STRANGER, TCP, UDP } from './rules.js'

const ESTABLISHED = 2n
const NEW = 8n
const UNTRACKED = 64n
const OUTWARD = 'every reply to a connection from outside'
const IP_VERSION = { ip: 'IPv4', ip6: 'IPv6' } as const

interface Essential {
  readonly id: string
  readonly hooks: readonly HookName[]
  readonly families: readonly IpFamily[]
  readonly known: (hook: HookName, family: IpFamily) => Probe['known']
  readonly message: (hook: HookName, version: string) => string
  readonly hint: (hook: HookName) => string
}

const inward = (hook: HookName) => hook === 'input'
const tcp = (sport: bigint, dport: bigint) => ({
  'meta l4proto': TCP,
  'tcp sport': sport,
  'tcp dport': dport,
})

const ESSENTIALS: readonly Essential[] = [
  {
    id: 'no-replies',
    hooks: ['input', 'output'],
    families: FAMILIES,
    known: (hook, family) => ({
      ...(inward(hook) ? tcp(443n, EPHEMERAL) : tcp(22n, EPHEMERAL)),
      [`${family} ${inward(hook) ? 'saddr' : 'daddr'}`]: STRANGER[family],
      'ct state': ESTABLISHED,
    }),
    message: (hook, version) =>
      inward(hook)
        ? `${version}: the answers to this machine's own connections are dropped`
        : `${version}: ${OUTWARD} is dropped, SSH's included`,
    hint: (hook) => `accept ct state established,related first in ${hook}`,
  },
  {
    id: 'no-loopback',
    hooks: ['input', 'output'],
    families: FAMILIES,
    known: (hook) => ({
      [inward(hook) ? 'iifname' : 'oifname']: 'lo',
      ...tcp(EPHEMERAL, EPHEMERAL + 1n),
      'ct state': NEW,
    }),
    message: (_, version) =>
      `${version}: programs of this machine cannot reach each other: the loopback is dropped`,
    hint: (hook) => `accept ${inward(hook) ? 'iifname' : 'oifname'} lo in ${hook}`,
  },
  {
    id: 'no-dns',
    hooks: ['output'],
    families: ['ip'],
    known: () => ({ 'meta l4proto': UDP, 'udp dport': 53n, 'udp sport': EPHEMERAL, 'ct state': NEW }),
    message: (_, version) => `${version}: names cannot be looked up: what goes to port 53 is dropped`,
    hint: () => 'accept udp and tcp dport 53 to the name server, unless it is asked over IPv6 or not at all',
  },
  ...[135n, 136n].map(
    (type): Essential => ({
      id: 'no-neighbours',
      hooks: ['input', 'output'],
      families: ['ip6'],
      known: () => ({
        'meta l4proto': ICMPV6,
        'icmpv6 type': type,
        'icmpv6 code': 0n,
        'ip6 hoplimit': 255n,
        'ct state': UNTRACKED,
      }),
      message: (hook) => `neighbour discovery is dropped in ${hook}: IPv6 is cut off altogether`,
      hint: () =>
        'accept icmpv6 type nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit and nd-router-advert',
    }),
  ),
]

export function essentials(ruleset: Ruleset): Advice[] {
  const advice = ESSENTIALS.flatMap((essential) =>
    essential.hooks.flatMap((hook) =>
      essential.families.flatMap((family): Advice[] => {
        const fate = fateOf(ruleset, { hook, family, known: essential.known(hook, family) })
        if (!isDropped(fate)) return []
        return [
          {
            id: essential.id,
            message: essential.message(hook, IP_VERSION[family]),
            hint: essential.hint(hook),
            positions: positionsOf(fate.drop.find(isRule) ?? fate.drop[0]),
          },
        ]
      }),
    ),
  )
  // Where only what is listed may go out, as in a policy, name look-ups are left out on purpose; where replies are, not.
  const careless = advice.some(({ id, message }) => id === 'no-replies' && message.includes(OUTWARD))
  return advice
    .filter(({ id }) => id !== 'no-dns' || careless)
    .filter(({ message }, i, all) => all.findIndex((other) => other.message === message) === i)
}
