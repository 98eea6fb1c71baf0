/**
 * The floor: a kernel rule set made of the policy's own Ruleset, which decides where the engine does not. It accepts
 * nothing that the policy would drop.
 */
import { CtState } from '../packet/packet.js'
import type { Problem } from '../ruleset/check.js'
import type { FloorMode, Rule, Ruleset, Table } from '../ruleset/model.js'
import { compare, ct } from '../ruleset/nodes.js'
import { gateTable } from './gate.js'
import { floorRules } from './rules.js'
import { FloorWindows } from './windows.js'

export interface Floor {
  /** Tables for nft: no windows, no matches of xtables. */
  readonly ruleset: Ruleset
  /** The tables that a floor of this policy may have, in any mode. */
  readonly names: readonly Pick<Table, 'family' | 'name'>[]
  /** What of the policy the kernel cannot say: it is dropped there, or left to other rules. */
  readonly lost: readonly Problem[]
}

/** Behind the names of tables, so that they stand beside those of others. */
const SUFFIX = '_floor'
const GATE = `portcullis_gate${SUFFIX}`

/**
 * The floor of a Ruleset that is right (see checkRuleset). Mode: `same`, all of it that the kernel can say; `management`,
 * of that only what administration needs; `closed`, loopback and neighbour discovery alone. Missing: the policy's own.
 */
export function floorOf(ruleset: Ruleset, mode: FloorMode = ruleset.floor ?? 'same'): Floor {
  const gate = gateTable(GATE, mode === 'closed' ? 'closed' : 'management', ruleset)
  const lost: Problem[] = []
  const tables = ruleset.tables.map((table) => floorTable(table, lost))
  const all = [gate, ...tables]
  const names = all.map(({ family, name }) => ({ family, name }))
  if (mode === 'closed') return { ruleset: { tables: [gate] }, names, lost: [] }
  return { ruleset: { tables: mode === 'same' ? tables : all }, names, lost }
}

/** xtables drops a header that is cut short where it looks at it; to the kernel's connections such a packet is invalid. */
const CUT_SHORT: Rule = {
  comment: 'headers cut short',
  statements: [
    compare(ct('state'), 'in', { kind: 'value', value: BigInt(CtState.invalid) }),
    { kind: 'counter' },
    { kind: 'drop' },
  ],
}

function floorTable(table: Table, lost: Problem[]): Table {
  const windows = new FloorWindows(table)
  const isOfXtables = table.chains.some(({ rules }) =>
    rules.some(({ statements }) => statements.some(({ kind }) => kind === 'xtables')),
  )
  const chains = table.chains.map((chain) => ({
    ...chain,
    rules: [
      ...(isOfXtables && chain.base !== undefined ? [CUT_SHORT] : []),
      ...chain.rules.flatMap((rule) => {
        const { rules, lost: message } = floorRules(rule, table, windows)
        if (message !== undefined)
          lost.push({ message, ...(rule.position === undefined ? {} : { position: rule.position }) })
        return rules
      }),
    ],
  }))
  return {
    ...table,
    name: `${table.name}${SUFFIX}`,
    sets: [...table.sets, ...windows.sets],
    windows: [],
    chains,
  }
}
