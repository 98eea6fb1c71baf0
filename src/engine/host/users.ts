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

/** Keys of ct that are counts. */
const COUNTS: ReadonlySet<unknown> = new Set(['packets', 'bytes', 'avgpkt'])

/**
 * The families (NFPROTO numbers) whose packets are tracked, and put together from their fragments before. Rules that are
 * never reached count as well, those of dormant tables too. `notrack` alone does not, nor does a set's type.
 */
export function trackedFamilies({ tables }: Ruleset): ReadonlySet<number> {
  return new Set(tables.filter(usesConnections).flatMap(({ family }) => familiesOf(family)))
}

/** Whether any rule reads what connections have carried, which makes the kernel count it (nf_ct_set_acct). */
export function countsConnections({ tables }: Ruleset): boolean {
  return tables.some((table) => holdsIn(table, readsCounts))
}

function usesConnections(table: Table): boolean {
  return holdsIn(table, isUser) || (table.objects ?? []).some(({ kind }) => USERS.has(kind))
}

/** Whether there is a node of a kind in a table's rules, sets or elements. */
function holdsIn({ chains, sets }: Table, isSought: (node: object) => boolean): boolean {
  return (
    chains.some(({ rules }) => rules.some(({ statements }) => holds(statements, isSought))) ||
    sets.some(({ statements, elements }) => holds(statements, isSought) || holds(elements, isSought))
  )
}

function holds(part: unknown, isSought: (node: object) => boolean): boolean {
  if (Array.isArray(part)) return part.some((each) => holds(each, isSought))
  if (typeof part !== 'object' || part === null) return false
  return isSought(part) || Object.values(part).some((each) => holds(each, isSought))
}

function isUser(node: object): boolean {
  if (!('kind' in node)) return false
  return USERS.has(node.kind) || (node.kind === 'xtables' && 'name' in node && XTABLES_USERS.has(node.name))
}

function readsCounts(node: object): boolean {
  if (!('kind' in node)) return false
  if (node.kind === 'ct') return 'key' in node && COUNTS.has(node.key)
  return node.kind === 'xtables' && 'name' in node && node.name === ('connbytes' satisfies XtablesName)
}
