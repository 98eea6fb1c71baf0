/** Rulesets as libnftables-json(5) has them, schema version 1; windows, which nft lacks, in the same manner. */
import type { Chain, NamedObject, NamedSet, Rule, Ruleset, Table } from '../../ruleset/model.js'
import { elementTypes } from '../../ruleset/types.js'
import type { Json } from './json.js'
import { writeExpression } from './write-expression.js'
import { writeBare, writeLimit } from './write-stateful.js'
import { writeElements, writeStatement } from './write-statement.js'

/** The JSON of a Ruleset, as an object that JSON.stringify takes. */
export function writeRuleset(ruleset: Ruleset): { nftables: Json[] } {
  return { nftables: [{ metainfo: { json_schema_version: 1 } }, ...ruleset.tables.flatMap(writeTable)] }
}

/** In the order of nft: the table, what its rules name, its chains, and then the rules. */
function writeTable(table: Table): Json[] {
  const { family, name, dormant, comment } = table
  const place = { family, table: name }
  return [
    { table: { family, name, ...(dormant ? { flags: ['dormant'] } : {}), ...optional({ comment }) } },
    ...(table.objects ?? []).map((object): Json => ({ [object.kind]: writeObject(object, place) })),
    ...table.windows.map((window): Json => ({ window: { ...place, ...window } })),
    ...table.sets.map((set) => writeSet(set, table)),
    ...table.chains.map((chain) => writeChain(chain, place)),
    ...table.chains.flatMap((chain) => chain.rules.map((rule) => writeRule(rule, chain, table))),
  ]
}

type Place = { readonly family: string; readonly table: string }

/** The properties that are there. */
function optional(properties: { readonly [key: string]: Json | undefined }): { [key: string]: Json } {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as {
    [key: string]: Json
  }
}

function writeChain({ name, base, comment }: Chain, { family, table }: Place): Json {
  const hook = base && { type: base.type, hook: base.hook, prio: base.priority, policy: base.policy }
  return { chain: { family, table, name, ...hook, ...optional({ comment }) } }
}

function writeRule({ statements, comment, handle }: Rule, chain: Chain, { family, name, sets }: Table): Json {
  const expr = statements.map((statement) => writeStatement(statement, sets))
  return { rule: { family, table: name, chain: chain.name, ...optional({ handle, comment }), expr } }
}

function writeSet(set: NamedSet, { family, name: table, sets }: Table): Json {
  const {
    name,
    type,
    map,
    comment,
    policy,
    size,
    flags,
    timeout,
    gcInterval,
    autoMerge,
    statements = [],
  } = set
  const parts = elementTypes(set, sets)
  const names = [type].flat().map((each) => (each.endsWith('integer') ? 'integer' : each))
  return {
    [map === undefined ? 'set' : 'map']: {
      family,
      name,
      table,
      type: names.length === 1 ? names[0]! : names,
      ...optional({
        map: map as Json | undefined,
        comment,
        policy: policy === 'performance' ? undefined : policy,
        size,
        flags: flags === undefined || flags.length === 0 ? undefined : flags,
        timeout: timeout === undefined ? undefined : Math.floor(timeout / 1000),
        'gc-interval': gcInterval === undefined ? undefined : Math.floor(gcInterval / 1000),
        'auto-merge': autoMerge,
        elem: set.elements.length === 0 ? undefined : writeElements(set, parts, sets),
        stmt: statements.length === 0 ? undefined : statements.map(writeBare),
      }),
      // Numbers have their size from the expression alone.
      ...(set.typeof !== undefined && parts.some(({ type }) => type.endsWith('integer'))
        ? { typeof: writeExpression(set.typeof, undefined) }
        : {}),
    },
  }
}

const UNITS = { bytes: 1, kbytes: 1024, mbytes: 1024 ** 2 } as const

function writeObject(object: NamedObject, { family, table }: Place): Json {
  const head = { family, name: object.name, table, ...optional({ comment: object.comment }) }
  switch (object.kind) {
    case 'counter':
      return { ...head, packets: Number(object.packets), bytes: Number(object.bytes) }
    case 'quota': {
      const used = (object.used ?? 0) * UNITS[object.usedUnit ?? 'bytes']
      return {
        ...head,
        bytes: object.amount * UNITS[object.unit],
        used,
        ...(object.over ? { inv: true } : {}),
      }
    }
    case 'limit':
      return { ...head, ...writeLimit(object) }
    case 'ct helper':
      return {
        ...head,
        type: object.type,
        protocol: object.protocol,
        ...optional({ l3proto: object.l3proto }),
      }
    case 'ct timeout':
      return {
        ...head,
        protocol: object.protocol,
        ...optional({ l3proto: object.l3proto }),
        policy: object.policy,
      }
    case 'ct expectation': {
      const { protocol, dport, timeout, size } = object
      return { ...head, protocol, dport, timeout, size, ...optional({ l3proto: object.l3proto }) }
    }
  }
}
