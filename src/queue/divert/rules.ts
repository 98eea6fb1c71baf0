import { MARK_MASK, STATES } from '../marks.js'

/** The chains in the mangle table that are ours, and the kernel's chains that jump to them. */
export const CHAINS = [
  { name: 'PORTCULLIS-IN', parent: 'INPUT', loopback: '-i lo' },
  { name: 'PORTCULLIS-OUT', parent: 'OUTPUT', loopback: '-o lo' },
] as const

/** RFC 4861: solicitations and advertisements of neighbours and routers, which count with hop limit 255 only. */
const NEIGHBOUR_DISCOVERY = [133, 134, 135, 136]

/** Marks what a rule that drops invalid packets is for, so that its counter can be found again. */
export const INVALID = 'portcullis: invalid'

export type DivertFamily = 'ipv4' | 'ipv6'

const hex = (value: number) => `0x${value.toString(16)}`

export interface DivertOptions {
  readonly queue: number
  /** Bans are answered with resets: these belong to no connection, as what they answer never came to one. */
  readonly resets: boolean
}

/**
 * The divert rules of one family, for iptables-restore --noflush. What passes here is not seen by the engine:
 * loopback, neighbour discovery (without which IPv6 is cut off while the engine is away) and connections that
 * live. Invalid packets are dropped and counted here; everything else goes to the queue. Without a listener,
 * or when it is full, the queue drops.
 */
export function divertRules(
  family: DivertFamily,
  { queue, resets }: DivertOptions,
  hooked: ReadonlySet<string>,
): string {
  const mask = hex(MARK_MASK)
  const lines = CHAINS.flatMap(({ name, parent, loopback }) => [
    `-A ${name} ${loopback} -j RETURN`,
    ...(family === 'ipv6'
      ? NEIGHBOUR_DISCOVERY.map(
          (type) => `-A ${name} -p icmpv6 --icmpv6-type ${type} -m hl --hl-eq 255 -j RETURN`,
        )
      : []),
    `-A ${name} -m conntrack --ctstate ESTABLISHED -j RETURN`,
    ...(resets && parent === 'OUTPUT'
      ? [`-A ${name} -p tcp --tcp-flags SYN,RST RST -m conntrack --ctstate INVALID -j RETURN`]
      : []),
    `-A ${name} -m conntrack --ctstate INVALID -m comment --comment "${INVALID}" -j DROP`,
    ...STATES.map(
      ({ name: state, mark }) =>
        `-A ${name} -m conntrack --ctstate ${state} -j MARK --set-xmark ${hex(mark)}/${mask}`,
    ),
    `-A ${name} -j NFQUEUE --queue-num ${queue}`,
    ...(hooked.has(parent) ? [] : [`-I ${parent} 1 -j ${name}`]),
  ])
  return restore([...CHAINS.map(({ name }) => `:${name} - [0:0]`), ...lines])
}

/** Takes the divert rules down. Hooked: the kernel's chains that jump to ours. */
export function removalRules(hooked: ReadonlySet<string>): string {
  return restore([
    ...CHAINS.filter(({ parent }) => hooked.has(parent)).map(({ name, parent }) => `-D ${parent} -j ${name}`),
    ...CHAINS.flatMap(({ name }) => [`:${name} - [0:0]`]),
    ...CHAINS.map(({ name }) => `-X ${name}`),
  ])
}

function restore(lines: readonly string[]): string {
  return `*mangle\n${lines.join('\n')}\nCOMMIT\n`
}

/** What `iptables-save -c -t mangle` says of our rules. */
export interface Installed {
  /** The kernel's chains that jump to ours. */
  readonly hooked: ReadonlySet<string>
  /** Our chains that exist. */
  readonly chains: readonly string[]
  /** Packets dropped as invalid. */
  readonly invalid: number
}

export function parseSaved(saved: string): Installed {
  const hooked = new Set<string>()
  const chains: string[] = []
  let invalid = 0
  for (const line of saved.split('\n')) {
    for (const { name, parent } of CHAINS) {
      if (line.startsWith(`:${name} `)) chains.push(name)
      if (new RegExp(`^(\\[\\d+:\\d+\\] )?-A ${parent} -j ${name}$`).test(line)) hooked.add(parent)
    }
    if (line.includes(`"${INVALID}"`)) invalid += Number(/^\[(\d+):/.exec(line)?.[1] ?? 0)
  }
  return { hooked, chains, invalid }
}
