/** Named sets and maps, and commands about their elements. */
import { DATATYPES, type DataType, isDataType } from '../../../ruleset/datatypes.js'
import { keyOf } from '../../../ruleset/elements.js'
import type { Element, MapData, NamedSet, ObjectKind, SetFlag, Stateful } from '../../../ruleset/model.js'
import { dataTypes, elementTypes, typeOf } from '../../../ruleset/types.js'
import { attempt, type Reports } from '../../reports.js'
import type { ExpressionNode, LineNode, SetNode, Verb, WordNode } from '../ast.js'
import { SetBuilder, type TableBuilder } from './builder.js'
import type { Context } from './context.js'
import { lowerOperand, unknownSet } from './expressions.js'
import { type DataKind, type ElementRules, orderElements, readElements } from './sets.js'
import { count, lowerStateful, milliseconds } from './stateful.js'

type SetLineNode = Extract<LineNode, { kind: 'named set' }>
type ElementsNode = Extract<LineNode, { kind: 'add elements' }>
type Draft = { -readonly [K in keyof Omit<NamedSet, 'elements'>]?: NamedSet[K] }

const FLAGS: readonly SetFlag[] = ['constant', 'interval', 'timeout', 'dynamic']
const OBJECTS: readonly string[] = ['counter', 'quota', 'limit', 'ct helper', 'ct timeout', 'ct expectation']

/** Where the elements of a set were last named, so that an error about them has a place. */
const origins = new WeakMap<SetBuilder, { node: SetNode; context: Context }>()

export function changeSet(verb: Verb, node: SetLineNode, context: Context): void {
  const name = context.nameOf(node.path.name!)
  const { sets } = context.table
  const known = sets.get(name)
  switch (verb) {
    case 'flush':
      if (known === undefined) unknownSet(node as unknown as ExpressionNode, name, 'set', context)
      known.elements = []
      return
    case 'delete':
    case 'destroy':
      if (!sets.delete(name) && verb === 'delete')
        unknownSet(node as unknown as ExpressionNode, name, 'set', context)
      return
    case 'create':
      if (known !== undefined) context.fail(node, `there is a set ${name} already`)
      break
    case 'add':
      break
    default:
      context.fail(node, `${verb} does not go with a set`)
  }
  const lines = node.body ?? []
  const spec = lowerSpec(name, node, lines, context)
  if (known !== undefined && String(known.spec.type) !== String(spec.type))
    context.fail(
      node,
      `set ${name} holds ${[known.spec.type].flat().join(' . ')} already, not ${[spec.type].flat().join(' . ')}`,
    )
  const set = known ?? new SetBuilder(spec)
  sets.set(name, set)
  for (const line of lines) if (line.kind === 'elements') addElements(set, line.elements, context)
}

function lowerSpec(
  name: string,
  node: SetLineNode,
  lines: readonly LineNode[],
  context: Context,
): Omit<NamedSet, 'elements'> {
  const draft: Draft = { name }
  const statements: Stateful[] = []
  for (const line of lines) attempt(() => lowerLine(line, draft, statements, node.map, context))
  if (draft.type === undefined) {
    const article = node.map ? 'map' : 'set'
    return context.fail(
      node,
      `${article} ${name} needs a type`,
      `such as type ipv4_addr${node.map ? ' : verdict' : ''}`,
    )
  }
  if (node.map !== (draft.map !== undefined))
    context.fail(
      node,
      node.map
        ? `map ${name} leads nowhere: its type needs a colon and what it leads to`
        : `${name} leads somewhere: it is a map`,
    )
  return {
    name,
    type: draft.type,
    ...draft,
    ...(statements.length === 0 ? {} : { statements }),
    position: context.position(node),
  }
}

function lowerLine(
  line: LineNode,
  draft: Draft,
  statements: unknown[],
  map: boolean,
  context: Context,
): void {
  switch (line.kind) {
    case 'type':
      draft.type = typesOf(line.types, context)
      if (line.data !== null)
        draft.map =
          'object' in line.data ? (line.data.object as ObjectKind) : dataOf(line.data.types, context)
      return
    case 'typeof': {
      draft.typeof = lowerOperand(line.key, context)
      draft.type = single(
        typeOf(draft.typeof)?.map(({ type }) => type) ?? context.fail(line.key, 'this has no type'),
      )
      if (line.data === null) return
      if ('object' in line.data) draft.map = line.data.object as ObjectKind
      else if ('types' in line.data) draft.map = dataOf(line.data.types, context)
      else {
        draft.typeofMap = lowerOperand(line.data, context)
        draft.map = single(
          typeOf(draft.typeofMap)?.map(({ type }) => type) ?? context.fail(line.data, 'this has no type'),
        )
      }
      return
    }
    case 'flags': {
      const flags = line.flags.map((word) => {
        const flag = FLAGS.find((flag) => flag === word.text)
        return flag ?? context.failUnknown(word, `sets have no flag ${word.text}`, word.text, FLAGS)
      })
      draft.flags = FLAGS.filter((flag) => flags.includes(flag))
      return
    }
    case 'duration':
      draft[line.key === 'timeout' ? 'timeout' : 'gcInterval'] = milliseconds(line.value, context)
      return
    case 'size': {
      const size = typeof line.size === 'string' ? line.size : context.nameOf(line.size)
      draft.size = count(line, size, 2 ** 32 - 1, context)
      return
    }
    case 'policy': {
      const policy = context.nameOf(line.policy)
      if (policy !== 'performance' && policy !== 'memory')
        context.failUnknown(line, `${policy} is no policy of sets`, policy, ['performance', 'memory'])
      draft.policy = policy
      return
    }
    case 'auto-merge':
      if (map) context.fail(line, 'maps have no auto-merge')
      draft.autoMerge = true
      return
    case 'comment':
      draft.comment = line.text
      return
    case 'statement':
      statements.push(lowerStateful(line.statement, context))
      return
  }
}

function single<T>(list: readonly T[]): T | readonly T[] {
  return list.length === 1 ? list[0]! : list
}

function typesOf(words: readonly WordNode[], context: Context): DataType | readonly DataType[] {
  return single(
    words.map((word) => {
      if (word.text === 'verdict')
        return context.fail(word, 'verdicts are what maps lead to: they cannot be looked up')
      if (isDataType(word.text) && !word.text.endsWith('integer')) return word.text
      if (word.text === 'integer')
        return context.fail(word, 'integer has no size', 'write typeof and an expression instead')
      return context.failUnknown(word, `there is no datatype ${word.text}`, word.text, Object.keys(DATATYPES))
    }),
  )
}

function dataOf(words: readonly WordNode[], context: Context): MapData {
  return words.length === 1 && words[0]!.text === 'verdict' ? 'verdict' : typesOf(words, context)
}

/** How the elements of a named set are to be read. */
function rulesOf(set: SetBuilder, table: TableBuilder): ElementRules {
  const named: NamedSet = { ...set.spec, elements: [] }
  const sets = [...table.sets.values()].map((other): NamedSet => ({ ...other.spec, elements: [] }))
  const { map, flags = [], autoMerge } = set.spec
  const data: DataKind | undefined =
    map === undefined
      ? undefined
      : map === 'verdict'
        ? 'verdict'
        : OBJECTS.includes(String(map))
          ? 'object'
          : dataTypes(named, sets)!
  return {
    parts: elementTypes(named, sets),
    ...(data === undefined ? {} : { data }),
    anonymous: false,
    interval: flags.includes('interval'),
    ...(autoMerge === undefined ? {} : { autoMerge }),
  }
}

/** The braces that a node is, or that its variable holds. */
function bracesOf(node: ExpressionNode, context: Context): { node: SetNode; context: Context } {
  const { node: resolved, context: inside } = context.resolve(node)
  return resolved.kind === 'set'
    ? { node: resolved, context: inside }
    : inside.fail(resolved, 'elements are written in braces')
}

function addElements(set: SetBuilder, node: ExpressionNode, context: Context): void {
  const { node: resolved, context: inside } = bracesOf(node, context)
  const added = readElements(resolved, rulesOf(set, context.table), inside)
  for (const element of added) set.elements.push(element)
  set.changed = true
  origins.set(set, { node: resolved, context: inside })
}

export function changeElements(verb: Verb, node: ElementsNode, context: Context): void {
  const name = context.nameOf(node.path.name!)
  const set = context.table.sets.get(name)
  if (set === undefined) {
    if (verb === 'destroy') return
    unknownSet(node as unknown as ExpressionNode, name, 'set', context)
  }
  if (verb === 'create') refuseHeld(set, node, context)
  if (verb === 'add' || verb === 'create') {
    addElements(set, node.elements, context)
    return
  }
  if (verb !== 'delete' && verb !== 'destroy') context.fail(node, `${verb} does not go with elements`)
  const { node: resolved, context: inside } = bracesOf(node.elements, context)
  const { data: _, ...rules } = rulesOf(set, context.table)
  const keys = new Set(readElements(resolved, rules, inside).map((element) => keyText(element)))
  const left = set.elements.filter((element) => !keys.delete(keyText(element)))
  if (keys.size > 0 && verb === 'delete')
    context.fail(
      node.elements,
      `set ${name} does not hold ${keys.size === 1 ? 'this element' : `${keys.size} of these elements`}`,
    )
  set.elements = left
}

/** Unlike `add`, `create` takes no element that the set holds already. */
function refuseHeld(set: SetBuilder, node: ElementsNode, context: Context): void {
  const { node: resolved, context: inside } = bracesOf(node.elements, context)
  const held = new Set(set.elements.map(keyText))
  const created = readElements(resolved, rulesOf(set, context.table), inside)
  if (created.some((element) => held.has(keyText(element))))
    context.fail(
      node.elements,
      `set ${context.nameOf(node.path.name!)} holds one of these elements already`,
      'add takes it once more',
    )
}

function keyText(element: Element): string {
  return JSON.stringify(keyOf(element), (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
}

/** Puts the elements that a transaction added into order, and reports those that clash. */
export function finishSets(table: TableBuilder, reports: Reports): void {
  for (const set of table.sets.values()) {
    if (!set.changed || reports.full) continue
    const { node, context } = origins.get(set)!
    attempt(() => {
      set.elements = orderElements(set.elements, rulesOf(set, table), node, context)
    })
    set.changed = false
  }
}
