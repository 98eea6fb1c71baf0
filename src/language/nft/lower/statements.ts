/** Statements of rules. */

import { CT_KEYS, META_KEYS } from '../../../ruleset/keys.js'
import type {
  Expression,
  Log,
  LogFlag,
  ObjectKind,
  Queue,
  Reject,
  Statement,
} from '../../../ruleset/model.js'
import { elementTypes, partOf, typeOf } from '../../../ruleset/types.js'
import { readValue } from '../../../ruleset/values.js'
import { suggest } from '../../diagnostic.js'
import type { ExpressionNode, StatementNode } from '../ast.js'
import type { Context } from './context.js'
import {
  checkParts,
  lowerAny,
  lowerMap,
  lowerOperand,
  lowerValue,
  partsOf,
  unknownSet,
} from './expressions.js'
import { lowerMatch } from './matches.js'
import { count, lowerOptions, lowerStateful, lowerVerdict } from './stateful.js'

/** Words of nft's for what has another name. */
const SUBJECTS: Readonly<Record<string, string>> = {
  dnat: 'nat',
  snat: 'nat',
  masquerade: 'nat',
  redirect: 'nat',
}

/** Commands that ask for something and change nothing. */
const QUESTIONS: ReadonlySet<string> = new Set([
  'list',
  'monitor',
  'reset',
  'rename',
  'describe',
  'import',
  'export',
])

/** Why a word of nft's is refused. */
export function refusal(word: string): string {
  if (word === 'xt')
    return 'xt stands for a rule of iptables that nft cannot read: take such rules from iptables-save instead'
  if (QUESTIONS.has(word)) return `${word} is a command for the running kernel, and no part of a ruleset`
  return `${SUBJECTS[word] ?? word} belongs in the kernel's own ruleset: leave it there`
}

const LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug', 'audit']
const LEVEL_ALIASES: Readonly<Record<string, string>> = { panic: 'emerg', error: 'err', warning: 'warn' }
const MAXIMUM_PREFIX = 127
/** Elements of a meter that does not say how many. */
const METER_SIZE = 65_535

/** Throws Unusable, with the error reported, if the statement makes no sense. */
export function lowerStatement(node: StatementNode, context: Context): Statement {
  switch (node.kind) {
    case 'match':
      return lowerMatch(node, context)
    case 'verdict':
      return lowerVerdict(node, context)
    case 'refused':
      return context.fail(node, refusal(node.word))
    case 'counter':
    case 'limit':
    case 'quota':
    case 'connlimit':
      return lowerStateful(node, context)
    case 'use':
      return use(node, context)
    case 'log':
      return log(node, context)
    case 'reject':
      return reject(node, context)
    case 'queue':
      return queue(node, context)
    case 'notrack':
      return { kind: 'notrack' }
    case 'window': {
      const name = context.nameOf(node.name)
      const { windows } = context.table
      if (!windows.has(name))
        context.failUnknown(node.name, `there is no window ${name}`, name, windows.keys())
      return { kind: 'window', name }
    }
    case 'mangle':
      return mangle(node, context)
    case 'update':
      return update(node, context)
    case 'meter': {
      const key = lowerOperand(node.key, context)
      const size = node.size === null ? METER_SIZE : count(node, node.size, 2 ** 32 - 1, context)
      const { timeout } = lowerOptions(node.options, context)
      return {
        kind: 'meter',
        name: context.nameOf(node.name),
        size,
        key,
        ...(timeout === undefined ? {} : { timeout }),
        statement: lowerStateful(node.statement, context),
      }
    }
  }
}

function use(node: Extract<StatementNode, { kind: 'use' }>, context: Context): Statement {
  const object = node.object as ObjectKind
  const { node: name, context: inside } = context.resolve(node.name)
  if (name.kind === 'map') return { kind: 'object', object, name: lowerMap(name, 'object', inside) }
  if (name.kind !== 'word') return context.fail(node.name, `the name of a ${object} is expected here`)
  const key = `${object} ${name.text}`
  const { objects } = context.table
  if (!objects.has(key)) {
    const names = [...objects.values()].filter(({ kind }) => kind === object).map(({ name }) => name)
    return context.failUnknown(
      name,
      `there is no ${object} ${name.text} in table ${context.family} ${context.table.name}`,
      name.text,
      names,
    )
  }
  return { kind: 'object', object, name: name.text }
}

function log(node: Extract<StatementNode, { kind: 'log' }>, context: Context): Log {
  const out: { -readonly [K in keyof Log]: Log[K] } = { kind: 'log' }
  const flags = new Set<LogFlag>()
  for (const option of node.options) {
    switch (option.key) {
      case 'prefix':
        out.prefix = context.nameOf(option.value!)
        if (out.prefix.length > MAXIMUM_PREFIX)
          context.fail(node, `a log prefix has at most ${MAXIMUM_PREFIX} letters`)
        break
      case 'level': {
        const written = context.nameOf(option.value!)
        const level = LEVEL_ALIASES[written] ?? written
        if (!LEVELS.includes(level))
          context.failUnknown(option.value!, `there is no log level ${level}`, level, LEVELS)
        out.level = level
        break
      }
      case 'group':
        out.group = count(node, option.number!, 65_535, context)
        break
      case 'snaplen':
        out.snaplen = count(node, option.number!, 2 ** 32 - 1, context)
        break
      case 'queue-threshold':
        out.queueThreshold = count(node, option.number!, 65_535, context)
        break
      case 'flags':
        for (const flag of option.flags!) flags.add(flag as LogFlag)
    }
  }
  const toGroup = out.group !== undefined
  if (toGroup && (out.level !== undefined || flags.size > 0))
    context.fail(node, 'level and flags do not go with a group')
  if (!toGroup && (out.snaplen !== undefined || out.queueThreshold !== undefined))
    context.fail(node, 'snaplen and queue-threshold need a group')
  if (out.level === 'audit' && (out.prefix !== undefined || flags.size > 0))
    context.fail(node, 'level audit goes with nothing else')
  // nft does not list what is so anyway.
  if (out.level === 'warn') delete out.level
  if (flags.size > 0) out.flags = listFlags(flags)
  return out
}

const LOG_FLAGS: readonly LogFlag[] = ['tcp sequence', 'tcp options', 'ip options', 'skuid', 'ether']

function listFlags(flags: ReadonlySet<LogFlag>): readonly LogFlag[] {
  const listed = LOG_FLAGS.filter((flag) => flags.has(flag))
  return flags.has('all') || listed.length === LOG_FLAGS.length ? ['all'] : listed
}

const REJECT_CODES = { icmp: 'icmp_code', icmpv6: 'icmpv6_code', icmpx: 'icmpx_code' } as const
/** The codes of a reject that names none: port unreachable. */
const DEFAULT_CODES = { icmp: 3, icmpv6: 4, icmpx: 1 } as const

function reject(node: Extract<StatementNode, { kind: 'reject' }>, context: Context): Reject {
  if (node.type === 'tcp reset') return { kind: 'reject', type: 'tcp reset' }
  const family = context.guessedFamily
  const type = node.type ?? (family === 'ip' ? 'icmp' : family === 'ip6' ? 'icmpv6' : 'icmpx')
  const contradicts = (type === 'icmp' && family === 'ip6') || (type === 'icmpv6' && family === 'ip')
  if (contradicts) context.fail(node, `${type} is not what a packet of family ${family} is answered with`)
  if (node.code === undefined) return { kind: 'reject', type, code: DEFAULT_CODES[type] }
  const text = context.nameOf(node.code)
  const read = readValue(text, REJECT_CODES[type])
  if ('value' in read) return { kind: 'reject', type, code: Number(read.value) }
  const near = suggest(text, read.near ?? [])
  return context.fail(node.code, read.error, near === undefined ? undefined : `did you mean ${near}?`)
}

const MAXIMUM_QUEUE = 65_535n

function queue(node: Extract<StatementNode, { kind: 'queue' }>, context: Context): Queue {
  const flags = new Set(node.options.flatMap(({ flags }) => flags ?? []))
  const targets = node.options.flatMap(({ target }) => target ?? [])
  if (targets.length > 1) context.fail(node, 'there are two targets')
  const listed = (['bypass', 'fanout'] as const).filter((flag) => flags.has(flag))
  const [target] = targets
  if (target === undefined) return { kind: 'queue', flags: listed }
  const lowered = lowerValue(target, { type: 'integer', bits: 16 }, context)
  const most =
    lowered.kind === 'numgen' || lowered.kind === 'hash' ? BigInt(lowered.modulus + lowered.offset - 1) : 0n
  if (most > MAXIMUM_QUEUE) context.fail(target, `queues have numbers of at most ${MAXIMUM_QUEUE}`)
  if (lowered.kind === 'meta') context.fail(target, 'queues have numbers, and no interfaces')
  return { kind: 'queue', target: lowered, flags: listed }
}

function mangle(node: Extract<StatementNode, { kind: 'mangle' }>, context: Context): Statement {
  const key = lowerAny(node.key, context)
  const keys = key.kind === 'meta' ? META_KEYS : CT_KEYS
  const name = key.kind === 'meta' || key.kind === 'ct' ? key.key : ''
  if (!keys[name]?.writable) context.fail(node.key, `${key.kind} ${name} cannot be set`)
  const [part] = typeOf(key)!
  const bits = name === 'event' && isSet(node.value)
  if (bits) context.fail(node.value, 'events are written with commas, without braces')
  return { kind: 'mangle', key, value: lowerValue(node.value, part!, context) }
}

function isSet(node: ExpressionNode): boolean {
  return node.kind === 'set'
}

function update(node: Extract<StatementNode, { kind: 'update' }>, context: Context): Statement {
  const set = context.nameOf(node.set)
  const spec = context.table.sets.get(set)?.spec
  if (spec === undefined) return unknownSet(node.set, set, 'set', context)
  const element: Expression = lowerOperand(node.key, context)
  checkParts(
    node.key,
    set,
    elementTypes({ ...spec, elements: [] }),
    partsOf(node.key, element, context),
    context,
  )
  const { timeout } = lowerOptions(node.options, context)
  const statements = node.statements.map((statement) => lowerStateful(statement, context))
  if ((node.data !== null) !== (spec.map !== undefined))
    context.fail(
      node,
      spec.map === undefined
        ? `${set} is a set: its elements lead nowhere`
        : `${set} is a map: say what the element leads to`,
    )
  const dataType = [spec.map].flat()[0] as Parameters<typeof partOf>[0]
  return {
    kind: 'set',
    operation: node.operation,
    set,
    element,
    ...(timeout === undefined ? {} : { timeout }),
    ...(statements.length === 0 ? {} : { statements }),
    ...(node.data === null ? {} : { data: lowerValue(node.data, partOf(dataType), context) }),
  }
}
