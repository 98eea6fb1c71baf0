/**
 * What of the model can be decided, by what the source of packets can tell. Everything else is named, with its place,
 * before a packet is judged: nothing is skipped.
 */
import type { Problem } from '../ruleset/check.js'
import { keyOf } from '../ruleset/elements.js'
import type {
  Element,
  Expression,
  Mangle,
  MapLookup,
  NamedSet,
  ObjectReference,
  Position,
  Ruleset,
  Selector,
  Statement,
  Table,
} from '../ruleset/model.js'
import { isSelector, selectorInfo, selectorsOf, selectorText } from '../ruleset/selectors.js'
import { elementTypes } from '../ruleset/types.js'
import { xtablesModule } from '../ruleset/xtables.js'
import type { Supply } from './environment.js'
import { MAXIMUM_BOXES } from './state/sets/boxes.js'
import { boundsOfKey, isInterval, targetsOf } from './steps/elements.js'
import { SETTABLE } from './steps/mangle.js'
import { xtablesNeeds } from './xtables/step.js'

/** Why something cannot be decided. */
const NEEDS: Readonly<Record<Supply, string>> = {
  'ct state': 'the source of packets does not know the state of connections',
  ct: 'the source of packets does not track connections',
  clock: 'the source of packets does not know the time of day',
  socket: 'the source of packets does not know whose socket a packet is of',
  interfaces: 'the source of packets does not know interfaces',
  addresses: 'the source of packets does not know which addresses are the host’s own',
  'packet type': 'the source of packets does not know how the link layer addressed them',
  priority: 'the source of packets does not know their priorities',
}
const LINK_LAYER = 'packets come without their link layer'
const HOST = 'it takes more of the host than packets tell'
const CHANGES = 'Portcullis does not change packets, other than their marks'

const META: Readonly<Record<string, Supply | 'packet'>> = {
  length: 'packet',
  protocol: 'packet',
  nfproto: 'packet',
  l4proto: 'packet',
  mark: 'packet',
  nftrace: 'packet',
  random: 'packet',
  priority: 'priority',
  pkttype: 'packet type',
  iif: 'interfaces',
  oif: 'interfaces',
  iifname: 'interfaces',
  oifname: 'interfaces',
  skuid: 'socket',
  skgid: 'socket',
  time: 'clock',
  day: 'clock',
  hour: 'clock',
}

const UNDECIDABLE_CT: ReadonlySet<string> = new Set(['helper', 'event', 'count', 'id'])
const SETTABLE_CT: ReadonlySet<string> = new Set(['mark', 'label', 'event'])
const STATEFUL_OBJECTS: ReadonlySet<string> = new Set(['counter', 'limit', 'quota'])

/** What of a ruleset cannot be decided; supplies: what the source of packets tells, all of it if that is not said. */
export function evaluable(ruleset: Ruleset, supplies?: ReadonlySet<Supply>): Problem[] {
  const check = new Check(supplies)
  return ruleset.tables.flatMap((table) => [...check.table(table)])
}

class Check {
  readonly #supplies: ReadonlySet<Supply> | undefined

  constructor(supplies: ReadonlySet<Supply> | undefined) {
    this.#supplies = supplies
  }

  *table(table: Table): Generator<Problem> {
    const used = new Set<string>()
    for (const { rules } of table.chains) {
      for (const rule of rules) {
        for (const statement of rule.statements) {
          for (const message of this.#statement(statement, table)) yield at(rule, message)
          for (const name of setsOf(statement)) used.add(name)
        }
      }
    }
    for (const set of table.sets) {
      if (!used.has(set.name)) continue
      for (const message of this.#set(set, table)) yield at(set, message)
    }
  }

  *#statement(statement: Statement, table: Table): Generator<string> {
    switch (statement.kind) {
      case 'match':
        yield* this.#expression(statement.left)
        yield* this.#expression(statement.right)
        return
      case 'vmap':
        yield* this.#expression(statement.key)
        return
      case 'mangle':
        yield* this.#mangle(statement)
        yield* this.#expression(statement.value)
        return
      case 'set':
        yield* this.#expression(statement.element)
        if (statement.data !== undefined) yield* this.#expression(statement.data)
        for (const each of statement.statements ?? []) yield* this.#statement(each, table)
        if (statement.operation !== 'delete') yield* addable(statement.set, table)
        return
      case 'meter':
        yield* this.#expression(statement.key)
        yield* this.#statement(statement.statement, table)
        return
      case 'ct count':
        yield* this.#supplied('ct count', 'ct')
        return
      case 'object':
        if (!STATEFUL_OBJECTS.has(statement.object)) yield undecidable(statement.object, HOST)
        else {
          if (typeof statement.name !== 'string') yield* this.#expression(statement.name)
          yield* missingObjects(statement, table)
        }
        return
      case 'xtables': {
        const needs = xtablesNeeds(statement)
        const text = `-m ${xtablesModule(statement)}`
        if ('needs' in needs) yield undecidable(text, `it takes ${needs.needs}`)
        else for (const supply of needs) yield* this.#supplied(text, supply)
        return
      }
      case 'xtables target':
        yield undecidable(`-j ${statement.target}`, CHANGES)
        return
      case 'queue':
        yield undecidable('queue', 'what another program does with the packet is not known')
    }
  }

  *#mangle({ key }: Mangle): Generator<string> {
    const text = `setting ${selectorText(key)}`
    if (key.kind === 'ct') {
      if (!SETTABLE_CT.has(key.key)) yield undecidable(text, HOST)
      else yield* this.#supplied(text, 'ct')
    } else if (key.kind !== 'meta' || !SETTABLE.has(key.key)) yield undecidable(text, CHANGES)
  }

  *#expression(expression: Expression): Generator<string> {
    for (const selector of selectorsOf(expression)) yield* this.#selector(selector)
  }

  *#selector(selector: Selector): Generator<string> {
    const text = selectorText(selector)
    switch (selector.kind) {
      case 'payload':
        if (selectorInfo(selector)?.field?.base === 'll') yield undecidable(text, LINK_LAYER)
        return
      case 'raw':
        if (selector.base === 'll') yield undecidable(text, LINK_LAYER)
        else if (selector.length > 128) yield undecidable(text, 'it is of more than 128 bits')
        return
      case 'meta': {
        const needed = META[selector.key]
        if (needed === undefined) yield undecidable(text, HOST)
        else if (needed !== 'packet') yield* this.#supplied(text, needed)
        return
      }
      case 'ct':
        if (UNDECIDABLE_CT.has(selector.key)) yield undecidable(text, HOST)
        else yield* this.#supplied(text, selector.key === 'state' ? 'ct state' : 'ct')
        return
      case 'fib':
        if (selector.result !== 'type' || selector.exists) yield undecidable(text, 'routes are not known')
        else yield* this.#supplied(text, 'addresses')
        return
      case 'hash':
        if (selector.of === undefined)
          yield undecidable(text, 'the kernel hashes flows with a secret of its own')
        else yield* this.#expression(selector.of)
        return
      case 'rt':
      case 'socket':
      case 'osf':
      case 'ipsec':
        yield undecidable(text, HOST)
    }
  }

  *#supplied(text: string, supply: Supply): Generator<string> {
    if (this.#supplies !== undefined && !this.#supplies.has(supply)) yield undecidable(text, NEEDS[supply])
  }

  *#set(set: NamedSet, table: Table): Generator<string> {
    const types = elementTypes(set, table.sets)
    for (const each of set.statements ?? []) yield* this.#statement(each, table)
    if (types.length === 1) return
    const boxes = set.elements.filter((element) => isInterval(boundsOfKey(keyOf(element), types)))
    if (boxes.length > 0 && set.elements.length > MAXIMUM_BOXES)
      yield `set ${set.name} has ${set.elements.length} concatenations with intervals: ${MAXIMUM_BOXES} is the most`
  }
}

/** Names of objects that a statement leads to and that the table does not have. */
function* missingObjects({ object, name }: ObjectReference, table: Table): Generator<string> {
  const names =
    typeof name === 'string' ? [name] : name.kind === 'map' ? targetsOf(elementsIn(name, table)) : []
  for (const each of names) {
    const isThere = table.objects?.some((one) => one.kind === object && one.name === each)
    if (!isThere) yield `there is no ${object} ${String(each)}`
  }
}

function elementsIn({ map }: MapLookup, table: Table): readonly Element[] {
  if (map.kind === 'anonymous map') return map.elements
  return table.sets.find(({ name }) => name === map.name)?.elements ?? []
}

function undecidable(what: string, why: string): string {
  return `${what} cannot be decided: ${why}`
}

function at({ position }: { readonly position?: Position }, message: string): Problem {
  return position === undefined ? { message } : { message, position }
}

/** Packets add single keys only: the kernel's sets of intervals do not take them. */
function* addable(name: string, table: Table): Generator<string> {
  const set = table.sets.find((each) => each.name === name)
  if (set?.flags?.includes('interval'))
    yield `set ${name} holds intervals: packets cannot put elements into it`
}

/** The named sets that a statement uses. */
function* setsOf(statement: Statement): Generator<string> {
  if (statement.kind === 'match') {
    if (statement.right.kind === 'reference') yield statement.right.name
    yield* mapsOf(statement.left)
  } else if (statement.kind === 'vmap') {
    if (statement.map.kind === 'reference') yield statement.map.name
  } else if (statement.kind === 'set') yield statement.set
  else if (statement.kind === 'mangle') yield* mapsOf(statement.value)
  else if (statement.kind === 'object' && typeof statement.name !== 'string') yield* mapsOf(statement.name)
}

function* mapsOf(expression: Expression): Generator<string> {
  if (isSelector(expression)) return
  if (expression.kind === 'map') {
    if (expression.map.kind === 'reference') yield expression.map.name
    yield* mapsOf(expression.key)
  } else if (expression.kind === 'binary') {
    yield* mapsOf(expression.left)
    yield* mapsOf(expression.right)
  } else if (expression.kind === 'concat') for (const part of expression.parts) yield* mapsOf(part)
}
