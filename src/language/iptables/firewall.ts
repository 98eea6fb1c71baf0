import type { HookName } from '../../packet/packet.js'
import type { Chain, NamedSet, Position, Rule, Ruleset, Statement, Table } from '../../ruleset/model.js'
import type { IpFamily, KnownIpsets } from './extensions/extension.js'
import { membersOf, namedSet } from './ipset/named.js'
import type { Ipset, Ipsets } from './ipset/sets.js'

/** Tables and their built-in chains, in the order in which iptables prints them; priorities are the kernel's. */
export const TABLES: Readonly<Record<string, { priority: number; chains: readonly string[] }>> = {
  filter: { priority: 0, chains: ['INPUT', 'FORWARD', 'OUTPUT'] },
  mangle: { priority: -150, chains: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] },
  raw: { priority: -300, chains: ['PREROUTING', 'OUTPUT'] },
}

/** A rule, and how it is recognised when it is to be deleted. */
export interface HeldRule {
  readonly rule: Rule
  readonly key: string
}

export class ChainState {
  name: string
  /** Present on a built-in chain. */
  policy: 'accept' | 'drop' | undefined
  /** Of a built-in chain, where its policy was set. */
  position: Position
  rules: HeldRule[] = []

  constructor(name: string, policy: 'accept' | 'drop' | undefined, position: Position) {
    this.name = name
    this.policy = policy
    this.position = position
  }
}

export class TableState implements KnownIpsets {
  readonly family: IpFamily
  readonly name: string
  readonly position: Position
  readonly chains = new Map<string, ChainState>()
  readonly sets: Ipsets
  /** The ipsets that rules look into, with what the table calls them. */
  readonly #used = new Map<string, { ipset: Ipset; name: string }>()

  constructor(family: IpFamily, name: string, position: Position, sets: Ipsets) {
    this.family = family
    this.name = name
    this.position = position
    this.sets = sets
    for (const chain of TABLES[name]!.chains)
      this.chains.set(chain, new ChainState(chain, 'accept', position))
  }

  use(ipset: string): string {
    const used = this.#used.get(ipset)
    if (used !== undefined) return used.name
    let name = ipset.replaceAll(/[^\w.-]/g, '_').replace(/^(?=[^A-Za-z])/, 'set_')
    while ([...this.#used.values()].some((other) => other.name === name)) name += '_'
    this.#used.set(ipset, { ipset: this.sets.get(ipset)!, name })
    return name
  }

  /** The ipsets that rules look into, as they are now. */
  namedSets(): NamedSet[] {
    return [...this.#used].map(([ipset, { ipset: first, name }]) =>
      namedSet(name, membersOf(this.sets.get(ipset) ?? first, this.sets, this.family), this.family),
    )
  }

  /** The rules that lead to a chain. */
  *leadingTo(name: string): Generator<HeldRule> {
    for (const { rules } of this.chains.values())
      for (const held of rules) if (held.rule.statements.some((each) => leadsTo(each, name))) yield held
  }

  /** Gives a chain another name, in the rules that lead to it as well. */
  rename(chain: ChainState, name: string): void {
    const old = chain.name
    for (const each of this.chains.values()) {
      each.rules = each.rules.map(({ rule, key }) => {
        if (!rule.statements.some((statement) => leadsTo(statement, old))) return { rule, key }
        const statements = rule.statements.map((each) =>
          leadsTo(each, old) ? { ...each, target: name } : each,
        )
        return {
          rule: { ...rule, statements: statements as Statement[] },
          key: keyOf(statements as Statement[], rule.comment),
        }
      })
    }
    this.chains.delete(old)
    chain.name = name
    this.chains.set(name, chain)
  }
}

function leadsTo(statement: Statement, name: string): boolean {
  return (statement.kind === 'jump' || statement.kind === 'goto') && statement.target === name
}

/** Rules with the same key are the same to -D, whatever they have counted. */
export function keyOf(statements: readonly Statement[], comment: string | undefined): string {
  const told = statements.filter(({ kind }) => kind !== 'counter')
  return JSON.stringify([told, comment], (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
}

/** What commands have made so far: the tables of both families. */
export class Firewall {
  readonly #tables = new Map<string, TableState>()
  readonly ipsets: Ipsets

  /** `ipsets`: those that there are before any command. */
  constructor(ipsets: Ipsets = new Map()) {
    this.ipsets = ipsets
  }

  /** A table, which is there as soon as it is used. */
  table(family: IpFamily, name: string, position: Position): TableState {
    const key = `${family} ${name}`
    let table = this.#tables.get(key)
    if (table === undefined) {
      table = new TableState(family, name, position, this.ipsets)
      this.#tables.set(key, table)
    }
    return table
  }

  /** Empties a table, as a file that is restored does. */
  reset(family: IpFamily, name: string): void {
    this.#tables.delete(`${family} ${name}`)
  }

  /** The tables, without built-in chains that accept everything. */
  build(): Ruleset {
    return { tables: [...this.#tables.values()].map(build) }
  }
}

function build(table: TableState): Table {
  const { family, name, position, chains } = table
  const { priority } = TABLES[name]!
  const built = [...chains.values()].flatMap((chain): Chain[] => {
    const rules = chain.rules.map(({ rule }) => rule)
    const head = { name: chain.name, position: chain.position, rules }
    const { policy } = chain
    if (policy === undefined) return [head]
    if (rules.length === 0 && policy === 'accept') return []
    // A mark that is changed there can lead a packet another way.
    const type = name === 'mangle' && chain.name === 'OUTPUT' ? 'route' : 'filter'
    return [{ ...head, base: { type, hook: chain.name.toLowerCase() as HookName, priority, policy } }]
  })
  return { family, name, sets: table.namedSets(), windows: [], chains: built, position }
}
