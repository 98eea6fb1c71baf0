/** Named objects and windows. */
import { MAXIMUM_STAMPS } from '../../../ruleset/check.js'
import type { NamedObject, ObjectKind, Window } from '../../../ruleset/model.js'
import type { LineNode, NameNode, Verb } from '../ast.js'
import type { Context } from './context.js'
import { count, lowerLimit, lowerQuota, milliseconds } from './stateful.js'

type ObjectNode = Extract<LineNode, { kind: 'object' }>
type WindowNode = Extract<LineNode, { kind: 'window object' }>

export function changeObject(verb: Verb, node: ObjectNode, context: Context): void {
  const kind = node.object as ObjectKind
  const name = context.nameOf(node.path.name!)
  const key = `${kind} ${name}`
  const { objects } = context.table
  switch (verb) {
    case 'create':
      if (objects.has(key)) context.fail(node, `there is a ${key} already`)
      break
    case 'add':
      break
    case 'delete':
    case 'destroy':
      if (!objects.delete(key) && verb === 'delete') context.fail(node, `there is no ${key}`)
      return
    default:
      context.fail(node, `${verb} does not go with a ${kind}`)
  }
  objects.set(key, lowerObject(kind, name, node, context))
}

function lowerObject(kind: ObjectKind, name: string, node: ObjectNode, context: Context): NamedObject {
  const lines = node.body ?? []
  const find = <K extends LineNode['kind']>(wanted: K) =>
    lines.find((line): line is Extract<LineNode, { kind: K }> => line.kind === wanted)
  const comment = find('comment')
  const base = {
    name,
    position: context.position(node),
    ...(comment === undefined ? {} : { comment: comment.text }),
  }
  switch (kind) {
    case 'counter': {
      const counts = find('counts')
      return { kind, packets: BigInt(counts?.packets ?? 0), bytes: BigInt(counts?.bytes ?? 0), ...base }
    }
    case 'quota': {
      const quota = find('quota') ?? context.fail(node, `quota ${name} needs an amount such as 25 mbytes`)
      return { kind, ...lowerQuota(quota, context), ...base }
    }
    case 'limit': {
      const limit = find('limit') ?? context.fail(node, `limit ${name} needs a rate such as rate 10/second`)
      return { kind, ...lowerLimit(limit, context), ...base }
    }
    default:
      return lowerCtObject(kind, node, base, context)
  }
}

function lowerCtObject(
  kind: 'ct helper' | 'ct timeout' | 'ct expectation',
  node: ObjectNode,
  base: { name: string; comment?: string },
  context: Context,
): NamedObject {
  const lines = node.body ?? []
  const option = (key: string) =>
    lines.find(
      (line): line is Extract<LineNode, { kind: 'option' }> => line.kind === 'option' && line.key === key,
    )
  const helper = lines.find((line): line is Extract<LineNode, { kind: 'helper' }> => line.kind === 'helper')
  const l3 = option('l3proto')?.value
  const l3proto = l3 === undefined ? {} : { l3proto: oneOf(l3, ['ip', 'ip6'] as const, context) }
  if (kind === 'ct helper') {
    if (helper === undefined)
      return context.fail(
        node,
        `ct helper ${base.name} needs a type and a protocol`,
        'such as type "ftp" protocol tcp',
      )
    return {
      kind,
      type: helper.type.text,
      protocol: oneOf(helper.protocol, ['tcp', 'udp'] as const, context),
      ...l3proto,
      ...base,
    }
  }
  const word = option('protocol')?.value ?? context.fail(node, `${kind} ${base.name} needs a protocol`)
  const protocol = oneOf(word, ['tcp', 'udp'] as const, context)
  if (kind === 'ct timeout') {
    const pairs =
      lines.find((line): line is Extract<LineNode, { kind: 'timeouts' }> => line.kind === 'timeouts')
        ?.pairs ?? []
    const policy = Object.fromEntries(
      pairs.map(({ state, value }) => [state.text, Math.floor(milliseconds(value, context) / 1000)]),
    )
    return { kind, protocol, ...l3proto, policy, ...base }
  }
  const number = (key: string, most: number) =>
    count(
      node,
      option(key)?.number ?? context.fail(node, `ct expectation ${base.name} needs ${key}`),
      most,
      context,
    )
  const timeout =
    option('timeout')?.value ?? context.fail(node, `ct expectation ${base.name} needs a timeout`)
  return {
    kind,
    protocol,
    dport: number('dport', 65_535),
    timeout: milliseconds(timeout, context),
    size: number('size', 255),
    ...l3proto,
    ...base,
  }
}

function oneOf<T extends string>(node: NameNode, known: readonly T[], context: Context): T {
  const text = context.nameOf(node)
  return (
    known.find((word) => word === text) ??
    context.failUnknown(node, `${text} is not ${known.join(' or ')}`, text, known)
  )
}

const MAXIMUM_SOURCES = 2 ** 26

export function changeWindow(verb: Verb, node: WindowNode, context: Context): void {
  const name = context.nameOf(node.path.name!)
  const { windows } = context.table
  if (verb === 'delete' || verb === 'destroy') {
    if (!windows.delete(name) && verb === 'delete') context.fail(node, `there is no window ${name}`)
    return
  }
  if (verb !== 'add' && verb !== 'create') context.fail(node, `${verb} does not go with a window`)
  if (verb === 'create' && windows.has(name)) context.fail(node, `there is a window ${name} already`)
  windows.set(name, lowerWindow(name, node, context))
}

function lowerWindow(name: string, node: WindowNode, context: Context): Window {
  const lines = node.body ?? []
  const rate = lines.find((line): line is Extract<LineNode, { kind: 'rate' }> => line.kind === 'rate')
  const source = lines.find((line): line is Extract<LineNode, { kind: 'source' }> => line.kind === 'source')
  const size = lines.find((line): line is Extract<LineNode, { kind: 'size' }> => line.kind === 'size')
  if (rate === undefined) return context.fail(node, `window ${name} needs a rate such as rate 20 per 60s`)
  const window = {
    name,
    rate: count(rate, rate.rate, MAXIMUM_STAMPS, context),
    per: milliseconds(rate.per, context),
    strict: rate.strict,
    size: size === undefined ? 65_536 : count(size, String(size.size), MAXIMUM_SOURCES, context),
    prefix4: source === undefined ? 32 : count(source, source.prefix4, 32, context),
    prefix6: source === undefined ? 64 : count(source, source.prefix6, 128, context),
  }
  if (window.rate === 0 || window.per === 0 || window.size === 0)
    context.fail(node, 'rate, span and size of a window are at least 1')
  return window
}
