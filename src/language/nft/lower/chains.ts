/** Chains: what hooks them, and the rules in them. */
import type { HookName } from '../../../packet/packet.js'
import type { BaseChain } from '../../../ruleset/model.js'
import { HOOKS, MORE_PRIORITIES, PRIORITIES } from '../../../ruleset/priorities.js'
import { attempt, type Reports } from '../../reports.js'
import type { LineNode, NameNode, Span, Verb } from '../ast.js'
import { ChainBuilder, type TableBuilder } from './builder.js'
import { Context, type Placed } from './context.js'
import { lowerRule } from './rules.js'

type ChainNode = Extract<LineNode, { kind: 'chain' }>
type HookNode = Extract<LineNode, { kind: 'hook' }>

/** A chain without its rules, new or known. */
export function declareChain(node: ChainNode, body: readonly Placed[], context: Context): ChainBuilder {
  const name = context.nameOf(node.path.name!)
  const { chains } = context.table
  const chain = chains.get(name) ?? new ChainBuilder(name, context.position(node))
  chains.set(name, chain)
  for (const { line, source, scope } of body) {
    const inside = new Context(source, scope, context.reports, context.table)
    attempt(() => declare(chain, line, inside))
  }
  return chain
}

function declare(chain: ChainBuilder, line: LineNode, context: Context): void {
  switch (line.kind) {
    case 'hook': {
      const base = lowerHook(line, context)
      const { base: known } = chain
      if (
        known !== undefined &&
        (known.hook !== base.hook || known.type !== base.type || known.priority !== base.priority)
      )
        context.fail(line, `chain ${chain.name} has another hook already`)
      chain.base = { ...base, policy: line.policy === null ? (known?.policy ?? 'accept') : base.policy }
      return
    }
    case 'policy':
      if (chain.base === undefined)
        context.fail(line, 'only a base chain has a policy: first say type and hook')
      chain.base = { ...chain.base, policy: policyOf(line.policy, context) }
      return
    case 'comment':
      chain.comment = line.text
      return
    case 'flags':
      context.fail(line, 'flags of chains (offload) belong to devices: leave such a chain to the kernel')
  }
}

/** Adds the rules of a chain's block. */
export function fillChain(
  chain: ChainBuilder,
  body: readonly Placed[],
  table: TableBuilder,
  reports: Reports,
): void {
  for (const { line, source, scope } of body) {
    if (reports.full) return
    if (line.kind !== 'rule') continue
    const rule = attempt(() => lowerRule(line, new Context(source, scope, reports, table), chain.base?.hook))
    if (rule !== undefined) chain.rules.push(rule)
  }
}

function lowerHook(node: HookNode, context: Context): BaseChain {
  const type = node.type.text
  if (type === 'nat') context.fail(node.type, "nat belongs in the kernel's own ruleset: leave it there")
  if (type !== 'filter' && type !== 'route')
    return context.failUnknown(
      node.type,
      `there is no type of chains ${type}: expected filter or route`,
      type,
      ['filter', 'route'],
    )
  const hook = node.hook.text
  if (hook === 'ingress' || hook === 'egress')
    context.fail(
      node.hook,
      `hook ${hook} sees the packets of one device before the firewall does: leave it to the kernel`,
    )
  if (!HOOKS.includes(hook as HookName))
    context.failUnknown(node.hook, `there is no hook ${hook}`, hook, HOOKS)
  if (node.device !== null)
    context.fail(
      node.device,
      `hook ${hook} sees the packets of all devices: it has no device`,
      'match iifname or oifname',
    )
  if (type === 'route' && hook !== 'output')
    context.fail(node.hook, 'a chain of type route is at hook output only')
  const priority = priorityOf(node.priority, hook as HookName, context)
  const policy = node.policy === null ? 'accept' : policyOf(node.policy, context)
  return { type, hook: hook as HookName, priority, policy }
}

function policyOf(node: NameNode, context: Context): 'accept' | 'drop' {
  const policy = context.nameOf(node)
  if (policy === 'accept' || policy === 'drop') return policy
  return context.failUnknown(node, `${policy} is no policy: expected accept or drop`, policy, [
    'accept',
    'drop',
  ])
}

const LIMIT = 2 ** 31

function priorityOf(node: HookNode['priority'], hook: HookName, context: Context): number {
  let base = 0
  if (node.base !== undefined) {
    const text = context.nameOf(node.base)
    const names: Readonly<Record<string, number>> = { ...PRIORITIES[hook], ...MORE_PRIORITIES[hook] }
    if (Object.hasOwn(names, text)) base = names[text]!
    else if (/^-?\d{1,10}$/.test(text)) base = Number(text)
    else
      context.failUnknown(
        node.base as NameNode & Span,
        `hook ${hook} has no priority ${text}`,
        text,
        Object.keys(names),
      )
  }
  const priority = base + node.offset
  if (priority < -LIMIT || priority >= LIMIT) context.fail(node, `a priority has 32 bits`)
  return priority
}

/** Commands about a chain that stand outside of a table's braces. */
export function changeChain(
  verb: Verb,
  node: ChainNode,
  context: Context,
  place: (lines: readonly LineNode[]) => Placed[],
): void {
  const { chains } = context.table
  const name = context.nameOf(node.path.name!)
  const known = chains.get(name)
  switch (verb) {
    case 'create':
    case 'add': {
      if (verb === 'create' && known !== undefined) context.fail(node, `there is a chain ${name} already`)
      const body = place(node.body ?? [])
      const chain = declareChain(node, body, context)
      fillChain(chain, body, context.table, context.reports)
      return
    }
    case 'flush':
      if (known === undefined) context.failUnknown(node, `there is no chain ${name}`, name, chains.keys())
      known.rules = []
      return
    case 'delete':
    case 'destroy':
      if (known === undefined && verb === 'delete')
        context.failUnknown(node, `there is no chain ${name}`, name, chains.keys())
      if (known !== undefined && known.rules.length > 0)
        context.fail(node, `chain ${name} has rules: flush it first`)
      chains.delete(name)
      return
    default:
      context.fail(node, `${verb} does not go with a chain`)
  }
}
