import { boundsOf, keyOf } from '../../ruleset/elements.js'
import type { Ruleset } from '../../ruleset/model.js'
import { partOf } from '../../ruleset/types.js'
import type { AddressRange } from '../policy/values.js'
import type { Names } from './endpoint.js'

/** A policy's define is a set for each IP version. */
const SUFFIX = /_ipv[46]$/

/** The names of a ruleset that stand for addresses: those of its sets, and of a policy's `define`. */
export function namesOf({ tables }: Ruleset): Names {
  const names = new Map<string, AddressRange[]>()
  const add = (name: string, ranges: readonly AddressRange[]) =>
    names.set(name, [...(names.get(name) ?? []), ...ranges])
  for (const { name, type, elements } of tables.flatMap(({ sets }) => sets)) {
    if (type !== 'ipv4_addr' && type !== 'ipv6_addr') continue
    const bits = type === 'ipv4_addr' ? 32 : 128
    const ranges = elements.map(keyOf).map((element): AddressRange => {
      const [first, last] = boundsOf(element, partOf(type))
      return { bits, first, last }
    })
    if (ranges.length === 0) continue
    add(name, ranges)
    if (SUFFIX.test(name)) add(name.replace(SUFFIX, ''), ranges)
  }
  return names
}
