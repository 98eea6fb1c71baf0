/** What every policy does beside its own rules, and a ruleset may not: loopback, connections that live, neighbours. */
import type { Chain, Position, Rule, Ruleset } from '../../../ruleset/model.js'
import {
  baseChains,
  type Decider,
  fateOf,
  isAccepted,
  isDropped,
  type Probe,
} from '../../../ruleset/probe.js'
import type { Diagnostic } from '../../diagnostic.js'

type Hook = 'input' | 'output'
type Family = 'ip' | 'ip6'

const STATES = { new: 8n, established: 2n, related: 4n, invalid: 1n, untracked: 64n }
const VERSIONS = { ip: 'IPv4', ip6: 'IPv6' } as const
/** Neighbour discovery and multicast listeners, with the hop limits of those that a policy lets pass, by direction. */
const UNTRACKED = [130n, 131n, 132n, 133n, 134n, 135n, 136n, 137n, 143n]
const NEIGHBOURS: Readonly<Record<Hook, readonly bigint[]>> = {
  input: [130n, 134n, 135n, 136n],
  output: [131n, 132n, 133n, 135n, 136n, 143n],
}
const LISTENERS = [130n, 131n, 132n, 143n]

interface Kind {
  readonly what: string
  readonly known: Probe['known']
  readonly passes: boolean
}

/** Where a policy decides otherwise than the rules. `open`: the direction is `any`. */
export function differences(ruleset: Ruleset, hook: Hook, open: boolean): Diagnostic[] {
  const found = (['ip', 'ip6'] as const).flatMap((family) =>
    kindsOf(ruleset, hook, family, open).flatMap((kind) => {
      const fate = fateOf(ruleset, { hook, family, known: kind.known })
      if (kind.passes ? isAccepted(fate) : isDropped(fate)) return []
      const message = `${kind.what} ${kind.passes ? 'pass' : 'are dropped'} in a policy, and ${kind.passes ? 'not all of them pass' : 'these rules let some pass'} here`
      const position = placeOf(kind.passes ? fate.drop : fate.accept, ruleset, hook, family)
      return position === undefined ? [] : [{ position, message, family }]
    }),
  )
  // What is the same for both versions is said once.
  return found
    .filter(({ message }, i) => found.findIndex((other) => other.message === message) === i)
    .map(({ position, message, family }) => {
      const both = found.filter((other) => other.message === message).length > 1
      return { position, message: `${hook}${both ? '' : `, ${VERSIONS[family]}`}: ${message}` }
    })
}

function kindsOf(ruleset: Ruleset, hook: Hook, family: Family, open: boolean): Kind[] {
  const lo = { [hook === 'input' ? 'iifname' : 'oifname']: 'lo' }
  const loopback = Object.entries(STATES).map(([name, state]) => ({
    what: name === 'new' ? 'packets of the loopback' : `packets of the loopback that are ${name}`,
    known: { ...lo, 'ct state': state },
    passes: true,
  }))
  const untracked = family === 'ip6' ? UNTRACKED.map((type) => untrackedKind(type, hook, open)) : []
  return [
    ...loopback,
    { what: 'established connections', known: { 'ct state': STATES.established }, passes: true },
    { what: 'connections related to others', known: { 'ct state': STATES.related }, passes: true },
    { what: 'packets of no connection (invalid)', known: { 'ct state': STATES.invalid }, passes: false },
    ...untracked,
    ...(hasNotrack(ruleset)
      ? [{ what: 'packets that are not tracked', known: { 'ct state': STATES.untracked }, passes: open }]
      : []),
  ]
}

function untrackedKind(type: bigint, hook: Hook, open: boolean): Kind {
  const passes = NEIGHBOURS[hook].includes(type)
  return {
    what: passes
      ? 'ICMPv6 messages of neighbours and multicast listeners'
      : 'ICMPv6 messages that only routers need',
    known: {
      'meta l4proto': 58n,
      'icmpv6 type': type,
      'icmpv6 code': 0n,
      'ip6 hoplimit': LISTENERS.includes(type) ? 1n : 255n,
      'ct state': STATES.untracked,
    },
    passes: passes || open,
  }
}

function hasNotrack({ tables }: Ruleset): boolean {
  return tables.some(({ chains }) =>
    chains.some(({ rules }) =>
      rules.some(({ statements }) => statements.some(({ kind }) => kind === 'notrack')),
    ),
  )
}

/** Where it is decided, or at least where the rules begin. */
function placeOf(
  deciders: readonly Decider[],
  ruleset: Ruleset,
  hook: Hook,
  family: Family,
): Position | undefined {
  const all: (Rule | Chain | undefined)[] = [
    ...deciders,
    baseChains(ruleset, hook, family).at(-1)?.chain,
    ruleset.tables[0]?.chains[0],
  ]
  return all.find((each) => each?.position !== undefined)?.position ?? ruleset.tables[0]?.position
}
