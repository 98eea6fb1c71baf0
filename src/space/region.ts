/**
 * Where two rulesets may judge otherwise at all. A packet that no rule is about that the two do not have in common, in
 * common order, meets the same rules on its way through both: only the boxes of the other rules have to be compared.
 */
import type { HookName } from '../packet/packet.js'
import type { Chain, Rule, Ruleset, Table } from '../ruleset/model.js'
import { UNCHANGED } from './deciders.js'
import { Decisions } from './decisions.js'
import { ALL, type Node } from './diagram.js'
import type { Version } from './fields.js'
import { basesAt, isWriting } from './rulesets.js'
import type { Space } from './space.js'
import { textOf } from './stateful.js'

/** Pairs of rules that are compared in search of common order: past that, all between the first and the last change are other. */
const COMPARISONS = 4_000_000

interface Pair {
  readonly old: { readonly table: Table; readonly chain: Chain }
  readonly fresh: { readonly table: Table; readonly chain: Chain }
}

/** A set of packets outside of which both judge alike. */
export function changedRegion(
  old: Ruleset,
  fresh: Ruleset,
  hook: HookName,
  family: Version,
  space: Space,
): Node {
  const bases = [basesAt(old, hook, family), basesAt(fresh, hook, family)] as const
  if (bases[0].length !== bases[1].length) return ALL
  const pairs = bases[0].map((each, i): Pair => ({ old: each, fresh: bases[1][i]! }))
  if (pairs.some((pair) => pair.old.chain.base!.policy !== pair.fresh.chain.base!.policy)) return ALL
  const isFirst = ({ old, fresh }: Pair, i: number) =>
    pairs.findIndex((each) => each.old.table === old.table && each.fresh.table === fresh.table) === i
  const inner = pairs.filter(isFirst).flatMap(innerChains)
  const { diagram } = space
  const [before, after] = [new Decisions(space, old), new Decisions(space, fresh)]
  const sets = [...pairs, ...inner].flatMap((pair) => {
    const [first, second] = othersOf(pair)
    return [
      ...first.map((rule) => before.start(rule, pair.old.table, family)),
      ...second.map((rule) => after.start(rule, pair.fresh.table, family)),
    ]
  })
  const region = diagram.union(sets)
  if (!isWriting(old) && !isWriting(fresh)) return region
  // What a rule writes may be another value when a rule asks for it: it is left out of what tells packets apart.
  const kept = new Set(
    UNCHANGED.flatMap((name) => [...space.fields.field(name).presence, ...space.fields.field(name).bits]),
  )
  return diagram.project(region, (variable) => kept.has(variable))
}

/** Chains that are jumped to, of both; who jumps to one that the other has not is among the other rules itself. */
function innerChains({ old, fresh }: Pair): Pair[] {
  return old.table.chains.flatMap((chain) => {
    const same = fresh.table.chains.find(({ name }) => name === chain.name)
    if (same === undefined || chain.base !== undefined || same.base !== undefined) return []
    return [{ old: { table: old.table, chain }, fresh: { table: fresh.table, chain: same } }]
  })
}

/** The rules of two chains that are not common to both in the same order. */
function othersOf({ old, fresh }: Pair): [Rule[], Rule[]] {
  const first = old.chain.rules.map((rule) => ruleText(rule, old.table))
  const second = fresh.chain.rules.map((rule) => ruleText(rule, fresh.table))
  let start = 0
  while (start < first.length && start < second.length && first[start] === second[start]) start++
  let end = 0
  while (
    end < first.length - start &&
    end < second.length - start &&
    first.at(-1 - end) === second.at(-1 - end)
  )
    end++
  const [a, b] = [first.slice(start, first.length - end), second.slice(start, second.length - end)]
  const common = a.length * b.length > COMPARISONS ? [] : longestCommon(a, b)
  const [inFirst, inSecond] = [new Set(common.map(([i]) => i)), new Set(common.map(([, j]) => j))]
  return [
    old.chain.rules.slice(start, first.length - end).filter((_, i) => !inFirst.has(i)),
    fresh.chain.rules.slice(start, second.length - end).filter((_, j) => !inSecond.has(j)),
  ]
}

/** A rule with all that it names: sets, windows and objects, but for chains. */
function ruleText({ statements }: Rule, table: Table): string {
  const text = textOf(statements)
  const named = [...table.sets, ...table.windows, ...(table.objects ?? [])].filter(({ name }) =>
    text.includes(`"${name}"`),
  )
  return `${table.family} ${text} ${named.map(textOf).join(' ')}`
}

/** The places of a longest common subsequence of two lists. */
function longestCommon(a: readonly string[], b: readonly string[]): [number, number][] {
  const width = b.length + 1
  const lengths = new Int32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!)
  const pairs: [number, number][] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) pairs.push([i++, j++])
    else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) i++
    else j++
  }
  return pairs
}
