/** Which rules make the kernel track connections: those who read or change them (nf_ct_netns_get's callers). */
import type { Ruleset, Table } from '../../ruleset/model.js'
import { familiesOf } from '../../ruleset/selectors.js'
import type { XtablesName } from '../../ruleset/xtables.js'

/** Kinds of what reads or changes a connection, wherever it stands in a rule, a set or an element. */
const USERS: ReadonlySet<unknown> = new Set(['ct', 'ct count', 'ct helper', 'ct timeout', 'ct expectation'])
/** xtables' matches that do the same. */
const XTABLES_USERS: ReadonlySet<unknown> = new Set<XtablesName>([
  'conntrack',
  'state',
  'connlimit',
  'connmark',
  'connbytes',
  'connlabel',
  'helper',
])

/**
 * The families (NFPROTO numbers) whose packets are tracked, and put together from their fragments before. Rules that are
 * never reached count as well, those of dormant tables too. `notrack` alone does not, nor does a set's type.
 */
export function trackedFamilies({ tables }: Ruleset): ReadonlySet<number> {
  return new Set(tables.filter(usesConnections).flatMap(({ family }) => familiesOf(family)))
}

function usesConnections({ chains, sets, objects = [] }: Table): boolean {
  return (
    chains.some(({ rules }) => rules.some(({ statements }) => holdsUser(statements))) ||
    sets.some(({ statements, elements }) => holdsUser(statements) || holdsUser(elements)) ||
    objects.some(({ kind }) => USERS.has(kind))
  )
}

function holdsUser(part: unknown): boolean {
  if (Array.isArray(part)) return part.some(holdsUser)
  if (typeof part !== 'object' || part === null) return false
  if ('kind' in part && (USERS.has(part.kind) || isXtablesUser(part))) return true
  return Object.values(part).some(holdsUser)
}

function isXtablesUser(part: object): boolean {
  return 'kind' in part && part.kind === 'xtables' && 'name' in part && XTABLES_USERS.has(part.name)
}
