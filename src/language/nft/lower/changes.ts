/** Commands about single rules: add, insert, replace, delete. */
import type { Rule } from '../../../ruleset/model.js'
import type { LineNode, Verb } from '../ast.js'
import type { ChainBuilder } from './builder.js'
import type { Context } from './context.js'
import { lowerRule } from './rules.js'

type RuleCommandNode = Extract<LineNode, { kind: 'rule command' }>

export function changeRule(verb: Verb, node: RuleCommandNode, context: Context): void {
  const { chains, name: table } = context.table
  const name = context.nameOf(node.path.name!)
  const chain = chains.get(name)
  if (chain === undefined) {
    if (verb === 'destroy') return
    context.failUnknown(
      node,
      `there is no chain ${name} in table ${context.family} ${table}`,
      name,
      chains.keys(),
    )
  }
  if (verb === 'delete' || verb === 'destroy') {
    if (node.place === null || node.rule !== null)
      context.fail(node, 'a rule is deleted by its handle', 'write delete rule TABLE CHAIN handle N')
    const at = placeOf(node, chain, context, verb === 'destroy')
    if (at !== undefined) chain.rules.splice(at, 1)
    return
  }
  if (node.rule === null) context.fail(node, 'a statement is expected here')
  if (verb === 'flush' || verb === 'create') context.fail(node, `${verb} does not go with a rule`)
  const at = node.place === null ? undefined : placeOf(node, chain, context, false)
  const rule = lowerRule(node.rule, context, chain.base?.hook)
  if (verb === 'replace') {
    if (node.place?.kind !== 'handle')
      context.fail(
        node,
        'a rule is replaced by its handle',
        'write replace rule TABLE CHAIN handle N STATEMENTS',
      )
    const { handle } = chain.rules[at!]!
    const replaced: Rule = handle === undefined ? rule : { ...rule, handle }
    chain.rules[at!] = replaced
  } else if (verb === 'insert') chain.rules.splice(at ?? 0, 0, rule)
  else chain.rules.splice(at === undefined ? chain.rules.length : at + 1, 0, rule)
}

/** Where in its chain the rule is that a command means. */
function placeOf(
  { place, ...node }: RuleCommandNode,
  chain: ChainBuilder,
  context: Context,
  optional: boolean,
): number | undefined {
  const number = Number(place!.number)
  const at = place!.kind === 'index' ? number : chain.rules.findIndex(({ handle }) => handle === number)
  if (at >= 0 && at < chain.rules.length) return at
  if (optional) return undefined
  return context.fail(node, `chain ${chain.name} has no rule with ${place!.kind} ${number}`)
}
