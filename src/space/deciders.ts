import type { HookName } from '../packet/packet.js'
import type { Ruleset } from '../ruleset/model.js'
import type { Point } from './boxes.js'
import { Decisions } from './decisions.js'
import { ALL } from './diagram.js'
import type { FieldName, Version } from './fields.js'
import type { Decider } from './outcomes.js'
import type { Space } from './space.js'

/** Fields that no rule writes. */
export const UNCHANGED: readonly FieldName[] = [
  'l4proto',
  'sport',
  'dport',
  'iifname',
  'oifname',
  'saddr4',
  'daddr4',
  'saddr6',
  'daddr6',
  'tcpFlags',
]

/** Who decides about a packet. */
export function deciderAt(
  space: Space,
  ruleset: Ruleset,
  hook: HookName,
  family: Version,
  point: Point,
): Decider {
  const { diagram, fields, outcomes } = space
  const variables = UNCHANGED.flatMap((name) => {
    const { presence, bits } = fields.field(name)
    return [...presence, ...bits]
  }).sort((a, b) => b - a)
  const care = variables.reduce((set, variable) => {
    const own = diagram.variable(variable)
    return diagram.and(point.get(variable) ? own : diagram.not(own), set)
  }, ALL)
  const node = new Decisions(space, ruleset, { labelled: true }).at(hook, family, care)
  return outcomes.at(diagram.at(node, (variable) => point.get(variable) ?? false)).by ?? {}
}
